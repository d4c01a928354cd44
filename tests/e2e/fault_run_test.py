"""200,000 events while everything round the bridge fails, seeded: nothing is missing at the subscriber, nothing is there
twice, and the service never had a reason to throttle.

    batch-sim --> topic --> queue --faults--> bridge, queue source --+
                                                                     +--> broker --> sluice sub
    batch-sim --> topic --------faults------> bridge, push source ---+

    the ledgers ======================================================== what arrived

mns-local injects errors, hangs, resets, half answers, repeated, late and reordered messages, and deletes that fail in
part; once the bridge hears nothing from the broker, and once the broker itself is stopped. mns-local also keeps the service's
own rule on consumers that receive and do not delete: its peak of such messages is what counts, not what the bridge says."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import time
import unittest

from relay import Relay
from stack import ACCOUNT, BIN, REGION, LineReader, Stack, metrics, wait_for

EVENTS = int(os.environ.get("SLUICE_TEST_EVENTS", "200000"))
HALF = EVENTS // 2
VISIBILITY_S = 6  # what a lost answer hides comes back within the test
UNDELETED, PACE = 2000, 1000
TIME_SCALE = 50  # pushes are retried after 20 ms, 40 ms, …
SEED = 7


def queue_rules(queue):
    """A fifth of the receives and deletes goes wrong in one way or another, and some extensions."""
    hang = min(0.05, 10 / (HALF / 16))  # each holds something up for seconds: about ten
    receive = [
        {"action": "error", "code": "InternalError", "rate": 0.03},
        {"action": "error", "code": "ServiceUnavailable", "status": 503, "rate": 0.02},
        {"action": "reset", "rate": 0.01},
        {"action": "reset", "before": True, "rate": 0.01},
        {"action": "half", "rate": 0.01},
        {"action": "hang", "rate": hang},
        {"action": "delay", "ms": 300, "rate": 0.01},
        {"action": "twice", "rate": 0.02},
        {"action": "reorder", "rate": 0.05},
    ]
    delete = [
        {"action": "error", "code": "InternalError", "rate": 0.05},
        {"action": "reset", "rate": 0.01},
        {"action": "half", "rate": 0.01},
        {"action": "hang", "rate": hang},
        {"action": "partial", "rate": 0.05},
    ]
    extend = [
        {"action": "error", "code": "InternalError", "rate": 0.1},
        {"action": "reset", "rate": 0.05},
    ]
    rules = {"BatchReceiveMessage": receive, "BatchDeleteMessage": delete, "ChangeMessageVisibility": extend}
    return [{"op": op, "resource": queue, **rule} for op, faults in rules.items() for rule in faults]


def push_rules(topic):
    return [{"op": "Push", "resource": topic, **rule} for rule in (
        {"action": "error", "status": 500, "rate": 0.05},
        {"action": "hang", "rate": min(0.05, 50 / HALF)},
        {"action": "delay", "ms": 300, "rate": 0.02},
        {"action": "twice", "rate": 0.02},
        {"action": "reorder", "rate": 0.05},
    )]


class FaultRun(unittest.TestCase):
    def setUp(self):
        self.stack = stack = Stack()
        self.addCleanup(stack.__exit__, None, None, None)
        key = stack.folder / "push-key.pem"  # as small as the service's own: each push needs a signature
        subprocess.run(["openssl", "genrsa", "-out", str(key), "512"], check=True, capture_output=True)
        stack.start_mns_local("--throttle", "smq", "--time-scale", TIME_SCALE, "--push-key", key)
        stack.start_broker()
        self.relay = Relay(stack.broker.endpoints["intake"])
        self.addCleanup(self.relay.close)

    # -- asking ----------------------------------------------------------------------------------

    def mns_metric(self, name):
        return metrics(self.stack.mns_local.endpoints["endpoint"])[f"sluice_mns_local_{name}"]

    def of_source(self, source):
        ending = f'{{source="{source}"}}'
        return {name.removesuffix(ending).removeprefix("sluice_bridge_"): value
                for name, value in metrics(self.stack.bridge.endpoints["http"]).items() if name.endswith(ending)}

    def undeleted(self):
        of_queue = self.of_source("queue")
        return of_queue["undeleted"] + of_queue["undeleted_unseen"]

    def idle_rules(self, op=None):
        """Faults that have not happened yet."""
        return [rule for rule in json.loads(self.stack.local("/local/faults"))["faults"]
                if rule["fired"] == 0 and op in (None, rule["op"])]

    # -- the parts -------------------------------------------------------------------------------

    def make_queue(self):
        mns = self.stack.mns
        mns.create_topic("queued")
        mns.create_queue("queue", VisibilityTimeout=VISIBILITY_S)
        mns.subscribe("queued", "to-queue", f"acs:mns:{REGION}:{ACCOUNT}:queues/queue", "JSON")

    def start_bridge(self):
        certificate = self.stack.folder / "certificate.pem"
        certificate.write_bytes(self.stack.local("/local/certificate.pem"))
        bridge = self.stack.start_bridge([
            self.stack.queue_source("queue", polls=16, wait=2),
            {"type": "push", "topic": "pushed", "listen": "127.0.0.1:0", "region": REGION, "account": ACCOUNT,
             "certificate": str(certificate)}], broker=self.relay.endpoint)
        self.stack.mns.create_topic("pushed")
        self.stack.mns.subscribe("pushed", "to-bridge", bridge.endpoints["push"], "JSON",
                                 strategy="EXPONENTIAL_DECAY_RETRY")

    def simulate(self, topic, seed):
        ledger = self.stack.folder / f"{topic}.jsonl"
        return ledger, self.stack.start("batch-sim", [
            BIN / "batch-sim", "--endpoint", self.stack.mns_local.endpoints["endpoint"], "--topic", topic, "--count", HALF,
            "--seed", seed, "--ledger", ledger])

    @contextlib.contextmanager
    def broker_stopped(self):
        """Its subscribers' connections go too, and they must find what they missed."""
        self.stack.broker.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.stack.broker.process.send_signal(signal.SIGCONT)

    # -- what must hold --------------------------------------------------------------------------

    def expect_each_once(self, reader, ledgers):
        wanted = collections.Counter(json.loads(line)["id"] for ledger in ledgers
                                     for line in ledger.read_text().splitlines())
        self.assertEqual(wanted.total(), EVENTS)
        wait_for(lambda: len(reader.lines) >= EVENTS, f"{EVENTS} events", 200)
        wait_for(lambda: self.stack.mns.queue_counts("queue") == (0, 0), "an empty queue", 60)
        wait_for(lambda: self.mns_metric("pending_pushes") == 0, "all pushes to be done", 60)
        wait_for(lambda: self.undeleted() == 0, "nothing in hand", 60)
        seen = collections.Counter(json.loads(line)["id"] for line in reader.lines)
        self.assertEqual(seen, wanted, "missing or repeated")

    def expect_balance(self):
        """As docs/bridge.md says, at rest."""
        m = self.of_source("queue")
        gone = m["deleted_total"] + m["deleted_late_total"] + m["delete_given_up_total"]
        self.assertEqual(m["received_total"], gone + m["lapsed_total"] + m["left_total"])
        self.assertEqual(m["acked_total"] + m["filtered_total"], gone)

    def expect_no_reason_to_throttle(self):
        self.assertLessEqual(self.mns_metric("undeleted_peak"), UNDELETED)
        self.assertLessEqual(self.mns_metric("undeleted_pace_peak"), PACE)
        self.assertEqual(self.mns_metric("throttled_total"), 0)
        self.assertEqual(self.of_source("queue")["throttled_total"], 0)

    def test_nothing_is_lost_or_repeated_and_nothing_is_throttled(self):
        stack = self.stack
        self.make_queue()
        stack.local("/local/faults", {"seed": SEED, "faults": queue_rules("queue") + push_rules("pushed")})
        reader = LineReader(stack.subscribe(""))
        began = time.monotonic()
        runs = [self.simulate("queued", 11)]
        wait_for(lambda: stack.mns.queue_counts("queue")[0] >= 2 * UNDELETED, "a backlog", 100)
        self.start_bridge()
        runs.append(self.simulate("pushed", 12))
        for part, silence in ((HALF // 10, self.relay.stands_still), (HALF // 5, self.broker_stopped)):
            wait_for(lambda n=part: self.of_source("queue")["received_total"] > n, "a tenth of the events", 100)
            with silence():
                wait_for(lambda: self.undeleted() > UNDELETED - 16, "the bridge to have its hands full")
                wait_for(lambda: not self.idle_rules("ChangeMessageVisibility"), "extensions, and their faults")
        for _, simulator in runs:
            self.assertEqual(simulator.process.wait(240), 0, simulator.log())
        self.expect_each_once(reader, [ledger for ledger, _ in runs])
        seconds = time.monotonic() - began
        print(f"{EVENTS} events in {seconds:.1f} s; undeleted at most {self.mns_metric('undeleted_peak'):.0f}, within a "
              f"second {self.mns_metric('undeleted_pace_peak'):.0f} more")
        self.expect_balance()
        self.expect_no_reason_to_throttle()
        self.assertEqual(json.loads(self.stack.local("/local/dead")), {"pushes": []})
        self.assertEqual(self.of_source("pushed")["push_refused_as_forged_total"], 0)
        self.assertEqual(self.idle_rules(), [], "these never fired")


if __name__ == "__main__":
    unittest.main()
