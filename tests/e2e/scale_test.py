"""The bench `scale` measures each point beside its base, and what one more of something costs: small runs of it."""

import json
import os
import subprocess
import tempfile
import unittest

BENCH = os.path.join(os.environ["SLUICE_BIN"], "sluice-bench")
QUICK = ("--runs", "1", "--seconds", "1", "--warmup", "100ms")


def run(*arguments):
    """Runs the bench; returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        subprocess.run([BENCH, "scale", *QUICK, "--json", path, *arguments], check=True, timeout=120)
        with open(path, encoding="utf-8") as file:
            return json.load(file)


class Scale(unittest.TestCase):
    def test_each_point_stands_beside_the_base(self):
        figures = run("--points", "subs_1,read_decode,topics_64,size_sim,journal_turning")
        for point in ("subs_1", "subs_64", "read_decode", "topics_64", "size_sim", "journal_turning"):
            for metric in ("deliveries_per_s", "ratio_to_base", "sequencer_cores", "feed_cores", "cpu_s_per_million"):
                self.assertGreater(figures[f"scale_{point}_{metric}"], 0, (point, metric))
        self.assertEqual(figures["scale_subs_64_ratio_to_base"], 1)
        self.assertAlmostEqual(figures["scale_subs_64_event_bytes"], 320, delta=1)
        self.assertGreater(abs(figures["scale_size_sim_event_bytes"] - 320), 1)
        self.assertEqual((figures["scale_subs_1_sub_processes"], figures["scale_subs_64_sub_processes"]), (1, 64))
        self.assertEqual(figures["scale_subs_64_window_events"], 16384)
        self.assertLess(figures["sim_bytes_least"], figures["sim_bytes_median"])
        self.assertLess(figures["sim_bytes_p99"], figures["sim_bytes_most"] + 1)
        self.assertGreater(figures["scale_model_deliveries_per_s"], 0)
        self.assertNotIn("scale_subs_8_deliveries_per_s", figures)

    def test_one_more_subscriber_topic_and_id_are_weighed(self):
        figures = run("--axes", "memory")
        self.assertGreater(figures["scale_memory_subscriber_kib"], 1)
        self.assertGreater(figures["scale_memory_topic_kib"], 0)
        # An id takes 20 bytes of the ring, and 15 of the table when that is full; 30 when it has just doubled.
        self.assertAlmostEqual(figures["scale_memory_id_bytes_least"], 35, delta=6)
        self.assertAlmostEqual(figures["scale_memory_id_bytes_most"], 50, delta=6)

    def test_what_it_does_not_know_is_refused(self):
        for arguments in (["--axes", "subs,colour"], ["--points", "subs_7"]):
            outcome = subprocess.run([BENCH, "scale", *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(outcome.returncode, 2)
            self.assertIn("is no", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
