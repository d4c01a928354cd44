"""The demo ends by itself with exit code 0, and says so when something is missing or repeated."""

import collections
import subprocess
import sys
import types
import unittest

from stack import ROOT

sys.path.insert(0, str(ROOT / "tests"))
import demo  # noqa: E402


def fake_subscriber(ids, lost=0):
    """What the report reads of a subscriber."""
    return types.SimpleNamespace(pattern="", ids=collections.Counter(ids), delivered=len(ids), disorder=0,
                                 lost=lambda: lost)


class DemoTest(unittest.TestCase):
    def test_it_ends_by_itself_and_is_complete(self):
        run = subprocess.run(["/usr/bin/python3", ROOT / "tests" / "demo.py", "--seconds", "3", "--rate", "300"],
                             capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("complete: every subscriber has exactly what the ledger says", run.stdout)

    def verdict(self, got, lost=0):
        rows = [{"id": "a", "topic": "Job.X"}, {"id": "b", "topic": "Job.X"}]
        show = demo.Demo(options=None)
        show.subscribers = [fake_subscriber(got, lost)]
        return show.report(rows)

    def test_a_missing_a_repeated_and_a_reported_loss_each_fail_it(self):
        self.assertEqual(self.verdict(["a", "b"]), 0)
        self.assertEqual(self.verdict(["a"]), 1)
        self.assertEqual(self.verdict(["a", "b", "b"]), 1)
        self.assertEqual(self.verdict(["a", "b"], lost=1), 1)


if __name__ == "__main__":
    unittest.main()
