"""The benches that stand Sluice beside others measure what they say: small runs, in which every check of theirs holds.  Those
with others' servers run where these are installed; the rest needs none but ours."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BENCH = os.path.join(os.environ["SLUICE_BIN"], "sluice-bench")


def run(name, *arguments):
    """Runs a bench; returns its figures."""
    with tempfile.TemporaryDirectory() as folder:
        figures = os.path.join(folder, "figures.json")
        subprocess.run([BENCH, name, "--json", figures, *arguments], check=True, timeout=120)
        with open(figures, encoding="utf-8") as file:
            return json.load(file)


def has_keepers():
    """Are the servers that keep events installed, and was the bench built with their client libraries?"""
    path = os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin"
    check = subprocess.run([BENCH, "peers", "--carriers", "jetstream,redis-stream", "--check"], timeout=60, capture_output=True,
                           check=False)
    return check.returncode == 0 and all(shutil.which(name, path=path) for name in ("nats-server", "redis-server"))


def child_called(process, name):
    """Waits until the process has a child of that name; returns its id."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        for child in children:
            try:
                with open(f"/proc/{child}/comm", encoding="utf-8") as file:
                    if file.read().strip() == name:
                        return int(child)
            except FileNotFoundError:
                pass  # it has left meanwhile
        time.sleep(0.005)
    raise AssertionError(f"there was no {name}")


class Bench(unittest.TestCase):
    def test_journal_tells_what_is_kept_and_read_back(self):
        figures = run("journal", "--ours-alone", "--runs", "1", "--seconds", "1", "--warmup", "100ms", "--replay-events", "20000")
        for name in ("single_disk_per_s", "batch_disk_per_s", "batch_os_per_s", "batch_memory_per_s", "replay_per_s",
                     "batch_disk_commit_p99_ms", "disk_sync_us"):
            self.assertGreater(figures[name], 0, name)
        for name in ("single_disk", "batch_memory", "replay"):
            self.assertGreater(figures[name + "_server_cpu_s_per_million"], 0, name)
            self.assertGreater(figures[name + "_cpu_s_per_million"], figures[name + "_server_cpu_s_per_million"], name)
        self.assertNotIn("batch_redis_per_s", figures)

    def test_slow_ends_with_everybody_complete(self):
        figures = run("slow", "--ours-alone", "--pairs", "1", "--seconds", "5", "--live", "4", "--stopped", "2", "--rate", "5000")
        self.assertGreater(figures["alone_p99_ms"], 0)
        self.assertGreater(figures["beside_p99_ms"], 0)

    def test_peers_tells_deliveries_and_cpu_of_each_and_what_an_open_loop_loses(self):
        figures = run("peers", "--runs", "1", "--seconds", "1", "--warmup", "200ms", "--loopback-seconds", "1", "--subs", "4",
                      "--publishers", "2", "--decode", "--carriers", "sluice,proxy,proxy-packed", "--open-rate", "2000")
        for carrier in ("sluice", "proxy", "proxy_packed"):
            for name in ("deliveries_per_s", "cpu_s_publishers", "cpu_s_server", "cpu_s_subscribers", "server_rss_mib",
                         "publisher_mib", "subscriber_mib"):
                self.assertGreater(figures[f"{carrier}_{name}"], 0, f"{carrier}_{name}")
            self.assertGreater(figures[f"{carrier}_open_events_per_s"], 1000)
        self.assertEqual(figures["sluice_open_lost"], 0)
        self.assertAlmostEqual(figures["proxy_ratio"],
                               figures["sluice_deliveries_per_s"] / figures["proxy_deliveries_per_s"], 6)
        self.assertGreater(figures["loopback_ratio"], 0)

    def test_peers_of_single_events_from_the_publisher_itself(self):
        figures = run("peers", "--runs", "1", "--seconds", "1", "--warmup", "200ms", "--loopback-seconds", "1", "--subs", "3",
                      "--processes", "1", "--single", "--transport", "ipc", "--carriers", "sluice,xpub")
        self.assertGreater(figures["sluice_cpu_s_server"], 0)
        self.assertGreater(figures["xpub_deliveries_per_s"], 0)
        self.assertEqual(figures["xpub_cpu_s_server"], 0)

    def test_peers_that_keep_events_deliver_each_in_its_order(self):
        if not has_keepers():
            self.skipTest("nats-server or redis-server is not installed, or its client library")
        figures = run("peers", "--runs", "1", "--seconds", "1", "--warmup", "200ms", "--loopback-seconds", "1", "--subs", "4",
                      "--publishers", "4", "--carriers", "sluice,jetstream,redis-stream", "--open-rate", "2000")
        self.assertEqual(figures["others"], "keep events")
        for carrier in ("jetstream", "redis_stream"):  # without a figure it would have lost or repeated something
            for name in ("deliveries_per_s", "cpu_s_server"):
                self.assertIn(f"{carrier}_{name}", figures)
            self.assertEqual(figures[f"{carrier}_open_lost"], 0)

    def test_a_peer_that_breaks_has_no_figure_and_takes_none_from_the_others(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figures.json")
            bench = subprocess.Popen([BENCH, "peers", "--runs", "1", "--seconds", "3", "--loopback-seconds", "1", "--subs", "2",
                                      "--carriers", "sluice,proxy", "--json", path])
            os.kill(child_called(bench, "zmq-proxy"), signal.SIGKILL)
            self.assertEqual(bench.wait(60), 0)
            with open(path, encoding="utf-8") as file:
                figures = json.load(file)
        self.assertGreater(figures["sluice_deliveries_per_s"], 0)
        self.assertNotIn("proxy_deliveries_per_s", figures)
        self.assertTrue(any("proxy: no figure" in note for note in figures["notes"]), figures["notes"])


if __name__ == "__main__":
    unittest.main()
