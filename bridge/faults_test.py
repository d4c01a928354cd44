"""What a bridge does when the programs round it die, stop or are not there yet: with the real ones.

Each test counts events at a subscriber: every message of the queue arrives once, whatever happened on the way, and
the queue is empty afterwards."""

import collections
import json
import os
import pathlib
import signal
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))

from stack import ACCOUNT, REGION, LineReader, Stack, metrics, wait_for  # noqa: E402

COUNT = int(os.environ.get("SLUICE_TEST_EVENTS", "20000")) // 10
VISIBILITY_S = 3  # short, so that what a dead bridge held comes back soon


def bodies(first, count):
    return [json.dumps({"Category": "Job", "Event": "OnJobFailed", "JobId": f"job-{n}"}) for n in
            range(first, first + count)]


def send(stack, queue, texts):
    for at in range(0, len(texts), 16):
        inner = "".join(f"<Message><MessageBody>{text}</MessageBody></Message>" for text in texts[at:at + 16])
        stack.mns.call("POST", f"/queues/{queue}/messages", f"<Messages>{inner}</Messages>")


def ready(bridge):
    """(is it, what /readyz says)"""
    try:
        with urllib.request.urlopen(bridge.endpoints["http"] + "/readyz", timeout=10) as answer:
            return True, answer.read().decode()
    except urllib.error.HTTPError as error:
        return False, error.read().decode()


