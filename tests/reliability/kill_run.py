"""kill -9 of broker, bridge and subscribers at random, under load: nothing is missing, nothing comes twice.

    batch-sim --> queue of mns-local --> bridge† --> broker† --> keepers†   (their own history)
         \\                                               \\---> cursors†   (the broker keeps their place)
          ledger ==============================================' compared at the end

Every 1 to 5 seconds one of those marked † is killed and started again up to a second later; a broker is not killed again
before it was ready. Its journal keeps --retain: what is kept is read at each start. The keepers store number
and event in one write and go on behind the last number: their histories must be the ledger's, by hash, each event
once. The cursors commit twice a second: they may repeat what they had since their last commit, and nothing else.

A machine that cannot keep the rate proves nothing: what a killed bridge had in hand then comes again behind a queue longer
than the journal keeps, which is as far as a restarted broker recognises duplicates, and gets a second number.

    kill_run.py --seconds 600 --rate 20000 --seed 1"""

import argparse
import random
import sys
import time

from runs import BIN, Broker, Keeper, Restartable, Stack, finish, judge, verdicts, wait_for
from stack import ACCOUNT

QUEUE = "batch-events"
VISIBILITY_S = 8  # what a killed bridge had in hand comes back after this


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--retain", default="512M", help="the broker's --retain-bytes")
    parser.add_argument("--durability", choices=("disk", "os"), default="disk")
    return parser.parse_args()


class Run:
    def __init__(self, stack, options):
        self.stack, self.options, self.random = stack, options, random.Random(options.seed)
        self.slowest_start_s = 0.0
        stack.start_mns_local()
        stack.mns.create_queue(QUEUE, VisibilityTimeout=VISIBILITY_S)
        self.broker = Broker(stack, "--durability", options.durability, "--retain-bytes", options.retain).start().wait_ready()
        stack.start_bridge([stack.queue_source(QUEUE, polls=8)])
        stack.bridge.kill()  # its file is what was wanted
        self.bridge = Restartable(stack, "bridge", [BIN / "sluice-bridge", "--config", stack.folder / "bridge.json"])
        self.keepers = [Keeper(stack, self.broker, "keeper-1"), Keeper(stack, self.broker, "keeper-2"),
                        Keeper(stack, self.broker, "cursor-1", cursor=True),
                        Keeper(stack, self.broker, "cursor-2", "--order", "topic", cursor=True)]
        for program in (self.bridge, *self.keepers):
            program.start().wait_ready()

    def simulate(self):
        self.ledger = self.stack.folder / "ledger.jsonl"
        return self.stack.start("batch-sim", [
            BIN / "batch-sim", "--endpoint", self.stack.mns_local.endpoints["endpoint"], "--queue", QUEUE, "--format",
            "json", "--account", ACCOUNT, "--rate", self.options.rate, "--seconds",
            self.options.seconds, "--seed", self.options.seed, "--ledger", self.ledger])

    def victim(self):
        return self.random.choice((self.broker, self.bridge, self.random.choice(self.keepers)))

    def kill_until(self, end):
        """`end`: the process whose end ends the killing."""
        while True:
            pause, downtime = self.random.uniform(1, 5), self.random.choice((0, self.random.uniform(0, 1)))
            victim = self.victim()
            deadline = time.monotonic() + pause
            while time.monotonic() < deadline:
                if end.poll() is not None:
                    return
                self.expect_alive()
                time.sleep(0.05)
            victim.kill()
            time.sleep(downtime)
            began = time.monotonic()
            victim.start()
            if victim is self.broker:
                victim.wait_ready()
                self.slowest_start_s = max(self.slowest_start_s, time.monotonic() - began)

    def expect_alive(self):
        for program in (self.broker, self.bridge, *self.keepers):
            program.expect_alive()

    def settle(self):
        """Waits until the queue is empty and everyone has what the broker has."""
        wait_for(lambda: self.expect_alive() or self.stack.mns.queue_counts(QUEUE) == (0, 0), "an empty queue", 600)
        head = self.broker.head()
        for keeper in self.keepers:
            keeper.wait_stored(head)
        for program in (*self.keepers, self.bridge, self.broker):
            program.stop()
        return head


def main():
    options = parse()
    with Stack() as stack:
        run = Run(stack, options)
        began = time.monotonic()
        simulator = run.simulate()
        run.kill_until(simulator.process)
        if simulator.process.wait() != 0:
            raise AssertionError(f"batch-sim: {simulator.log()}")
        seconds = time.monotonic() - began
        head = run.settle()
        settled = time.monotonic() - began - seconds
        ledger, rows = verdicts([run.ledger], run.keepers)
        problems = judge(ledger, run.keepers, rows)
        if head != ledger["events"]:
            problems.append(f"{head} numbers for {ledger['events']} events: some came twice; where settling took long, from "
                            "behind what the journal keeps")
        kills = " ".join(f"{part.name}={part.kills}" for part in (run.broker, run.bridge, *run.keepers))
        cursors = [row for keeper, row in zip(run.keepers, rows) if keeper.kind == "cursor"]
        return finish(
            f"kill run: seed={options.seed} durability={options.durability} events={ledger['events']} "
            f"seconds={seconds:.0f} rate={ledger['events'] / seconds:.0f}/s settled_s={settled:.1f} slowest_start_s="
            f"{run.slowest_start_s:.1f} kills: {kills}; "
            f"missing={sum(row['missing'] for row in rows)} "
            f"keeper_repeats={sum(row['repeats'] for row in rows[:2])} cursor_repeats="
            f"{sum(row['repeats'] for row in cursors)} of {sum(row['allowed'] for row in cursors)} since commits, "
            f"beyond_commit={sum(row['beyond'] for row in cursors)} hash={ledger['hash']}", problems)


if __name__ == "__main__":
    sys.exit(main())
