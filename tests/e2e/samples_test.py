"""Every documented notification, in every form MNS can carry it, arrives as its normal form.

6 samples of BatchCompute's documentation, verbatim, and one generated notification for each of the 19 events;
each through a topic into queues of the formats SIMPLIFIED, JSON and XML, plain and Base64.  What arrives is
compared twice: as msgpack with all its types, by a subscriber that has nothing of ours, and as
`sluice sub` prints it."""

import base64
import json
import subprocess
import time
import unittest

from foreign_feed import Subscriber
from normal_form import as_json, normal_form, to_ms, with_types
from stack import ACCOUNT, BIN, REGION, ROOT, LineReader, Stack, wait_for

FORMATS = ("SIMPLIFIED", "JSON", "XML")
SAMPLES = ROOT / "tests" / "samples"
SLACK = 50  # ms; mns-local looks at the clock once and then counts on monotonically


def now_ms():
    return time.time_ns() // 1_000_000


def one_of_each():
    """One generated notification for each event, as JSON text."""
    found = {}
    simulator = subprocess.Popen([BIN / "batch-sim", "--print", "--seed", "7", "--count", "100000"],
                                 stdout=subprocess.PIPE)
    for line in simulator.stdout:
        body = json.loads(line)
        found.setdefault(f"{body['Category']}.{body['Event']}", line.decode().rstrip("\n"))
        if len(found) == 19:
            break
    simulator.kill()
    simulator.wait()
    simulator.stdout.close()
    return found


class Samples(unittest.TestCase):
    def test_every_notification_arrives_in_its_normal_form(self):
        samples = [path.read_text() for path in sorted(SAMPLES.glob("*.json"))]
        self.assertEqual(len(samples), 6)
        generated = one_of_each()
        self.assertEqual(len(generated), 19)
        bodies = samples + list(generated.values())

        with Stack() as stack:
            stack.start_mns_local()
            stack.start_broker()
            for content_format in FORMATS:
                name = content_format.lower()
                stack.topic_with_queue(f"t-{name}", f"q-{name}", content_format)
            foreign = Subscriber(stack.broker.endpoints["feed"], ["Job.", "Cluster."])
            self.addCleanup(foreign.close)
            foreign.join()
            lines = LineReader(stack.subscribe("", args=["--numbers", "--count", str(len(bodies) * 6)])).lines

            sent = self.publish(stack, bodies)
            # A clock read by the bridge or the broker is past every moment that MNS can have noted.
            wait_for(lambda: now_ms() > self.queued_by + SLACK, "the clock to move on")
            stack.start_bridge([stack.queue_source(f"q-{f.lower()}") for f in FORMATS])
            events = self.read(foreign, len(sent))
            wait_for(lambda: len(lines) == len(sent), "all lines")
            self.compare_json([json.loads(line) for line in lines], events)
            self.compare(list(events.values()), sent)

    def publish(self, stack, bodies):
        """Every body in every form, before there is a bridge; returns {id: (format, body, earliest, latest)}."""
        sent = {}
        for content_format in FORMATS:
            for body in bodies:
                for text in (body, base64.b64encode(body.encode()).decode()):
                    before = now_ms() - SLACK
                    message_id = stack.mns.publish(f"t-{content_format.lower()}", text)
                    sent[message_id] = (content_format, json.loads(body), before, now_ms() + SLACK)
        for content_format in FORMATS:
            queue = f"q-{content_format.lower()}"
            wait_for(lambda: stack.mns.queue_counts(queue) == (len(bodies) * 2, 0), f"{queue} to have them all")
        self.queued_by = now_ms() + SLACK
        return sent

    def read(self, subscriber, count):
        """number -> event, typed as msgpack types it."""
        events = {}
        while len(events) < count:
            _, header, batch = subscriber.batch()
            events.update(enumerate(batch, header["first"]))
        return events

    def compare_json(self, rows, events):
        """What `sluice sub` printed is what the feed carried."""
        self.assertEqual(len(rows), len(events))
        for row in rows:
            event = events[row["$number"]]
            printed = {name: value for name, value in row.items() if name[0] != "$"}
            self.assertEqual(with_types(printed), with_types(as_json(event)))

    def compare(self, events, sent):
        simplified = []
        for event in events:
            if event["source"].endswith("/queues/q-simplified"):
                simplified.append(event)  # the topic's MessageId is lost on this way
                continue
            content_format, body, before, after = sent.pop(event["id"])
            source = f"acs:mns:{REGION}:{ACCOUNT}:/topics/t-{content_format.lower()}"
            # PublishTime: the topic noted it while it was asked.
            self.assertTrue(before <= to_ms(event["time"]) <= after, (before, event["time"], after))
            expected = normal_form(body, event["id"], source, to_ms(event["time"]))
            self.assertEqual(with_types(event), with_types(expected))
        left = list(sent.values())
        source = f"acs:mns:{REGION}:{ACCOUNT}:/queues/q-simplified"
        for event in simplified:
            # EnqueueTime: from the publishing on, until all were seen in the queue.
            moment = to_ms(event["time"])
            expected = [with_types(normal_form(body, event["id"], source, moment))
                        if before <= moment <= self.queued_by else None for _, body, before, _ in left]
            self.assertIn(with_types(event), expected)
            left.pop(expected.index(with_types(event)))
        self.assertEqual(left, [])
        self.assertEqual(len({event["id"] for event in simplified}), len(simplified))


if __name__ == "__main__":
    unittest.main()
