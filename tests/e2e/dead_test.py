"""sluice dead list|show|redrive: what each says, what is published again, and a broker that is in trouble."""

import collections
import json
import os
import pty
import subprocess
import unittest

import msgpack

from foreign_feed import Subscriber
from scripted_query import Journal, ScriptedQuery, batch
from stack import BIN, Stack, wait_for

SLUICE = BIN / "sluice"
SOURCE = "acs:mns:cn-hangzhou:123456789012:/queues/q"
EVENT = b'{"Category":"Job","Event":"OnJobFailed","JobId":"job-1"}'
TIME = msgpack.Timestamp(1780315200, 123000000)


def letter(reason, body, id="m-1", source=SOURCE, detail="as the test has it"):
    return {"Category": "$dead", "Event": reason, "id": id, "source": source, "time": TIME, "Body": body,
            "Detail": detail, "Attempt": 3}


def sluice(*args, **options):
    return subprocess.run([str(SLUICE), *map(str, args)], capture_output=True, timeout=60, **options)


def terminal(*args):
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    result = subprocess.run([str(SLUICE), *map(str, args)], stdout=theirs, timeout=60, check=False)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return result.returncode, shown.replace("\r\n", "\n")


# Three dead letters among events of other topics: numbers 2, 3 and 7.
HELD = Journal(("Job.OnJobFailed", 1, [{"id": "x"}]),
               ("$dead.BrokenJson", 2, [letter("BrokenJson", b"{broken"),
                                        letter("BrokenJson", b"\x00\xff" * 20, "m-2")]),
               ("Job.OnJobFailed", 4, [{"id": "y"}] * 3),
               ("$dead.Refused", 7, [letter("Refused", EVENT, "m-7")]),
               ("Job.OnJobFailed", 8, [{"id": "z"}]))


class Scripted(unittest.TestCase):
    """What a command does with a journal that a test scripts."""

    def query(self, script):
        query = ScriptedQuery(script)
        query.__enter__()
        self.addCleanup(query.__exit__, None, None, None)
        return query

    def dead(self, word, *args, script=HELD):
        query = self.query(script)
        return sluice("dead", word, "--query", query.endpoint, *args), query