class Faults(unittest.TestCase):
    def setUp(self):
        self.stack = stack = Stack()
        self.addCleanup(stack.__exit__, None, None, None)
        stack.start_mns_local()
        stack.start_broker()
        stack.mns.create_queue("q", VisibilityTimeout=VISIBILITY_S)

    def bridge(self, **more):
        return self.stack.start_bridge([self.stack.queue_source("q", **more)])

    def counter(self, name):
        return metrics(self.stack.bridge.endpoints["http"]).get(f'sluice_bridge_{name}{{source="q"}}', 0)

    def expect_each_once(self, reader, count):
        wait_for(lambda: len(reader.lines) >= count, f"{count} events", 60)
        wait_for(lambda: self.stack.mns.queue_counts("q") == (0, 0), "an empty queue", 60)
        jobs = collections.Counter(json.loads(line)["JobId"] for line in reader.lines)
        self.assertEqual(jobs, {f"job-{n}": 1 for n in range(count)})

    def test_a_bridge_that_is_killed_loses_and_repeats_nothing(self):
        reader = LineReader(self.stack.subscribe(""))
        for part in range(4):
            send(self.stack, "q", bodies(part * COUNT, COUNT))
            bridge = self.bridge()
            wait_for(lambda: len(reader.lines) > part * COUNT, "some events")
            if part < 3:
                bridge.kill()
        self.expect_each_once(reader, 4 * COUNT)

    def test_a_bridge_that_is_told_to_stop_leaves_nothing_half_done(self):
        reader = LineReader(self.stack.subscribe(""))
        for part in range(4):
            send(self.stack, "q", bodies(part * COUNT, COUNT))
            bridge = self.bridge()
            wait_for(lambda: len(reader.lines) > part * COUNT, "some events")
            if part < 3:
                self.assertEqual(bridge.stop(), 0)
                self.assertEqual(self.stack.mns.queue_counts("q")[1], 0, "received and not deleted")
        self.expect_each_once(reader, 4 * COUNT)

    def test_receiving_stops_with_the_broker_and_goes_on_with_it(self):
        reader = LineReader(self.stack.subscribe(""))
        bridge = self.bridge(undeleted=200)
        wait_for(lambda: ready(bridge)[0], "the bridge to be ready")
        os.kill(self.stack.broker.process.pid, signal.SIGSTOP)
        try:
            send(self.stack, "q", bodies(0, COUNT))
            wait_for(lambda: self.counter("polls_in_flight") == 0, "receiving to stop")
            self.assertLessEqual(self.counter("undeleted"), 200)
            self.assertEqual(self.counter("deleted_total"), 0)
        finally:
            os.kill(self.stack.broker.process.pid, signal.SIGCONT)
        self.expect_each_once(reader, COUNT)

    def test_a_broker_that_comes_later_gets_everything(self):
        ports = {name: self.stack.broker.endpoints[name] for name in ("feed", "intake", "query")}
        self.assertEqual(self.stack.broker.stop(), 0)
        bridge = self.bridge()
        send(self.stack, "q", bodies(0, COUNT))
        wait_for(lambda: "broker" in ready(bridge)[1], "/readyz to name the broker")
        self.assertEqual(self.stack.mns.queue_counts("q"), (COUNT, 0), "nothing is taken before")
        self.stack.start_broker(*(word for name, at in ports.items() for word in (f"--{name}", at)))
        wait_for(lambda: self.counter("acked_total") == COUNT, "all to be acknowledged", 60)
        wait_for(lambda: self.stack.mns.queue_counts("q") == (0, 0), "an empty queue", 60)
        wait_for(lambda: ready(bridge)[0], "the bridge to be ready")

    def test_a_broker_that_dies_is_given_the_rest_when_it_is_back(self):
        ports = {name: self.stack.broker.endpoints[name] for name in ("feed", "intake", "query")}
        self.bridge()
        send(self.stack, "q", bodies(0, COUNT))
        wait_for(lambda: self.counter("acked_total") > 0, "some acknowledgements")
        self.stack.broker.kill()
        self.stack.start_broker(*(word for name, at in ports.items() for word in (f"--{name}", at)))
        send(self.stack, "q", bodies(COUNT, COUNT))
        wait_for(lambda: self.stack.mns.queue_counts("q") == (0, 0), "an empty queue", 60)
        self.assertGreaterEqual(self.counter("acked_total"), 2 * COUNT)

    def test_each_fault_of_mns_costs_no_event_and_repeats_none(self):
        stack = self.stack
        reader = LineReader(stack.subscribe(""))
        self.bridge(wait=1)
        sent = 0
        for op, rule in (("BatchReceiveMessage", {"action": "error", "code": "InternalError", "next": 3}),
                         ("BatchReceiveMessage", {"action": "reset", "next": 5}),
                         ("BatchReceiveMessage", {"action": "half", "next": 5}),
                         ("BatchReceiveMessage", {"action": "hang", "next": 2}),
                         ("BatchReceiveMessage", {"action": "twice", "next": 5}),
                         ("BatchReceiveMessage", {"action": "clock", "next": 2}),
                         ("BatchDeleteMessage", {"action": "error", "code": "InternalError", "next": 5}),
                         ("BatchDeleteMessage", {"action": "reset", "next": 5}),
                         ("BatchDeleteMessage", {"action": "half", "next": 5}),
                         ("BatchDeleteMessage", {"action": "partial", "next": 5})):
            with self.subTest(op=op, **rule):
                stack.local("/local/faults", [{"op": op, **rule}])
                send(stack, "q", bodies(sent, 400))
                sent += 400
                self.expect_each_once(reader, sent)
        fired = [rule["fired"] for rule in json.loads(stack.local("/local/faults"))["faults"]]
        self.assertGreater(min(fired), 0, fired)

    def test_a_throttled_queue_is_left_alone_as_long_as_mns_asks(self):
        reader = LineReader(self.stack.subscribe(""))
        bridge = self.bridge()
        wait_for(lambda: ready(bridge)[0], "the bridge to be ready")
        self.stack.local("/local/faults", [{"op": "BatchReceiveMessage", "next": 3, "action": "throttle"}])
        send(self.stack, "q", bodies(0, 500))
        self.expect_each_once(reader, 500)
        self.assertGreaterEqual(self.counter("throttled_total"), 3)
        self.assertEqual(self.counter("receive_errors_total"), 0)
        self.assertTrue(ready(bridge)[0])

    def test_what_a_slow_broker_has_not_taken_is_kept_by_extending_its_visibility(self):
        bridge = self.bridge()
        wait_for(lambda: ready(bridge)[0], "the bridge to be ready")
        os.kill(self.stack.broker.process.pid, signal.SIGSTOP)
        try:
            send(self.stack, "q", bodies(0, 100))
            wait_for(lambda: self.counter("extended_total") >= 200, "each to be extended twice")
        finally:
            os.kill(self.stack.broker.process.pid, signal.SIGCONT)
        wait_for(lambda: self.stack.mns.queue_counts("q") == (0, 0), "an empty queue", 60)
        self.assertEqual(self.counter("lapsed_total"), 0)
        self.assertEqual(self.counter("received_total"), 100)
        self.assertEqual(self.counter("deleted_total"), 100)

    def test_a_queue_that_is_made_later_is_found_and_the_other_is_not_disturbed(self):
        stack = self.stack
        reader = LineReader(stack.subscribe(""))
        bridge = stack.start_bridge([stack.queue_source("q"), stack.queue_source("later")])
        wait_for(lambda: "later: the queue does not exist" in ready(bridge)[1], "/readyz to say so")
        send(stack, "q", bodies(0, COUNT))
        self.expect_each_once(reader, COUNT)
        self.assertFalse(ready(bridge)[0])
        stack.mns.create_queue("later", VisibilityTimeout=VISIBILITY_S)
        wait_for(lambda: ready(bridge)[0], "the bridge to be ready", 60)
        send(stack, "later", bodies(COUNT, 1))
        wait_for(lambda: len(reader.lines) == COUNT + 1, "its event")

    def test_a_notification_block_names_the_topic_and_filters(self):
        stack = self.stack
        reader = LineReader(stack.subscribe(""))
        stack.start_bridge([{"queue": "q", "region": REGION, "account": ACCOUNT, "Notification": {"Topic": {
            "Name": "test-topic", "Endpoint": stack.mns_local.endpoints["endpoint"] + "/",
            "Events": ["OnJobFailed"]}}}])
        send(stack, "q", ['{"Category":"Job","Event":"OnJobFinished"}'] * 5 + bodies(0, 3))
        self.expect_each_once(reader, 3)
        self.assertEqual(self.counter("filtered_total"), 5)
        self.assertEqual({json.loads(line)["source"] for line in reader.lines},
                         {f"acs:mns:{REGION}:{ACCOUNT}:/topics/test-topic"})


if __name__ == "__main__":
    unittest.main()
