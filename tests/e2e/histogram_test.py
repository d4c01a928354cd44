"""The histogram that the benches use beside HdrHistogram's own, from npm."""

import os
import pathlib
import subprocess
import unittest

from stack import ROOT

NODE = ROOT / "tests" / "node"
PROGRAMS = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build" / "release")) / "tests"


class Histogram(unittest.TestCase):
    def test_every_percentile_agrees_with_hdrhistogram_within_a_hundredth(self):
        done = subprocess.run(["node", "-r", NODE / "loopback.js", NODE / "histogram.js", PROGRAMS / "histogram_values"],
                              capture_output=True, timeout=240, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, "5 sets of values agree\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
