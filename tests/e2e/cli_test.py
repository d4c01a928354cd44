"""The command `sluice` against a real broker: sub, pub, status, their exit codes and what they say."""

import json
import os
import pty
import re
import signal
import subprocess
import time
import unittest

import msgpack
from stack import BIN, LineReader, Stack, wait_for

SLUICE = BIN / "sluice"


def line(number, event="OnJobFailed", **more):
    return json.dumps({"Category": "Job", "Event": event, "JobId": f"job-{number}", **more}) + "\n"


def merged(told):
    """What pub told, with runs that a pause cut in two put together again."""
    rows = []
    for row in told.splitlines():
        match = re.fullmatch(r"accepted (\d+)(?:-(\d+))?", row)
        if match and rows and isinstance(rows[-1], range) and rows[-1].stop == int(match[1]):
            rows[-1] = range(rows[-1].start, int(match[2] or match[1]) + 1)
        elif match:
            rows.append(range(int(match[1]), int(match[2] or match[1]) + 1))
        else:
            rows.append(row)
    return rows


def sluice(*args, text="", timeout=60, **options):
    """Runs a command to its end."""
    return subprocess.run([str(SLUICE), *map(str, args)], input=text, text=True, capture_output=True,
                          timeout=timeout, **options)


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.start_broker()
        cls.at = cls.stack.broker.endpoints
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)

    def pub(self, text, *args):
        return sluice("pub", "--intake", self.at["intake"], *args, text=text)

    def sub(self, *args, patterns=("Job.",), **options):
        """A subscriber that is in force; ends by itself when the test says --count."""
        program = self.stack.start("sub", [SLUICE, "sub", "--feed", self.at["feed"], "--query", self.at["query"],
                                           "--ready", *args, "--", *patterns], **options)
        self.addCleanup(program.kill)
        return program.wait_log("ready")

    # -- pub and sub

    def test_a_published_line_arrives_with_an_identity(self):
        sub = self.sub("--count", 2)
        pub = self.pub(line(1, RetryCount="3", EndTime="") + line(2, id="mine", source="test", time="2020-01-02T03:04:05Z"))
        self.assertEqual((pub.returncode, pub.stdout, pub.stderr), (0, "accepted 1-2\n2 accepted, 0 refused\n", ""))
        out, _ = sub.process.communicate(timeout=30)
        made_up, given = map(json.loads, out.splitlines())
        self.assertEqual(sub.process.returncode, 0)
        self.assertEqual((made_up["JobId"], made_up["RetryCount"], made_up["EndTime"]), ("job-1", 3, None))
        self.assertRegex(made_up["id"], r"^[0-9a-f]{16}-1$")
        self.assertRegex(made_up["source"], r"^sluice:pub:.+")
        self.assertEqual((given["id"], given["source"], given["time"]), ("mine", "test", "2020-01-02T03:04:05Z"))

    def test_what_sub_prints_pub_takes(self):
        first = self.sub("--count", 3)
        self.pub("".join(line(i, id=f"again-{i}") for i in range(3)), "--source", "roundtrip")
        printed, _ = first.process.communicate(timeout=30)
        self.assertEqual(len(printed.splitlines()), 3)
        again = self.pub(printed.decode())
        self.assertEqual(again.stdout, "accepted 1-3\n3 accepted (3 of them known already), 0 refused\n")

    def test_refused_lines_are_told_in_order_with_their_numbers(self):
        text = line(1) + "{broken\n" + "\n" + line(4, Category="no token") + '{"Category":"Job","Event":"OnX","a":01}\n' + \
            "[]\n" + line(7)
        pub = self.pub(text)
        self.assertEqual(pub.returncode, 1)
        told = pub.stdout.splitlines()
        self.assertEqual(told[0], "accepted 1")
        for number, reason, said in zip((2, 4, 5, 6), ("BrokenJson", "NoCategory", "BrokenJson", "NotAnObject"), told[1:5]):
            self.assertRegex(said, rf"^refused {number}: {reason} at byte \d+: ")
        self.assertEqual(told[5:], ["accepted 7", "2 accepted, 4 refused"])

    def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_not(self):
        pub = self.pub(line(1, Message="x" * 3_000_000) + line(2) + line(3, Message="y" * (1024 * 1024 - 100)))
        self.assertEqual(pub.returncode, 1)
        told = pub.stdout.splitlines()
        self.assertEqual(told[:2], ["refused 1: longer than 1 MiB", "accepted 2"])
        self.assertRegex(told[2], r"^(refused 3: SIZE.*|accepted 3)$")

    def test_many_lines_arrive_in_order_with_rising_numbers(self):
        count = 5_000
        sub = self.sub("--numbers", "--count", count, patterns=("Job.OnMany",))
        reader = LineReader(sub)
        pub = self.pub("".join(line(i, "OnMany") for i in range(count)))
        self.assertEqual(merged(pub.stdout), [range(1, count + 1), f"{count} accepted, 0 refused"])
        self.assertEqual(sub.process.wait(30), 0)
        reader.join(30)
        events = [json.loads(row) for row in reader.lines]
        self.assertEqual([e["JobId"] for e in events], [f"job-{i}" for i in range(count)])
        numbers = [e["$number"] for e in events]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertEqual(list(events[0])[:4], ["$topic", "$number", "$prev", "$stream"])

    def test_a_stopped_broker_holds_up_who_writes_to_pub(self):
        with Stack() as other, open(other.folder / "told", "w+", encoding="utf-8") as told:
            broker = other.start_broker().process
            pub = other.start("pub", [SLUICE, "pub", "--intake", other.broker.endpoints["intake"]],
                              stdin=subprocess.PIPE, stdout=told)
            written, rows = 0, "".join(line(i, Message="x" * 1000) for i in range(1000)).encode()
            os.kill(broker.pid, signal.SIGSTOP)
            os.set_blocking(pub.process.stdin.fileno(), False)
            stuck_since = time.monotonic()
            while time.monotonic() - stuck_since < 1:  # a second without progress is a writer held up
                more = rows[written % len(rows):] if written < 64 * len(rows) else b""
                try:
                    now = os.write(pub.process.stdin.fileno(), more) if more else 0
                except BlockingIOError:
                    now = 0
                if now:
                    stuck_since, written = time.monotonic(), written + now
                else:
                    time.sleep(0.01)
            self.assertLess(written, 32 * len(rows), "pub reads on and on")
            os.kill(broker.pid, signal.SIGCONT)
            os.set_blocking(pub.process.stdin.fileno(), True)
            os.write(pub.process.stdin.fileno(), rows[written % len(rows):])
            pub.process.stdin.close()
            self.assertEqual(pub.process.wait(60), 0)
            told.seek(0)
            lines = -(-written // len(rows)) * 1000
            self.assertEqual(merged(told.read())[0], range(1, lines + 1))

    def test_lines_typed_slowly_are_answered_one_by_one(self):
        pub = subprocess.Popen([SLUICE, "pub", "--intake", self.at["intake"]], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, bufsize=1)
        for number in (1, 2):
            pub.stdin.write(line(number))
            self.assertEqual(pub.stdout.readline(), f"accepted {number}\n")
        pub.stdin.close()
        self.assertEqual(pub.stdout.read(), "2 accepted, 0 refused\n")
        pub.stdout.close()
        self.assertEqual(pub.wait(30), 0)

    def test_without_a_broker_pub_gives_up_and_says_so(self):
        pub = sluice("pub", "--intake", "tcp://127.0.0.1:1", "--timeout", 4, text=line(1))
        self.assertEqual(pub.returncode, 1)
        self.assertIn("no answer from tcp://127.0.0.1:1; still trying", pub.stderr)
        self.assertEqual(pub.stdout, "refused 1: no answer; the broker may have it or not\n0 accepted, 1 refused\n")

    # -- formats

    def test_every_format_says_the_same(self):
        subs = {f: self.sub("--format", f, "--count", 1) for f in ("json", "cloudevents", "msgpack", "pretty")}
        self.pub(line("Ö\x1b[2J", id="f-1", source="s", Message="two words"))
        out = {f: sub.process.communicate(timeout=30)[0] for f, sub in subs.items()}
        event = json.loads(out["json"])
        unpacked = msgpack.unpackb(out["msgpack"], timestamp=3)
        self.assertEqual({k: v for k, v in unpacked.items() if k != "time"}, {k: v for k, v in event.items() if k != "time"})
        cloud = json.loads(out["cloudevents"])
        self.assertEqual((cloud["specversion"], cloud["id"], cloud["source"], cloud["data"]["JobId"]),
                         ("1.0", "f-1", "s", event["JobId"]))
        self.assertRegex(out["pretty"].decode(), r"^\d\d:\d\d:\d\d\.\d{3} #\d+ +Job\.OnJobFailed .*Message=\"two words\"\n$")
        self.assertNotIn(b"\x1b", out["pretty"])

    def test_a_terminal_gets_colours_unless_no_color_is_set(self):
        for variable, coloured in (("", True), ("1", False)):
            with self.subTest(NO_COLOR=variable):
                ours, theirs = pty.openpty()
                self.addCleanup(os.close, ours)
                sub = self.sub("--count", 1, stdout=theirs, env={"NO_COLOR": variable, "TERM": "xterm"})
                os.close(theirs)
                self.pub(line(1))
                self.assertEqual(sub.process.wait(30), 0)
                shown = os.read(ours, 4096)
                self.assertEqual(b"\x1b[1;31mJob.OnJobFailed" in shown, coloured)
                self.assertIn(b"Job.OnJobFailed", shown)

    # -- how sub ends

    def test_timeout_before_count_is_exit_1_and_alone_exit_0(self):
        sub = ("sub", "--feed", self.at["feed"], "--query", self.at["query"], "--timeout", 1)
        self.assertEqual(sluice(*sub, "--count", 1).returncode, 1)
        self.assertEqual(sluice(*sub).returncode, 0)

    def test_sigterm_ends_sub_with_0_and_nothing_unsaid(self):
        sub = self.sub()
        self.pub(line(1))
        self.assertIn(b"job-1", sub.process.stdout.readline())
        self.assertEqual(sub.stop(), 0)
        self.assertEqual(sub.log(), "ready\n")

    def test_sub_ends_quietly_when_its_reader_leaves(self):
        sub = self.sub()
        sub.process.stdout.close()
        self.assertEqual(sub.process.wait(30), 0)
        self.assertEqual(sub.log(), "ready\n")
        sub.process.stdout = None

    def test_sub_waits_for_a_broker_that_comes_later(self):
        with Stack() as other:
            feed, query = (f"ipc://{other.folder}/{name}" for name in ("feed", "query"))
            sub = other.start("sub", [SLUICE, "sub", "--feed", feed, "--query", query, "--ready", "--count", 1])
            other.start_broker("--feed", feed, "--query", query)
            sub.wait_log("ready")
            sluice("pub", "--intake", other.broker.endpoints["intake"], text=line(1))
            self.assertEqual(sub.process.wait(30), 0)

    def test_wrong_usage_is_exit_2_with_one_sentence(self):
        for args in (["sub", "Job.*.x"], ["sub", "--format", "xml"], ["sub", "--numbers", "--format", "pretty"],
                     ["sub", "--feed", "nonsense"], ["pub", "word"], ["nonsense"], ["status", "--timeout", "0"]):
            with self.subTest(args=args):
                result = sluice(*args)
                self.assertEqual(result.returncode, 2)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_help_and_version(self):
        commands = [["sub"], ["pub"], ["status"], *(["cursor", word] for word in ("list", "reset", "drop")),
                    *(["dead", word] for word in ("list", "show", "redrive")),
                    *(["journal", word] for word in ("stat", "verify", "export", "backup"))]
        for args in ([], *commands):
            self.assertTrue(sluice(*args, "--help").stdout.startswith(" ".join(["Usage: sluice", *args])))
            self.assertRegex(sluice(*args, "--version").stdout, r"^sluice( \w+){0,2} \d+\.\d+\.\d+\n$")

    def test_a_group_lists_its_commands(self):
        for word, one in (("cursor", "reset"), ("dead", "redrive"), ("journal", "verify")):
            self.assertRegex(sluice(word, "--help").stdout, rf"(?m)^  {one} +\w")
            self.assertEqual(sluice(word).returncode, 2)
            self.assertEqual(sluice(word, "nonsense").stderr,
                             f'sluice {word}: no command "nonsense"; `sluice {word} --help` lists them\n')

    # -- status

    def test_status_tells_stream_topics_and_publishers(self):
        self.pub(line(1, "OnStatus"), "--name", "status-test")
        status = json.loads(sluice("status", "--query", self.at["query"]).stdout)
        self.assertIn("Job.OnStatus", wait_for(lambda: status["topics"], "topics"))
        self.assertGreater(status["next"], 1)
        self.assertGreater(status["stream"], 0)

    def test_status_on_a_terminal_is_a_table(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        result = subprocess.run([SLUICE, "status", "--query", self.at["query"]], stdout=theirs, timeout=30, check=False)
        os.close(theirs)
        self.assertEqual(result.returncode, 0)
        shown = os.read(ours, 65536).decode()
        self.assertTrue(re.search(r"^stream +\d+\r?$", shown, re.M), shown)

    def test_status_of_nobody_is_exit_1(self):
        result = sluice("status", "--query", "tcp://127.0.0.1:1", "--timeout", 1)
        self.assertEqual((result.returncode, result.stderr), (1, "sluice status: tcp://127.0.0.1:1: no answer\n"))


if __name__ == "__main__":
    unittest.main()
