"""The bench `latency` tells the truth about a stall, and finds what it is asked to find: small runs of ours alone."""

import json
import os
import re
import subprocess
import tempfile
import unittest

BENCH = os.path.join(os.environ["SLUICE_BIN"], "sluice-bench")
PERCENTILES = ("p50", "p90", "p99", "p99_9", "p99_99", "max")


class Latency(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def run_bench(self, *arguments, carrier="sluice"):
        """Returns the figures."""
        path = os.path.join(self.folder, "figures.json")
        subprocess.run([BENCH, "latency", "--carriers", carrier, "--durability", "memory", "--runs", "1", "--warmup",
                        "200ms", "--json", path, *arguments], check=True, timeout=120)
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def test_a_stop_of_the_server_shows_in_every_event_that_had_to_wait(self):
        # 200 ms of 2 s: a tenth of the events waits, each as long as the stop still lasted when it was due.  Of xpub the
        # publisher itself is the server and stops: timed from when they left, its events would tell nothing of it.
        for carrier in ("sluice", "xpub"):
            with self.subTest(carrier=carrier):
                figures = self.run_bench("--rate", "1000", "--seconds", "2", "--stall", "200ms", carrier=carrier)
                self.assertGreaterEqual(figures[f"{carrier}_max_us"], 190_000)
                self.assertGreaterEqual(figures[f"{carrier}_p99_us"], 150_000)
                self.assertEqual(figures[f"{carrier}_lost"], 0)
                if carrier == "xpub":
                    self.assertGreaterEqual(figures["xpub_late_ms"], 190)

    def test_percentiles_rise_and_the_text_holds_every_delivery(self):
        prefix = os.path.join(self.folder, "latency")
        figures = self.run_bench("--rate", "2000", "--subs", "8", "--seconds", "1", "--hdr", prefix)
        values = [figures[f"sluice_{name}_us"] for name in PERCENTILES if name != "p99_99"]
        self.assertEqual(values, sorted(values))
        self.assertNotIn("sluice_p99_99_us", figures)  # 16,000 values: one or two lie beyond
        self.assertAlmostEqual(figures["sluice_samples"], 8 * 2000, delta=8)
        self.assertGreaterEqual(figures["sluice_events_per_batch"], 1)
        self.assertGreater(figures["sluice_batch_bytes"], 320 * figures["sluice_events_per_batch"])
        self.assertLessEqual(figures["sluice_late_ms"] * 1000, figures["sluice_max_us"] * 1.01)
        with open(prefix + "-sluice.hgrm", encoding="utf-8") as file:
            text = file.read()
        most, total = re.search(r"#\[Max *= *([\d.]+), Total count *= *(\d+)\]", text).groups()
        self.assertAlmostEqual(float(most), figures["sluice_max_us"], delta=0.001)
        self.assertAlmostEqual(int(total), 8 * 2000, delta=8)  # whether the last one was due within the time
        shares = [share for share, _ in figures["sluice_curve_us"]]
        self.assertEqual(shares, sorted(set(shares)))
        self.assertAlmostEqual(dict(map(tuple, figures["sluice_curve_us"]))[0.5], figures["sluice_p50_us"], delta=0.001)

    def test_the_search_ends_at_the_highest_rate_that_it_may_try(self):
        figures = self.run_bench("--find-rate", "--rate", "400", "--rate-max", "1000", "--p99", "10s", "--seconds", "1")
        self.assertEqual(figures["sluice_rate_at_p99"], 1000)
        self.assertEqual(figures["p99_limit_ms"], 10_000)

    def test_a_carrier_that_does_not_exist_is_refused(self):
        done = subprocess.run([BENCH, "latency", "--carriers", "sluice,pigeon"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn('there is no carrier "pigeon"', done.stderr)


if __name__ == "__main__":
    unittest.main()
