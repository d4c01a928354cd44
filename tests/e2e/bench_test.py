"""The benches that stand Sluice beside others measure what they say: small runs of ours alone, in which every check of
theirs holds."""

import json
import os
import subprocess
import tempfile
import unittest

BENCH = os.path.join(os.environ["SLUICE_BIN"], "sluice-bench")


def run(name, *arguments):
    """Runs a bench of ours alone; returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        figures = os.path.join(folder, "figures.json")
        subprocess.run([BENCH, name, "--ours-alone", "--json", figures, *arguments], check=True, timeout=120)
        with open(figures, encoding="utf-8") as file:
            return json.load(file)


class Bench(unittest.TestCase):
    def test_journal_tells_what_is_kept_and_read_back(self):
        figures = run("journal", "--runs", "1", "--seconds", "1", "--warmup", "100ms", "--replay-events", "20000")
        for name in ("single_disk_per_s", "batch_disk_per_s", "batch_os_per_s", "batch_memory_per_s", "replay_per_s",
                     "batch_disk_commit_p99_ms", "disk_sync_us"):
            self.assertGreater(figures[name], 0, name)
        self.assertNotIn("batch_redis_per_s", figures)

    def test_slow_ends_with_everybody_complete(self):
        figures = run("slow", "--pairs", "1", "--seconds", "5", "--live", "4", "--stopped", "2", "--rate", "5000")
        self.assertGreater(figures["alone_p99_ms"], 0)
        self.assertGreater(figures["beside_p99_ms"], 0)


if __name__ == "__main__":
    unittest.main()
