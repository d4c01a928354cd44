"""sluice sub: where it begins, the place that a name keeps, orders, and what it says about losses."""

import json
import subprocess
import unittest

import zmq

from stack import BIN, LineReader, Stack, wait_for

SLUICE = BIN / "sluice"


class Sub(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.start("--durability", "disk", "--data", self.stack.folder / "data")

    def start(self, *args):
        self.at = self.stack.start_broker(*args).endpoints

    def publish(self, *numbers, topics=1, **more):
        events = ({"Category": "Job", "Event": f"On{i % topics}", "JobId": f"job-{i}", **more} for i in numbers)
        subprocess.run([SLUICE, "pub", "--intake", self.at["intake"]], text=True, capture_output=True, timeout=60,
                       input="".join(json.dumps(event) + "\n" for event in events), check=True)

    def argv(self, *args, patterns=("Job.",)):
        return [SLUICE, "sub", "--feed", self.at["feed"], "--query", self.at["query"], "--numbers",
                *map(str, args), "--", *patterns]

    def run_sub(self, *args, **more):
        """Runs to its end; its events, its exit code, what it said."""
        done = subprocess.run(self.argv(*args, **more), capture_output=True, timeout=60, check=False)
        return [json.loads(row) for row in done.stdout.splitlines()], done.returncode, done.stderr.decode()

    def jobs(self, *args, **more):
        events, code, said = self.run_sub(*args, **more)
        self.assertEqual((code, said), (0, ""))
        return [int(event["JobId"][4:]) for event in events]

    def cursors(self):
        told = subprocess.run([SLUICE, "cursor", "list", "--json", "--query", self.at["query"]], capture_output=True,
                              timeout=60, check=True).stdout
        return {row["name"]: row for row in map(json.loads, told.splitlines())}

    # -- where to begin

    def test_earliest_a_number_and_a_time(self):
        self.publish(*range(1, 101))
        for args, first in ((["--from", "earliest"], 1), (["--from", 0], 1), (["--from", 60], 61), (["--from", "-1h"], 1),
                            (["--from", "2020-01-01T00:00:00Z", "--order", "stream"], 1)):
            with self.subTest(args=args):
                self.assertEqual(self.jobs(*args, "--count", 101 - first), list(range(first, 101)))

    def test_now_is_only_what_comes(self):
        self.publish(1, 2, 3)
        sub = self.stack.start("sub", self.argv("--count", 2, "--ready")).wait_log("ready")
        self.publish(4, 5)
        self.assertEqual([json.loads(row)["JobId"] for row in sub.process.communicate(timeout=30)[0].splitlines()],
                         ["job-4", "job-5"])

    def test_the_past_is_followed_by_what_comes_without_a_seam(self):
        self.publish(*range(1, 501))
        sub = self.stack.start("sub", self.argv("--from", "earliest", "--count", 1000))
        reader = LineReader(sub)
        for first in range(501, 1001, 50):
            self.publish(*range(first, first + 50))
        self.assertEqual(sub.process.wait(30), 0)
        reader.join(30)
        self.assertEqual([json.loads(row)["$number"] for row in reader.lines], list(range(1, 1001)))

    def test_order_stream_never_goes_back(self):
        self.publish(*range(1, 301), topics=7)
        events, code, _ = self.run_sub("--from", "earliest", "--order", "stream", "--count", 300)
        self.assertEqual((code, [event["$number"] for event in events]), (0, list(range(1, 301))))

    # -- a name

    def test_a_name_goes_on_where_it_stopped(self):
        self.publish(*range(1, 51))
        self.assertEqual(self.jobs("--name", "billing", "--from", "earliest", "--count", 20), list(range(1, 21)))
        self.assertEqual(self.cursors()["billing"]["number"], 20)
        self.assertEqual(self.jobs("--name", "billing", "--count", 10), list(range(21, 31)))
        self.publish(*range(51, 61))
        self.assertEqual(self.jobs("--name", "billing", "--count", 30), list(range(31, 61)))

    def test_a_name_outlives_the_broker(self):
        self.publish(*range(1, 31))
        self.jobs("--name", "b", "--from", "earliest", "--count", 10)
        self.assertEqual(self.stack.broker.stop(), 0)
        self.start("--durability", "disk", "--data", self.stack.folder / "data")
        self.assertEqual(self.jobs("--name", "b", "--count", 20), list(range(11, 31)))

    def restart_below(self, *args):
        """Another broker where this one was, below a subscriber with a name that has dealt with 1 … 7."""
        sub = self.stack.start("sub", self.argv("--name", "b", "--ready", "--count", 12)).wait_log("ready")
        self.publish(*range(1, 6))
        wait_for(lambda: self.cursors()["b"]["number"] == 5, "a commit")
        subprocess.run([SLUICE, "journal", "backup", self.stack.folder / "data", self.stack.folder / "copy"],
                       capture_output=True, timeout=60, check=True)
        self.publish(6, 7)
        wait_for(lambda: self.cursors()["b"]["number"] == 7, "a commit")
        self.assertEqual(self.stack.broker.stop(), 0)
        self.start(*args, *(word for name in ("feed", "query", "intake") for word in (f"--{name}", self.at[name])))
        self.publish(*range(101, 106))
        told = sub.process.communicate(timeout=60)[0].splitlines()
        self.assertEqual([int(json.loads(row)["JobId"][4:]) for row in told], [*range(1, 8), *range(101, 106)])
        self.assertEqual(sub.process.returncode, 0, sub.log())
        self.assertRegex(sub.log(), "^ready\nstream: it is [0-9]+ now.*\n$")
        return self.cursors()["b"]["number"]

    def test_a_name_outlives_a_restore(self):
        self.assertEqual(self.restart_below("--durability", "disk", "--data", self.stack.folder / "copy"), 10)

    def test_a_name_outlives_a_broker_that_knows_nothing_any_more(self):
        self.assertEqual(self.restart_below("--durability", "memory"), 5)

    def test_what_runs_on_commits_every_second_and_at_the_end(self):
        sub = self.stack.start("sub", self.argv("--name", "b", "--ready")).wait_log("ready")
        LineReader(sub)
        self.publish(*range(1, 31))
        wait_for(lambda: self.cursors()["b"]["number"] == 30, "a commit")
        self.publish(31, 32)
        wait_for(lambda: self.cursors()["b"]["lag"] == 0, "the next commit")
        self.assertEqual(sub.stop(), 0)
        self.publish(33)
        self.assertEqual(self.jobs("--name", "b", "--count", 1), [33])

    def test_a_place_that_is_not_kept_is_told_though_the_broker_is_long_gone(self):
        feed, query = (f"ipc://{self.stack.folder}/{name}" for name in ("feed", "query"))
        again = ("--durability", "disk", "--data", self.stack.folder / "data")
        self.stack.broker.stop()
        self.start(*again, "--feed", feed, "--query", query)
        sub = self.stack.start("sub", self.argv("--name", "z", "--ready")).wait_log("ready")
        reader = LineReader(sub)
        self.publish(*range(1, 11))
        wait_for(lambda: len(reader.lines) == 10, "ten events")
        self.stack.broker.kill()
        with zmq.Context.instance().socket(zmq.XPUB) as deaf:  # shows when the subscriber connects anew: by libzmq, by itself
            deaf.setsockopt(zmq.XPUB_VERBOSE, 1)
            deaf.bind(feed)
            for _ in range(2):
                while not deaf.recv().startswith(b"\x01~sync."):
                    pass
            code = sub.stop()
        self.start(*again)
        kept = self.cursors().get("z", {}).get("number") == 10  # when its last commit was quicker than the kill
        self.assertEqual((code, sub.log()),
                         (0, "ready\n") if kept else (1, "ready\nsluice sub: the last commit: no answer\n"))

    def test_commit_none_moves_nothing(self):
        self.publish(*range(1, 11))
        for _ in range(2):
            self.assertEqual(self.jobs("--name", "b", "--from", "earliest", "--commit", "none", "--count", 5),
                             [1, 2, 3, 4, 5])

    def test_who_takes_a_name_fences_the_holder_before_off(self):
        first = self.stack.start("sub", self.argv("--name", "b", "--ready")).wait_log("ready")
        second = self.stack.start("sub", self.argv("--name", "b", "--ready")).wait_log("ready")
        self.publish(1)  # it hears of that when it has something to commit
        self.assertEqual(first.process.wait(30), 1)
        self.assertEqual(first.log(), "ready\nsluice sub: another holder opened the cursor\n")
        self.assertIsNone(second.process.poll())

    def test_other_patterns_under_a_name_are_told(self):
        self.publish(*range(1, 11))
        self.jobs("--name", "b", "--from", "earliest", "--count", 10)
        sub = self.stack.start("sub", self.argv("--name", "b", "--ready") + ["$dead.*"]).wait_log("behind number 10")
        self.assertIn("patterns: not those that b was kept with", sub.log())

    def test_reset_moves_a_name_and_drop_forgets_it(self):
        self.publish(*range(1, 21))
        self.jobs("--name", "b", "--from", "earliest", "--count", 20)
        for word, *args in (("reset", "--to", 15), ("drop",)):
            done = subprocess.run([SLUICE, "cursor", word, "b", *map(str, args), "--query", self.at["query"]],
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            if word == "reset":
                self.assertEqual(self.jobs("--name", "b", "--count", 5), [16, 17, 18, 19, 20])
        self.assertEqual(self.cursors(), {})

    # -- losses

    def test_what_retention_took_is_told_to_who_asked_for_it(self):
        self.stack.broker.stop()
        self.start("--durability", "memory", "--memory-bytes", 64 * 1024)
        for first in range(1, 2001, 500):
            self.publish(*range(first, first + 500), Pad="x" * 200)
        status = subprocess.run([SLUICE, "status", "--query", self.at["query"]], capture_output=True, timeout=60,
                                check=True).stdout
        first = json.loads(status)["journal"]["oldest"]
        self.assertGreater(first, 1)
        events, code, said = self.run_sub("--from", 0, "--count", 2001 - first)
        self.assertEqual((code, [event["$number"] for event in events]), (0, list(range(first, 2001))))
        self.assertRegex(said, rf"^lost: numbers 1 to {first - 1} of stream \d+ on Job\.On0: RETENTION\n"
                               rf"missed: 1 ranges, of {first - 1} numbers at most\n$")
        self.assertEqual(self.jobs("--from", "earliest", "--count", 2001 - first), list(range(first, 2001)))

    def test_another_stream_is_told(self):
        feed, query = (f"ipc://{self.stack.folder}/{name}" for name in ("feed", "query"))
        memory = ("--durability", "memory", "--feed", feed, "--query", query)
        self.stack.broker.stop()
        self.start(*memory)
        sub = self.stack.start("sub", self.argv("--ready")).wait_log("ready")
        LineReader(sub)
        self.stack.broker.stop()
        self.start(*memory)
        sub.wait_log("stream: it is ")
        self.assertEqual(sub.stop(), 0)

    # -- queries that nobody answers

    def test_a_query_endpoint_without_a_broker_is_told_once(self):
        self.publish(1)
        nobody = "tcp://127.0.0.1:1"
        sub = self.stack.start("sub", self.argv("--from", "earliest", "--query", nobody)).wait_log("no answer")
        self.assertEqual(sub.stop(), 0)
        self.assertEqual(sub.log(), f"sluice sub: {nobody}: no answer to queries; topics with a hole wait\n")

    def test_a_feed_without_its_query_endpoint_is_told(self):
        for more, said in (([], "sluice sub: --feed without --query: queries go to tcp://127.0.0.1:5552\n"),
                           (["--no-repair"], "")):
            done = subprocess.run([SLUICE, "sub", "--feed", self.at["feed"], "--timeout", "1", *more], timeout=60,
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr.decode()), (0, said))

    def test_wrong_usage_is_exit_2(self):
        for args in (["--from", "yesterday"], ["--stream", "7"], ["--name", "a b"], ["--commit", "none"],
                     ["--order", "none"]):
            with self.subTest(args=args):
                events, code, said = self.run_sub(*args)
                self.assertEqual((events, code, len(said.splitlines())), ([], 2, 1), said)


if __name__ == "__main__":
    unittest.main()
