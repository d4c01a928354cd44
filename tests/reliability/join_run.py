"""Late joins at random moments under load, from every kind of start: each history is the ledger's from there on.

joins.c makes the handles; a keeper that was there from the beginning is the ledger in number order, and is itself held
against what was sent.

    join_run.py --joins 100 --seconds 20 --rate 10000 --seed 1"""

import argparse
import subprocess
import sys

from runs import PROGRAMS, Broker, Feeder, Keeper, Stack, figures, finish, judge, verdicts, wait_for


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--joins", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=("disk", "os", "memory"), default="disk")
    return parser.parse_args()


def main():
    options = parse()
    with Stack() as stack:
        broker = Broker(stack, "--durability", options.durability).start().wait_ready()
        keeper = Keeper(stack, broker, "keeper").start().wait_ready()
        feeder = Feeder(stack, broker, events=options.rate * (options.seconds + 1), rate=options.rate, seed=options.seed)
        wait_for(lambda: keeper.stored() > 0, "the load")
        joins = stack.start("joins", [PROGRAMS / "joins", "--feed", broker.feed, "--query", broker.query, "--reference",
                                      keeper.history, "--count", options.joins, "--seconds", options.seconds, "--seed",
                                      options.seed], stdin=subprocess.PIPE)
        feeder.wait()
        keeper.wait_stored(broker.head())
        joins.process.stdin.close()  # the load has ended
        code = joins.process.wait(120)
        joined = figures(joins.process.stdout.read().decode())
        for program in (keeper, broker):
            program.stop()
        ledger, rows = verdicts([feeder.ledger], [keeper])
        problems = judge(ledger, [keeper], rows)
        if code != 0:
            problems += joins.log().splitlines() or [f"joins ended with {code}"]
        return finish(
            f"join run: seed={options.seed} durability={options.durability} events={ledger['events']} rate={options.rate}/s "
            + " ".join(f"{key}={value}" for key, value in joined.items()), problems)


if __name__ == "__main__":
    sys.exit(main())
