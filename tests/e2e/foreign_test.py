"""Foreign clients, written from the documentation alone, read everything there is to read."""

import json
import re
import unittest

import msgpack

from foreign_feed import Publisher, Subscriber, decode, event_id
from foreign_query import Query
from normal_form import with_types
from stack import BIN, ROOT, LineReader, Stack, wait_for

COUNT = 3000
PREFIXES = ("Job.", "Cluster.")


def unwrap(value):
    """What tests/node/subscriber.js wrapped because JSON has no type for it."""
    if value.keys() == {"$int"}:
        return int(value["$int"])
    if value.keys() == {"$time"}:
        return msgpack.Timestamp(*value["$time"])
    return value


class Foreign(unittest.TestCase):
    def test_python_and_node_read_the_same_feed(self):
        with Stack() as stack:
            stack.start_mns_local()
            stack.start_broker()
            stack.topic_with_queue("batch", "batch-events")
            stack.start_bridge([stack.queue_source("batch-events")])
            node = stack.start("node", ["node", ROOT / "tests" / "node" / "subscriber.js",
                                        stack.broker.endpoints["feed"], COUNT, *PREFIXES])
            lines = LineReader(node).lines
            python = Subscriber(stack.broker.endpoints["feed"], PREFIXES)
            self.addCleanup(python.close)
            join_header, tails = python.join()
            self.assertEqual((join_header["first"], tails), (1, {}))
            wait_for(lambda: lines or node.process.poll() is not None, "node to join")
            self.assertEqual(lines[0], b"joined\n")
            ledger = self.run_workload(stack)
            seen = self.read_all(python, join_header["stream"])
            self.assertEqual(node.process.wait(60), 0, node.log())
            self.assertEqual({row["event"]["id"] for row in seen.values()}, {row["id"] for row in ledger})
            self.compare(seen, [json.loads(line, object_hook=unwrap) for line in lines[1:]])

    def run_workload(self, stack):
        path = stack.folder / "ledger.jsonl"
        simulator = stack.start("batch-sim", [BIN / "batch-sim", "--endpoint", stack.mns_local.endpoints["endpoint"],
                                              "--topic", "batch", "--count", COUNT, "--ledger", path])
        self.assertEqual(simulator.process.wait(60), 0, simulator.log())
        return [json.loads(line) for line in path.read_text().splitlines()]

    def read_all(self, subscriber, stream):
        """number -> topic, header and event; checks what the header promises on the way."""
        seen, tail, last_time = {}, {}, 0
        while len(seen) < COUNT:
            topic, header, events = subscriber.batch()
            self.assertEqual(header["stream"], stream)
            self.assertEqual(header["prev"], tail.get(topic, 0))
            self.assertGreaterEqual(header["time_ns"], last_time)
            self.assertIsNone(header["ext"])
            last_time = header["time_ns"]
            tail[topic] = header["first"] + header["count"] - 1
            for number, event in enumerate(events, header["first"]):
                self.assertEqual(f"{event['Category']}.{event['Event']}", topic)
                self.assertEqual(list(event)[:5], ["Category", "Event", "id", "source", "time"])
                seen[number] = {"topic": topic, "header": header, "event": event}
        return seen

    def compare(self, seen, rows):
        """Both read the same bytes to the same topics, headers and events, in the same order, typed alike."""
        self.assertEqual([row["number"] for row in rows], list(seen))
        for row in rows:
            python = seen[row["number"]]
            row["header"]["time_ns"] = row["header"].pop("timeNs")
            self.assertEqual(row["topic"], python["topic"])
            self.assertEqual(row["header"], python["header"])
            self.assertEqual(with_types(row["event"]), with_types(python["event"]))

    def test_the_examples_of_the_page_decode(self):
        page = (ROOT / "docs" / "protocol.md").read_text()
        example = {name: bytes.fromhex(text) for name, text in re.findall(r"```hex (\S+)\n(.*?)```", page, re.S)}
        topic, header, events = decode([example[f"feed.{part}"] for part in ("topic", "header", "body")])
        self.assertEqual((topic, header["prev"], header["first"], header["count"]), ("Job.OnJobFailed", 40, 42, 1))
        self.assertEqual(events, [{"Category": "Job", "Event": "OnJobFailed"}])
        topic, header, tails = decode([b"$tick", example["tick.header"], example["tick.body"]])
        self.assertEqual((header["first"], header["count"], tails), (43, 0, {"Job.OnJobFailed": 42}))
        topic, header, tails = decode([b"$tick", example["tick.parents"], example["tick.body"]])
        self.assertEqual(header["ext"], {"parents": [[0x0102030405060708, 40]]})
        ids = msgpack.unpackb(example["intake.pub"])[5]
        self.assertEqual(ids, event_id("acs:mns:cn-hangzhou:123456789012:/topics/batch",
                                       "5F290C926D472878-2-14D9529A8FA-200000001"))

    def test_the_examples_of_questions_and_answers_decode(self):
        page = (ROOT / "docs" / "protocol.md").read_text()
        stream, parent = 0x1122334455667788, 0x0102030405060708
        wanted = {"status": [1, "STATUS", 7], "find": [1, "FIND", 8, 1780315200000000000],
                  "found": [1, "FIND", 8, stream, 41, 43, 0],
                  "replay": [1, "REPLAY", 9, stream, 41, None, ["Job.", "$dead."], 1 << 20],
                  "batch": [1, "BATCH", 9], "lost": [1, "LOST", 9, 12, 30, "RETENTION"], "done": [1, "DONE", 9, 42],
                  "wrong_stream": [1, "WRONG_STREAM", 9, stream, 31, 43, [[parent, 40]]],
                  "credit": [1, "CREDIT", 9, 65536], "cancel": [1, "CANCEL", 9],
                  "cursor_open": [1, "CURSOR.OPEN", 10, "audit", ["Job.*"]],
                  "cursor_opened": [1, "CURSOR.OPEN", 10, 3, stream, 41, ["Job.*"]],
                  "cursor_commit": [1, "CURSOR.COMMIT", 11, "audit", 3, stream, 42],
                  "cursor_committed": [1, "CURSOR.COMMIT", 11, 42],
                  "error": [1, "ERROR", 12, "FENCED", "another holder opened the cursor since"]}
        shown = {name: msgpack.unpackb(bytes.fromhex(text))
                 for name, text in re.findall(r"```hex query\.(\S+)\n(.*?)```", page, re.S)}
        self.assertEqual(shown, wanted)

    def test_a_python_publisher_is_numbered_acknowledged_and_recognised(self):
        with Stack() as stack:
            stack.start_broker()
            subscriber = Subscriber(stack.broker.endpoints["feed"], ["Job."])
            subscriber.join()
            publisher = Publisher(stack.broker.endpoints["intake"])
            welcome = publisher.hello()
            self.assertEqual(welcome[:3], [1, "WELCOME", 0])
            events = [{"Category": "Job", "Event": "OnJobFailed", "id": str(n)} for n in range(3)]
            ids = b"".join(event_id("foreign", str(n)) for n in range(3))
            self.assertEqual(publisher.publish("Job.OnJobFailed", events, ids), [1, "ACK", 1, 1, 3, 3, 0])
            self.assertEqual(publisher.publish("Job.OnJobFailed", events, ids)[:2], [1, "ACK"])
            self.assertEqual(publisher.publish("Job.OnJobFailed", events[:1], event_id("foreign", "new")),
                             [1, "ACK", 3, 4, 4, 1, 0])
            got = []
            while len(got) < 4:
                topic, header, batch = subscriber.batch()
                self.assertEqual(header["stream"], welcome[3])
                got += batch
            self.assertEqual(got, events + events[:1])
            publisher.close()
            subscriber.close()

    def test_a_python_client_replays_and_keeps_a_cursor(self):
        with Stack() as stack:
            durable = ["--durability", "disk", "--data", stack.folder / "data"]
            stack.start_broker(*durable)
            publisher = Publisher(stack.broker.endpoints["intake"])
            stream = publisher.hello()[3]
            topics = ["Job.OnJobFailed", "Cluster.OnClusterDeleted", "$dead.BrokenJson"]
            published = []
            for n in range(30):
                event = {"Category": "Job", "Event": "OnJobFailed", "id": str(n)}
                self.assertEqual(publisher.publish(topics[n % 3], [event])[:2], [1, "ACK"])
                published.append((n + 1, topics[n % 3], event))
            query = Query(stack.broker.endpoints["query"])
            self.assertEqual(query.ask("FIND", None)[3:], [stream, 0, 31, 0])
            self.assertEqual(self.replayed(query, stream, 0, None, [""]), [p for p in published if p[1][0] != "$"])
            self.assertEqual(self.replayed(query, stream, 12, 20, ["Job.", "$dead."]),
                             [p for p in published[12:20] if p[1] != topics[1]])
            self.assertEqual(next(query.replay(stream ^ 1, 0, None, [""])), ("WRONG_STREAM", stream, 1, 31, []))
            generation, *place, patterns = query.ask("CURSOR.OPEN", "audit", ["Job.*"])[3:]
            self.assertEqual((place, patterns), ([None, None], None))
            self.assertEqual(query.ask("CURSOR.COMMIT", "audit", generation, stream, 17)[3:], [17])
            self.assertEqual(query.ask("CURSOR.COMMIT", "audit", generation, stream, 16)[3], "BACKWARDS")
            self.assertEqual(stack.broker.stop(), 0)

            stack.start_broker(*durable)
            query.close()
            query = Query(stack.broker.endpoints["query"])
            newer, *place, patterns = query.ask("CURSOR.OPEN", "audit", ["Job."])[3:]
            self.assertEqual((place, patterns), ([stream, 17], ["Job.*"]))
            self.assertEqual(query.ask("CURSOR.COMMIT", "audit", generation, stream, 18)[3], "FENCED")
            self.assertEqual(query.ask("CURSOR.RESET", "audit", newer, stream, 5)[3:], [5])
            self.assertEqual(self.replayed(query, stream, 17, None, [""])[0][0], 19)
            cursors = query.ask("STATUS")[3]["cursors"]
            self.assertEqual([(c["name"], c["number"], c["lag"]) for c in cursors], [("audit", 5, 25)])
            self.assertEqual(query.ask("CURSOR.DROP", "audit")[1], "CURSOR.DROP")
            self.assertEqual(query.ask("CURSOR.DROP", "audit")[3], "NAME")
            publisher.close()
            query.close()

    def replayed(self, query, stream, after, until, prefixes):
        """(number, topic, event) of what lies in (after, until]; the replay must end there, and lose nothing."""
        got = []
        for kind, *rest in query.replay(stream, after, until, prefixes):
            if kind == "DONE":
                self.assertEqual(rest, [30 if until is None else until])
                return got
            topic, header, events = rest
            self.assertEqual((kind, header["stream"]), ("BATCH", stream))
            got += [(number, topic, event) for number, event in enumerate(events, header["first"])
                    if after < number <= (until or number)]


if __name__ == "__main__":
    unittest.main()
