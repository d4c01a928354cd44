"""A fifth of the events is sent twice, while the broker is restarted: each is delivered exactly once.

feeder.c sends them in batches straight to the intake, the second send 1 to 131,072 events after the first, in the same
batch or long after. Half of the restarts are kill -9, half SIGTERM; one keeper stores what is delivered.

    redelivery_run.py --events 1000000 --restarts 8 --seed 1"""

import argparse
import random
import sys
import time

from runs import Broker, Feeder, Keeper, Stack, finish, judge, verdicts, wait_for


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--restarts", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("disk", "os"), default="disk")
    return parser.parse_args()


def restart_at(broker, keeper, number, kill):
    """Ends the broker when the keeper has stored `number`, and starts it again."""
    wait_for(lambda: broker.expect_alive() or keeper.stored() >= number, f"number {number}", 300)
    broker.kill() if kill else broker.stop()
    broker.start().wait_ready()


def main():
    options = parse()
    moments = random.Random(options.seed)
    with Stack() as stack:
        broker = Broker(stack, "--durability", options.durability).start().wait_ready()
        keeper = Keeper(stack, broker, "keeper").start().wait_ready()
        began = time.monotonic()
        feeder = Feeder(stack, broker, events=options.events, seed=options.seed, redeliver=20)
        places = sorted(moments.sample(range(options.events * 19 // 20), options.restarts))
        for i, number in enumerate(places):
            restart_at(broker, keeper, number, kill=i % 2 == 0)
        sent = feeder.wait()
        keeper.wait_stored(broker.head())
        seconds = time.monotonic() - began
        for program in (keeper, broker):
            program.stop()
        ledger, rows = verdicts([feeder.ledger], [keeper])
        problems = judge(ledger, [keeper], rows, events=options.events)
        if sent["again"] < options.events * 0.19:
            problems.append(f"only {sent['again']} were sent again")
        return finish(
            f"redelivery run: seed={options.seed} durability={options.durability} events={options.events} sent="
            f"{options.events + sent['again']} restarts={options.restarts} ({broker.kills} kill -9) resent_batches="
            f"{sent['resends']} recognised={sent['duplicates']} delivered={rows[0]['events']} missing={rows[0]['missing']} "
            f"repeats={rows[0]['repeats']} seconds={seconds:.1f} hash={ledger['hash']}", problems)


if __name__ == "__main__":
    sys.exit(main())