class Looking(Scripted):
    def test_list_has_a_line_for_each_and_ends(self):
        result, query = self.dead("list")
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        rows = [row.split("\t") for row in result.stdout.decode().splitlines()]
        self.assertEqual(rows[0], ["2", "2026-06-01T12:00:00Z", "BrokenJson", SOURCE, "m-1", "as the test has it"])
        self.assertEqual([(row[0], row[2]) for row in rows],
                         [("2", "BrokenJson"), ("3", "BrokenJson"), ("7", "Refused")])
        self.assertEqual(query.questions[1][6], ["$dead."])

    def test_list_by_reason_limit_and_since(self):
        held = Journal(("$dead.Broken", 1, [letter("Broken", b"")]), *HELD.batches[1:])
        for args, numbers in ((["--reason", "Broken"], [1]), (["--reason", "BrokenJson"], [2, 3]),
                              (["--limit", 2], [1, 2]), (["--reason", "None"], [])):
            with self.subTest(args=args):
                result, _ = self.dead("list", "--json", *args, script=held)
                self.assertEqual(result.returncode, 0)
                self.assertEqual([json.loads(row)["number"] for row in result.stdout.splitlines()], numbers)
        _, query = self.dead("list", "--since", "2026-06-01T12:00:00Z")
        self.assertEqual(query.questions[0], [1, "FIND", 1, 1780315200_000000000])

    def test_a_time_before_what_is_kept_is_told_and_the_beginning_is_not(self):
        held = Journal(("$dead.Broken", 11, [letter("Broken", b"")]), oldest=11, taken=10)
        for args, said in (([], b""), (["--since", "2026-06-01T12:00:00Z"],
                                       b"lost: numbers 1 to 10 of stream 7: RETENTION\n")):
            result, _ = self.dead("list", "--json", *args, script=held)
            self.assertEqual((result.returncode, json.loads(result.stdout)["number"], result.stderr), (0, 11, said))

    def test_an_empty_journal_has_no_dead_letters(self):
        result, _ = self.dead("list", script=Journal())
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))

    def test_list_on_a_terminal_is_a_table_that_nothing_breaks(self):
        held = Journal(("$dead.BadUtf8", 1, [letter("BadUtf8", b"", detail="\x1b[2J" + "long " * 100)]))
        code, shown = terminal("dead", "list", "--query", self.query(held).endpoint)
        self.assertEqual(code, 0)
        self.assertRegex(shown, r"^number +time +reason +source +id +detail\n1 +2026-06-01T12:00:00Z +BadUtf8 ")
        self.assertNotIn("\x1b", shown)
        self.assertEqual(len(shown.splitlines()), 2)

    def test_show_tells_everything(self):
        shown = json.loads(self.dead("show", 7, "--json")[0].stdout)
        self.assertEqual(shown, {"number": 7, "stream": 7, "time": "2026-06-01T12:00:00Z", "reason": "Refused",
                                 "detail": "as the test has it", "source": SOURCE, "id": "m-7",
                                 "taken": "2026-06-01T12:00:00.123Z", "attempt": 3, "bytes": len(EVENT),
                                 "body": EVENT.decode()})

    def test_show_gives_the_bytes_as_they_came(self):
        for number, body in ((2, b"{broken"), (3, b"\x00\xff" * 20), (7, EVENT)):
            result, _ = self.dead("show", number, "--body")
            self.assertEqual((result.returncode, result.stdout), (0, body))

    def test_a_terminal_gets_text_as_text_and_bytes_as_a_dump(self):
        query = self.query(HELD)
        code, shown = terminal("dead", "show", 7, "--query", query.endpoint)
        self.assertEqual(code, 0)
        self.assertIn("\n\n" + EVENT.decode() + "\n", shown)
        code, shown = terminal("dead", "show", 3, "--body", "--query", query.endpoint)
        self.assertEqual(shown.splitlines()[0],
                         "00000000  00 ff 00 ff 00 ff 00 ff  00 ff 00 ff 00 ff 00 ff  |................|")

    def test_show_of_what_is_none(self):
        gone = Journal(oldest=6, lost=[(5, 5, "RETENTION")])
        for number, script, said in ((1, HELD, "number 1 is no dead letter"), (99, HELD, "number 99 is no dead letter"),
                                     (5, gone, "not in the journal any more: RETENTION")):
            with self.subTest(number=number):
                result, _ = self.dead("show", number, script=script)
                self.assertEqual((result.returncode, result.stdout), (1, b""))
                self.assertIn(said, result.stderr.decode())

    def test_an_event_without_the_form_of_a_dead_letter_is_shown_all_the_same(self):
        odd = Journal(("$dead.Odd", 1, [{"Category": "$dead"}]))
        result, _ = self.dead("list", script=odd)
        self.assertEqual(result.stdout.decode(), "1\t2026-06-01T12:00:00Z\tOdd\t\t\tnot a dead letter\n")
        result, _ = self.dead("show", 1, "--body", script=odd)
        self.assertEqual(msgpack.unpackb(result.stdout), {"Category": "$dead"})

    # -- a broker in trouble

    def test_a_busy_broker_is_asked_again(self):
        refusals = [2]

        def script(question):
            if question[1] == "REPLAY" and refusals[0]:
                refusals[0] -= 1
                return [[[1, "ERROR", question[2], "BUSY", "too many replays"]]]
            return HELD(question)

        result, query = self.dead("list", script=script)
        self.assertEqual((result.returncode, len(result.stdout.splitlines())), (0, 3))
        self.assertEqual([question[1] for question in query.questions].count("REPLAY"), 3)

    def test_a_replay_that_gets_on_is_never_given_up(self):
        """A broker that takes its place away after each batch: together that takes longer than --timeout."""
        held = Journal(*(("$dead.X", 1 + i, [letter("X", b"")]) for i in range(8)))

        def script(question):
            answers = held(question)
            if question[1] != "REPLAY" or len(answers) <= 2:  # one batch and DONE
                return answers
            return [answers[0], [[1, "ERROR", question[2], "BUSY", "no credit"]]]

        result, _ = self.dead("list", "--timeout", 1, script=script)
        self.assertEqual((result.returncode, len(result.stdout.splitlines()), result.stderr), (0, 8, b""))

    def slow(self, uptimes_ms):
        """A broker that says nothing to a replay until its STATUS was asked for so often."""
        left, replays = list(uptimes_ms), []

        def script(question):
            if question[1] == "REPLAY":
                replays.append(question)
                return HELD(question) if not left else []
            if question[1] == "STATUS":
                answer = [[1, "STATUS", question[2], {"uptime_ms": left.pop(0)}]]
                return [answer, *(HELD(replays[-1]) if not left and len(replays) == 1 else [])]
            return HELD(question)

        return self.dead("list", "--timeout", 1, script=script)

    def test_a_search_that_takes_long_is_waited_for(self):
        result, query = self.slow([1_000_000, 1_002_000])
        self.assertEqual((result.returncode, len(result.stdout.splitlines()), result.stderr), (0, 3, b""))
        self.assertEqual([question[1] for question in query.questions], ["FIND", "REPLAY", "STATUS", "STATUS"])

    def test_a_broker_that_was_started_anew_is_asked_again(self):
        result, query = self.slow([1_000_000, 5])
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual([question[1] for question in query.questions].count("REPLAY"), 2)

    def test_trouble_is_one_sentence_and_exit_1(self):
        def answer(kind, *more, to="REPLAY"):
            return lambda q: [[[1, kind, q[2], *more]]] if q[1] == to else HELD(q)

        def broken(question):
            topic, header, body = batch("$dead.X", 1, [letter("X", b"")])
            return [[[1, "BATCH", question[2]], topic, header, body[:-1]]] if question[1] == "REPLAY" else HELD(question)

        for name, script, said in (
                ("an older broker", answer("ERROR", "TYPE", "a question that it does not know", to="FIND"), "older"),
                ("another stream", answer("WRONG_STREAM", 8, 1, 2, []), "began a new stream"),
                ("an error", answer("ERROR", "DISK", "the disk is gone"), "the disk is gone"),
                ("an error of a later version", answer("ERROR", "WEATHER", "it rains"), "it rains"),
                ("nonsense", answer("TICK"), "something else"),
                ("a damaged batch", broken, "does not decode"),
                ("silence", lambda question: [], "no answer"),
                ("silence later on", lambda q: HELD(q) if q[1] == "FIND" else [], "no answer")):
            with self.subTest(name):
                result, _ = self.dead("list", "--timeout", 1, script=script)
                self.assertEqual((result.returncode, result.stdout), (1, b""))
                self.assertRegex(result.stderr.decode(), f"^sluice dead list: tcp://[^ ]+: .*{said}.*\n$")

    def test_lost_ranges_are_told(self):
        held = Journal(("$dead.X", 9, [letter("X", b"")]), oldest=1, lost=[(1, 8, "DAMAGE")])
        result, _ = self.dead("list", script=held)
        self.assertEqual((result.returncode, len(result.stdout.splitlines())), (0, 1))
        self.assertEqual(result.stderr, b"lost: numbers 1 to 8 of stream 7: DAMAGE\n")

    def test_credit_is_given_back_as_it_is_used(self):
        held = Journal(*(("$dead.X", 1 + i, [letter("X", b"x" * 150_000)]) for i in range(20)))
        result, query = self.dead("list", script=held)
        self.assertEqual(len(result.stdout.splitlines()), 20)
        given = sum(question[3] for question in query.questions if question[1] == "CREDIT")
        self.assertGreater(given, 2_000_000)

    def test_wrong_usage_is_exit_2(self):
        for args in (["list", "--since", "yesterday"], ["list", "x"], ["show"], ["show", "0"], ["show", "1", "2"],
                     ["show", "1", "--body", "--json"], ["redrive"], ["redrive", "1", "--all"],
                     ["redrive", "1", "--reason", "X"], ["redrive", "one"], ["nonsense"]):
            with self.subTest(args=args):
                result = sluice("dead", *args)
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)


