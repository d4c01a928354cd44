"""Power cuts of the broker while the bridge empties a queue: MNS forgets nothing that the disk does not have.

    bridge_cuts.py [--cuts 20] [--seed 1]

    publish --> topic --> queue --> bridge --> broker --> | disk, whose power fails

After each cut: the queue of mns-local has lost no more messages than the journal holds events. At the end, when the queue is
empty: every message is in the journal, once. So a message that was deleted before its sync, in any of the cuts, is
missed here at the latest, since nobody would send it again."""

import argparse
import json
import socket
import sys

from broker_cuts import Journal, Rounds
from foreign_feed import event_id
from stack import ACCOUNT, KEYS, REGION, Stack, metrics, wait_for
from mns_http import Mns

SOURCE = f"acs:mns:{REGION}:{ACCOUNT}:/topics/batch"


def free_endpoint():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return "tcp://127.0.0.1:%d" % listener.getsockname()[1]


class BridgeRounds:
    def __init__(self, stack, seed):
        self.stack, self.rounds = stack, Rounds(stack, "disk", seed)
        self.intake, self.published, self.deleted = free_endpoint(), [], 0
        stack.start_mns_local()
        stack.topic_with_queue("batch", "batch-queue")
        stack.broker = self.rounds.start(intake=self.intake)
        stack.start_bridge([stack.queue_source("batch-queue")])
        self.rounds.broker.kill()
        self.rounds.cut()

    def publish(self, broker):
        """Until the power fails."""
        mns = Mns(self.stack.mns_local.endpoints["endpoint"], *KEYS.values())
        while broker.process.poll() is None:
            body = json.dumps({"Category": "Job", "Event": "OnJobFailed", "JobName": f"job-{len(self.published)}"})
            self.published.append(mns.publish("batch", body))
        mns.close()

    def left(self):
        return sum(self.stack.mns.queue_counts("batch-queue"))

    def deletes_are_done(self):
        """What was acknowledged is deleted; without a broker nothing more comes."""
        counts = metrics(self.stack.bridge.endpoints["http"])
        acked, deleted = (counts[f'sluice_bridge_{name}_total{{source="batch-queue"}}'] for name in ("acked", "deleted"))
        return acked == deleted

    def round(self):
        """@return what is wrong, a list."""
        broker, wrong = self.rounds.start(self.rounds.some_time(), self.intake), []
        if broker is not None:
            wrong = self.judge()
            self.publish(broker)
        self.rounds.cut()
        wait_for(self.deletes_are_done, "the bridge's deletes")
        self.deleted = len(self.published) - self.left()
        return wrong

    def judge(self):
        kept = len({identity for _, identity in self.journal().values()})
        return [f"MNS gave up {self.deleted} messages, the journal has {kept}"] if self.deleted > kept else []

    def journal(self):
        return Journal().read(self.rounds.disk.data / "journal").records

    def finish(self):
        """Lets everything arrive. @return what is wrong, a list."""
        self.rounds.start(intake=self.intake)
        wait_for(lambda: self.left() == 0, "the queue to be empty", 60)
        expected = sorted(event_id(SOURCE, message).hex() for message in self.published)
        found = sorted(identity for _, identity in self.journal().values())
        missing, repeated = len(set(expected) - set(found)), len(found) - len(set(found))
        return [f"{missing} messages are missing, {repeated} repeated"] if missing or repeated else []


def run(cuts, seed, say=lambda line: None):
    """@return (violations, messages)"""
    violations = 0
    with Stack() as stack:
        rounds = BridgeRounds(stack, seed)
        for number in range(cuts):
            for problem in rounds.round():
                violations += 1
                say(f"cut {number}: {problem}")
        for problem in rounds.finish():
            violations += 1
            say(f"at the end: {problem}")
        return violations, len(rounds.published)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cuts", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    violations, messages = run(o.cuts, o.seed, print)
    print(f"cuts={o.cuts} seed={o.seed} messages={messages} violations={violations}")
    sys.exit(violations != 0)


if __name__ == "__main__":
    main()
