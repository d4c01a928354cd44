"""sluice cursor list|reset|drop: what is asked of the broker, and what is told."""

import json
import subprocess
import unittest

from scripted_query import ScriptedQuery
from stack import BIN

SLUICE = BIN / "sluice"


class Broker:
    """A script: cursors, and a stream 7 with the numbers 11 to 50.  `patterns` nil leaves those there are."""

    def __init__(self):
        self.cursors = {"slow": {"stream": 7, "number": 12, "lag": 38, "generation": 4, "idle_ms": 90_000,
                                 "patterns": ["Job."]},
                        "new": {"stream": 7, "number": None, "lag": 0, "generation": 1, "idle_ms": 5, "patterns": []}}

    def __call__(self, question):
        kind, request, rest = question[1], question[2], question[3:]
        answer = getattr(self, kind.lower().replace(".", "_"))(*rest)
        if answer[:1] == ["ERROR"]:
            return [[[1, "ERROR", request, *answer[1:]]]]
        return [[[1, kind, request, *answer]]]

    def status(self):
        return [{"stream": 7, "cursors": [{"name": name, **cursor} for name, cursor in self.cursors.items()]}]

    def find(self, since_ns):
        return [7, 10 if since_ns is None else 30, 51]

    def cursor_open(self, name, patterns):
        before = dict(self.cursors[name])
        self.cursors[name].update(generation=before["generation"] + 1, patterns=patterns or before["patterns"])
        return [before["generation"] + 1, before["stream"], before["number"], before["patterns"]]

    def cursor_reset(self, name, generation, stream, number):
        if generation != self.cursors[name]["generation"]:
            return ["ERROR", "FENCED", "another holder"]
        self.cursors[name].update(stream=stream, number=number)
        return [number]

    def cursor_drop(self, name):
        return [] if self.cursors.pop(name, None) else ["ERROR", "NAME", "no such cursor"]


class Cursors(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.query = ScriptedQuery(self.broker)
        self.query.__enter__()
        self.addCleanup(self.query.__exit__, None, None, None)

    def cursor(self, *args):
        result = subprocess.run([SLUICE, "cursor", args[0], "--query", self.query.endpoint, *map(str, args[1:])],
                                text=True, capture_output=True, timeout=60, check=False)
        return result.returncode, result.stdout, result.stderr

    def test_list_tells_them_in_the_brokers_order(self):
        code, told, _ = self.cursor("list")
        self.assertEqual((code, told), (0, 'slow\t38\t12\t7\t4\t90000\t["Job."]\nnew\t0\t\t7\t1\t5\t[]\n'))
        first = json.loads(self.cursor("list", "--json")[1].splitlines()[0])
        self.assertEqual(first, {"name": "slow", **self.broker.cursors["slow"]})

    def test_reset_moves_one_and_keeps_its_patterns(self):
        for to, number in (("earliest", 10), ("now", 50), ("17", 17), ("-1h", 30), ("2026-06-01T12:00:00Z", 30)):
            with self.subTest(to=to):
                code, told, said = self.cursor("reset", "slow", "--to", to)
                slow = self.broker.cursors["slow"]
                self.assertEqual((code, told, said),
                                 (0, f"reset cursor slow: goes on behind {number} of stream 7\n", ""))
                self.assertEqual((slow["number"], slow["patterns"]), (number, ["Job."]))

    def test_reset_beyond_the_last_number_or_of_none_changes_nothing(self):
        for args, said in ((["slow", "--to", "51"], "there is no number 51 yet; the last one is 50"),
                           (["other", "--to", "now"], "there is no cursor other")):
            with self.subTest(args=args):
                code, told, error = self.cursor("reset", *args)
                self.assertEqual((code, told), (1, ""))
                self.assertRegex(error, f"^sluice cursor reset: tcp://[^ ]+: {said}\n$")
        self.assertEqual(self.broker.cursors["slow"]["generation"], 4)

    def test_drop_forgets_one_and_says_when_there_is_none(self):
        self.assertEqual(self.cursor("drop", "slow")[:2], (0, "dropped cursor slow\n"))
        self.assertEqual(list(self.broker.cursors), ["new"])
        code, told, said = self.cursor("drop", "slow")
        self.assertEqual((code, told), (1, ""))
        self.assertIn("no such cursor", said)

    def test_wrong_usage_is_exit_2(self):
        for args in (["reset", "a"], ["reset", "a", "--to", "yesterday"], ["reset", "--to", "now"], ["drop"],
                     ["drop", "a", "b"], ["drop", "a b"], ["list", "x"]):
            with self.subTest(args=args):
                code, told, said = self.cursor(*args)
                self.assertEqual((code, told, len(said.splitlines())), (2, "", 1), said)


if __name__ == "__main__":
    unittest.main()
