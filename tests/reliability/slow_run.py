"""Subscribers that stop (SIGSTOP) under load and wake again: each ends with everything, and the others had it meanwhile.

    feeder --> broker --> keepers, of which some are stopped while --seconds of load go by

The broker forgets a stopped subscriber after some seconds (heartbeats); before that its queue is full. Woken, each must
find within a second that it lacks something (its history says when it first asked), and then get it. The broker's
memory is bounded meanwhile.

    slow_run.py --subscribers 20 --stopped 10 --seconds 10 --rate 10000 --seed 1"""

import argparse
import signal
import sys
import time

from runs import AWAY, JOINED, REPLAY, Broker, Feeder, Keeper, Stack, finish, judge, verdicts, wait_for

LEARNS_WITHIN_S = 1.0
MEMORY_MIB = 64


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=20)
    parser.add_argument("--stopped", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slack-s", type=float, default=0, help="added to what is allowed, where others use the machine too")
    parser.add_argument("--durability", choices=("disk", "os"), default="disk")
    return parser.parse_args()


def anonymous_mib(program):
    """RssAnon: the journal's map would count in the rest."""
    with open(f"/proc/{program.program.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def learned(keeper, woken_ns):
    """Seconds from waking until the history says that something is missing: the connection, or events."""
    marks = [r[3] for r in keeper.records() if r[7] in (AWAY, JOINED, REPLAY) and r[3] > woken_ns]
    return (marks[0] - woken_ns) / 1e9 if marks else float("inf")


def main():
    options = parse()
    with Stack() as stack:
        broker = Broker(stack, "--durability", options.durability).start().wait_ready()
        keepers = [Keeper(stack, broker, f"keeper-{i + 1}").start() for i in range(options.subscribers)]
        for keeper in keepers:
            keeper.wait_ready()
        stopped, live = keepers[:options.stopped], keepers[options.stopped:]
        feeder = Feeder(stack, broker, events=int(options.rate * (options.seconds + 3)), rate=options.rate, seed=options.seed)
        for keeper in keepers:
            wait_for(lambda k=keeper: k.stored() > options.rate, f"a second of load at {keeper.name}")
        before_mib, peak_mib = anonymous_mib(broker), 0
        for keeper in stopped:
            keeper.program.process.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + options.seconds
        while time.monotonic() < deadline:
            broker.expect_alive()
            peak_mib = max(peak_mib, anonymous_mib(broker))
            time.sleep(0.05)
        head = broker.head()
        for keeper in live:
            wait_for(lambda k=keeper: k.stored() >= head - options.rate, f"{keeper.name} to keep up", 10)
        woken_ns = time.time_ns()
        for keeper in stopped:
            keeper.program.process.send_signal(signal.SIGCONT)
        feeder.wait()
        head = broker.head()
        for keeper in keepers:
            keeper.wait_stored(head)
        complete_s = (time.time_ns() - woken_ns) / 1e9
        for program in (*keepers, broker):
            program.stop()
        ledger, rows = verdicts([feeder.ledger], keepers)
        problems = judge(ledger, keepers, rows)
        learning = [learned(keeper, woken_ns) for keeper in stopped]
        problems += [f"{keeper.name} learned after {seconds:.2f} s that it lacks something"
                     for keeper, seconds in zip(stopped, learning) if seconds > LEARNS_WITHIN_S + options.slack_s]
        if peak_mib - before_mib > MEMORY_MIB:
            problems.append(f"the broker grew by {peak_mib - before_mib:.0f} MiB")
        return finish(
            f"slow run: seed={options.seed} durability={options.durability} subscribers={options.subscribers} stopped="
            f"{options.stopped} for {options.seconds:g} s rate={options.rate}/s events={ledger['events']} learned_max_s="
            f"{max(learning):.2f} complete_s={complete_s:.1f} missing={sum(row['missing'] for row in rows)} "
            f"repeats={sum(row['repeats'] for row in rows)} broker_grew_mib={peak_mib - before_mib:.1f}", problems)


if __name__ == "__main__":
    sys.exit(main())
