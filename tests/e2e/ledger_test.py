"""200,000 events of a BatchCompute workload: each subscriber gets exactly what the ledger says.

Order within a topic, numbers that only rise, and an unbroken prev chain are checked on the numbers that
`sluice sub --numbers` adds to each event."""

import collections
import json
import os
import time
import unittest

from stack import BIN, LineReader, Stack, metrics, pattern_matches, wait_for

EVENTS = int(os.environ.get("SLUICE_TEST_EVENTS", "200000"))
PATTERNS = ("", "Job.", "*.On*Failed", "Cluster.OnInstanceActive")


class Ledger(unittest.TestCase):
    def test_every_subscriber_gets_what_the_ledger_says(self):
        with Stack() as stack:
            stack.start_mns_local()
            stack.start_broker()
            stack.topic_with_queue("batch", "batch-events")
            stack.start_bridge([stack.queue_source("batch-events", polls=8)])
            readers = {pattern: LineReader(stack.subscribe(pattern, args=["--numbers"])) for pattern in PATTERNS}
            began = time.monotonic()
            ledger = self.run_workload(stack)
            wanted = {p: collections.Counter(row["id"] for row in ledger if pattern_matches(p, row["topic"]))
                      for p in PATTERNS}
            for pattern, reader in readers.items():
                wait_for(lambda r=reader, p=pattern: len(r.lines) >= wanted[p].total(), f"pattern {pattern!r}", 120)
            seconds = time.monotonic() - began
            dead = sum(v for k, v in metrics(stack.bridge.endpoints["http"]).items() if "dead_letters" in k)
            for pattern, reader in readers.items():
                with self.subTest(pattern=pattern):
                    self.check(reader, wanted[pattern], ledger, pattern)
            wait_for(lambda: stack.mns.queue_counts("batch-events") == (0, 0), "an empty queue")
            self.assertEqual(dead, 0)
            print(f"{len(ledger)} events in {seconds:.1f} s: {len(ledger) / seconds:.0f}/s published and delivered "
                  f"to {len(PATTERNS)} subscribers, "
                  f"{sum(w.total() for w in wanted.values()) / seconds:.0f} deliveries/s; "
                  f"{dead:.0f} dead letters")

    def run_workload(self, stack):
        ledger = stack.folder / "ledger.jsonl"
        simulator = stack.start("batch-sim", [BIN / "batch-sim", "--endpoint", stack.mns_local.endpoints["endpoint"],
                                              "--topic", "batch", "--count", EVENTS, "--seed", "2", "--ledger", ledger])
        self.assertEqual(simulator.process.wait(240), 0, simulator.log())
        rows = [json.loads(line) for line in ledger.read_text().splitlines()]
        self.assertEqual(len(rows), EVENTS)
        return rows

    def check(self, reader, wanted, ledger, pattern):
        events = [json.loads(line) for line in reader.lines]
        self.assertEqual(collections.Counter(e["id"] for e in events), wanted, "missing or repeated")
        topic_of = {row["id"]: row["topic"] for row in ledger}
        last_on, batch_prev = {}, {}
        streams = {e["$stream"] for e in events}
        self.assertLessEqual(len(streams), 1)
        for event in events:
            self.assertEqual(event["$topic"], topic_of[event["id"]])
            topic, prev = event["$topic"], event["$prev"]
            # not across topics: what the feed lost of one comes later than what follows on another
            self.assertGreater(event["$number"], last_on.get(topic, 0), "the numbers of a topic rise strictly")
            if batch_prev.get(topic) != prev:  # the first event of a batch
                self.assertEqual(prev, last_on.get(topic, 0), "the prev chain is unbroken")
                batch_prev[topic] = prev
            last_on[topic] = event["$number"]
        reader.program.stop()
        self.assertNotIn("lost", reader.program.log().lower())


if __name__ == "__main__":
    unittest.main()
