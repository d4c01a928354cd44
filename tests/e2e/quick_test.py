"""`sluice-bench quick`: every bench once, with small settings; it ends with 0, and its page is sound and complete.  What
the figures are does not matter here: other tests run beside it."""

import json
import os
import subprocess
import tempfile
import unittest

from report_page import Page

BENCH = os.path.join(os.environ["SLUICE_BIN"], "sluice-bench")


class Quick(unittest.TestCase):
    def test_quick_ends_well_and_its_page_lacks_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            ended = subprocess.run([BENCH, "quick", "--out", folder], timeout=800, capture_output=True, text=True, check=False)
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
            page = Page(os.path.join(folder, "report.html"))
            self.assertEqual(page.faults(), [])
            self.assertEqual(page.missing(), [])
            with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
                whole = json.load(file)
        self.assertEqual(whole["missing"], [])
        lines = [line for line in ended.stdout.splitlines() if " ok " in line]
        self.assertEqual(len(lines), len(whole["benches"]))
        self.assertRegex(ended.stderr, r"quick: 1/\d+ \S+, about \d+ s left")
        for name, figures in whole["benches"].items():
            for fact in ("processor", "kernel", "commit", "version", "cores"):
                self.assertIn(fact, figures, name)


if __name__ == "__main__":
    unittest.main()