class Redriving(Scripted):
    """The journal is scripted, the intake is a real broker's."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.broker = cls.stack.start_broker()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)

    def setUp(self):
        self.subscriber = Subscriber(self.broker.endpoints["feed"], ["Job.", "$dead."])
        self.addCleanup(self.subscriber.close)
        self.subscriber.join()

    def redrive(self, script, *args):
        result, _ = self.dead("redrive", "--intake", self.broker.endpoints["intake"], *args, script=script)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def assert_nothing_came(self):
        """A marker that is sent now is the next event."""
        marker = os.urandom(8).hex()
        self.redrive(Journal(("$dead.Refused", 1, [letter("Refused", EVENT, marker)])), "--all")
        self.assertEqual([event["id"] for event in self.subscriber.batch()[2]], [marker])

    def test_what_is_an_event_now_is_published_with_its_own_source_and_id(self):
        code, told, sums = self.redrive(HELD, "--all")
        self.assertEqual(code, 1)
        self.assertEqual(sorted(row.split("\t")[:3] for row in told.splitlines()),
                         [["dead", "2", "$dead.BrokenJson"], ["dead", "3", "$dead.NotANotification"],
                          ["redriven", "7", "Job.OnJobFailed"]])
        self.assertEqual(sums, "1 redriven, 2 still dead, 0 failed\n")
        topic, _, events = self.subscriber.batch()
        self.assertEqual((topic, len(events)), ("Job.OnJobFailed", 1))
        self.assertEqual({**events[0], "time": None},
                         {"Category": "Job", "Event": "OnJobFailed", "id": "m-7", "source": SOURCE, "time": None,
                          "JobId": "job-1"})

    def test_a_letter_that_may_be_among_what_was_lost_is_not_called_done(self):
        held = Journal(("$dead.Refused", 9, [letter("Refused", EVENT, "after-a-loss")]), lost=[(1, 8, "DAMAGE")])
        code, told, sums = self.redrive(held, "--all")
        self.assertEqual((code, len(told.splitlines())), (1, 1))
        self.assertEqual(sums, "lost: numbers 1 to 8 of stream 7: DAMAGE\n1 redriven, 0 still dead, 0 failed\n")

    def test_a_second_redrive_publishes_nothing(self):
        held = Journal(("$dead.TooLarge", 1, [letter("TooLarge", EVENT, f"twice-{i}") for i in range(50)]))
        code, told, sums = self.redrive(held, "--all")
        self.assertEqual((code, len(told.splitlines()), sums), (0, 50, "50 redriven, 0 still dead, 0 failed\n"))
        ids = []
        while len(ids) < 50:
            ids += [event["id"] for event in self.subscriber.batch()[2]]
        code, _, sums = self.redrive(held, "--all")
        self.assertEqual((code, sums), (0, "50 redriven (50 of them known already), 0 still dead, 0 failed\n"))
        self.assert_nothing_came()

    def test_a_dry_run_publishes_nothing_and_says_what_would_be(self):
        code, told, sums = self.redrive(HELD, "--all", "--dry-run", "--json")
        self.assertEqual(code, 1)
        self.assertEqual([(row["result"], row["number"]) for row in map(json.loads, told.splitlines())],
                         [("dead", 2), ("dead", 3), ("event", 7)])
        self.assertEqual(sums, "1 would be redriven, 2 still dead, 0 failed\n")
        self.assert_nothing_came()

    def test_numbers_choose(self):
        code, told, _ = self.redrive(HELD, 7, "--dry-run")
        self.assertEqual((code, told), (0, "event\t7\tJob.OnJobFailed\t\n"))
        code, told, sums = self.redrive(HELD, 4, 7, "--dry-run")
        self.assertEqual((code, told.splitlines()),
                         (1, ["missing\t4\t\tno dead letter has this number", "event\t7\tJob.OnJobFailed\t"]))
        self.assertEqual(sums, "1 would be redriven, 0 still dead, 1 failed\n")

    def test_what_the_broker_refuses_again_is_told_and_is_no_dead_letter_once_more(self):
        huge = b'{"Category":"Job","Event":"OnHuge","x":"' + b"y" * 2_000_000 + b'"}'
        code, told, sums = self.redrive(Journal(("$dead.TooLarge", 1, [letter("TooLarge", huge, "huge")])), "--all")
        self.assertEqual((code, told), (1, "refused\t1\tJob.OnHuge\tSIZE\n"))
        self.assertEqual(sums, "0 redriven, 0 still dead, 1 failed\n")
        self.assert_nothing_came()

    def test_without_an_intake_it_gives_up_and_says_so(self):
        result, _ = self.dead("redrive", 7, "--intake", "tcp://127.0.0.1:1", "--timeout", 1)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, b"unsure\t7\tJob.OnJobFailed\tno answer; it may be published\n")
        self.assertIn(b"ended early: no answer from the intake", result.stderr)

    def test_each_letter_that_failed_has_its_line(self):
        """More than a publisher keeps: the last one was not even sent."""
        body = b'{"Category":"Job","Event":"OnBig","x":"' + b"y" * 500_000 + b'"}'
        big = Journal(*(("$dead.Refused", 1 + i, [letter("Refused", body, f"big-{i}")]) for i in range(50)))
        result, _ = self.dead("redrive", "--all", "--intake", "tcp://127.0.0.1:1", "--timeout", 1, script=big)
        rows = [row.split(b"\t") for row in result.stdout.splitlines()]
        self.assertEqual(sorted(int(row[1]) for row in rows), list(range(1, len(rows) + 1)))
        self.assertEqual(collections.Counter(row[0] for row in rows), {b"unsure": len(rows) - 1, b"unsent": 1})
        self.assertIn(b"0 redriven, 0 still dead, %d failed\n" % len(rows), result.stderr)


class WholeWay(unittest.TestCase):
    """MNS, bridge, broker with its journal; nothing is scripted."""

    def test_what_a_limit_made_dead_comes_alive_when_the_limit_is_raised(self):
        # 9 bytes of msgpack a number, 4 of JSON: the event is too large for this broker, its body is not
        body = json.dumps({"Category": "Job", "Event": "OnNumbers", "Numbers": [0.5] * 2000}, separators=(",", ":"))
        with Stack() as stack:
            data = ("--durability", "disk", "--data", stack.folder / "data")
            stack.start_mns_local()
            stack.start_broker(*data, "--max-bytes", "12k")
            stack.mns.create_queue("q", VisibilityTimeout=30)
            stack.start_bridge([stack.queue_source("q")])
            stack.mns.send("q", body)
            stack.mns.send("q", "{broken")
            query = ("--query", stack.broker.endpoints["query"])
            wait_for(lambda: len(sluice("dead", "list", *query).stdout.splitlines()) == 2, "two dead letters")
            reasons = {row["reason"]: row for row in
                       map(json.loads, sluice("dead", "list", "--json", *query).stdout.splitlines())}
            self.assertEqual(set(reasons), {"TooLarge", "BrokenJson"})
            number = reasons["TooLarge"]["number"]
            self.assertEqual(sluice("dead", "show", number, "--body", *query).stdout.decode(), body)
            stack.bridge.stop()
            self.assertEqual(stack.broker.stop(), 0)
            at = stack.start_broker(*data).endpoints
            redrive = ("dead", "redrive", "--query", at["query"], "--intake", at["intake"])
            first = sluice(*redrive, "--all")
            self.assertEqual(sorted(row.split(b"\t")[0] for row in first.stdout.splitlines()), [b"dead", b"redriven"])
            self.assertEqual((first.returncode, first.stderr), (1, b"1 redriven, 1 still dead, 0 failed\n"))
            again = sluice(*redrive, number)
            self.assertEqual((again.returncode, again.stderr),
                             (0, b"1 redriven (1 of them known already), 0 still dead, 0 failed\n"))
            told = sluice("journal", "export", data[3], "--topic", "Job.OnNumbers").stdout.splitlines()
            self.assertEqual(len(told), 1)
            event = json.loads(told[0])
            self.assertEqual((event["id"], event["source"]), (reasons["TooLarge"]["id"], reasons["TooLarge"]["source"]))
            self.assertEqual(event["Numbers"], [0.5] * 2000)
            self.assertEqual(len(sluice("dead", "list", "--query", at["query"]).stdout.splitlines()), 2)


if __name__ == "__main__":
    unittest.main()
