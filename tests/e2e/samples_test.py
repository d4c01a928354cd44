"""Every documented notification, in every form MNS can carry it, arrives as its normal form.

6 samples of BatchCompute's documentation, verbatim, and one generated notification for each of the 19 events;
each through a topic into queues of the formats SIMPLIFIED, JSON and XML, plain and Base64."""

import base64
import json
import subprocess
import unittest

from normal_form import normal_form
from stack import ACCOUNT, BIN, REGION, ROOT, LineReader, Stack, wait_for

FORMATS = ("SIMPLIFIED", "JSON", "XML")
SAMPLES = ROOT / "tests" / "samples"


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
            stack.start_bridge([stack.queue_source(f"q-{f.lower()}") for f in FORMATS])
            lines = LineReader(stack.subscribe("", args=["--count", str(len(bodies) * 6)])).lines

            sent = {}
            for content_format in FORMATS:
                for body in bodies:
                    for text in (body, base64.b64encode(body.encode()).decode()):
                        message_id = stack.mns.publish(f"t-{content_format.lower()}", text)
                        sent[message_id] = (content_format, json.loads(body))
            wait_for(lambda: len(lines) == len(sent), "all events")
            self.compare([json.loads(line) for line in lines], sent)

    def compare(self, events, sent):
        simplified = []
        for event in events:
            if event["source"].endswith("/queues/q-simplified"):
                simplified.append(event)  # the topic's MessageId is lost on this way
                continue
            content_format, body = sent.pop(event["id"])
            source = f"acs:mns:{REGION}:{ACCOUNT}:/topics/t-{content_format.lower()}"
            expected = normal_form(body, event["id"], source, 0)
            self.assert_same(event, expected)
        left = [body for _, body in sent.values()]
        source = f"acs:mns:{REGION}:{ACCOUNT}:/queues/q-simplified"
        for event in simplified:
            expected = [normal_form(body, event["id"], source, 0) for body in left]
            for candidate in expected:
                candidate["time"] = event["time"]
            self.assertIn(list(event.items()), [list(candidate.items()) for candidate in expected])
            left.pop([list(candidate.items()) for candidate in expected].index(list(event.items())))
        self.assertEqual(left, [])

    def assert_same(self, event, expected):
        self.assertRegex(event["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$")
        expected["time"] = event["time"]
        self.assertEqual(list(event.items()), list(expected.items()))


if __name__ == "__main__":
    unittest.main()
