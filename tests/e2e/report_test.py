"""The report of `sluice-bench`: out of JSON files of any kind, or none, comes a page that is well-formed, tells what is
missing and how to measure it, and whose plots have no labels that overlap."""

import json
import os
import subprocess
import tempfile
import unittest

from report_page import SVG, Page

BENCH = os.path.join(os.environ["SLUICE_BIN"], "sluice-bench")
SYSTEMS = [family + way for family in ("sluice", "nats", "redis", "mosquitto") for way in ("", "_lean", "_lean_packed")]
SYSTEMS += ["xpub", "proxy", "xpub_packed", "loopback"]


def figure(name, value, spread=0.1):
    return {name: value, name + "_min": value * (1 - spread), name + "_max": value * (1 + spread)}


def result(bench, *figures, **facts):
    merged = {"bench": bench, "version": "0.1.0", "commit": "0123456789ab", "processor": "Sample CPU @ 2.00GHz",
              "cores": 2, "kernel": "6.1.0", "load_at_start": 0.25, "notes": [], "runs": 3, "bounds_met": True}
    merged.update(facts)
    for item in figures:
        merged.update(item)
    return merged


def peers(subs, **facts):
    """All systems close together, which is hardest for the names of their lines."""
    figures = []
    for i, system in enumerate(SYSTEMS):
        figures.append(figure(system + "_deliveries_per_s", 1e6 * (1 + subs / 100) * (1 + i / 1000)))
        figures.append(figure(system + "_cpu_s_per_million", 0.2 + i / 100))
        figures.append(figure(system + "_ratio", 4.0))
    figures.append(figure("loopback_gb_per_s", 8.0))
    settings = {"event_bytes": 320, "processes": min(subs, 64), "window_events": 16384, "seconds": 2, "publishing": "batches", "transport": "tcp", "durability": "os", "notes": ["nats: at most once"], **facts}
    return result("peers", *figures, subs=subs, **settings)


def latency():
    figures, curves = [], {}
    for i, system in enumerate(("sluice", "proxy", "nats_lean")):
        for j, name in enumerate(("p50", "p90", "p99", "p99_9", "p99_99", "max")):
            figures.append(figure(f"{system}_{name}_us", 100.0 * (i + 1) * 2**j))
        figures.append(figure("p99_to_" + system, 1.1))
        curves[system + "_curve_us"] = [[1 - 2**-k, 100.0 * (i + 1) * 1.3**k] for k in range(14)]
    return result("latency", *figures, rate=1000, subs=1, durability="os", **curves)


def scale():
    figures = []
    for axis, points in (("subs", (1, 8, 64, 256, 1000)), ("batch", (1, 16, "big")), ("size", (128, 320, 1024))):
        for point in points:
            figures.append(figure(f"scale_{axis}_{point}_deliveries_per_s", 4e6))
            figures.append(figure(f"scale_{axis}_{point}_cpu_s_per_million", 0.25))
    return result("scale", *figures)


def report(files, *arguments):
    """Writes the files, makes the report, returns the page and the object."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(content if isinstance(content, str) else json.dumps(content))
        subprocess.run([BENCH, "report", "--out", folder, *arguments], check=True, timeout=60, stdout=subprocess.DEVNULL)
        with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
            return Page(os.path.join(folder, "report.html")), json.load(file)


def rows(suite):
    """Name and arguments of a suite's rows."""
    listed = subprocess.run([BENCH, suite, "--list"], check=True, timeout=60, capture_output=True, text=True).stdout
    return [(words[0], words[2:]) for words in (line.split() for line in listed.splitlines())]


class Report(unittest.TestCase):
    def assert_sound(self, page):
        self.assertEqual(page.faults(), [])

    def test_nothing_measured_is_a_page_that_says_how_to_measure_each_row(self):
        page, whole = report({})
        self.assert_sound(page)
        self.assertEqual(page.plots(), [])
        names = [name for name, _ in rows("all")]
        self.assertGreater(len(names), 3)
        self.assertEqual(whole["missing"], names)
        for name in names:
            self.assertEqual(sum(f"./run bench all --only {name} " in line for line in page.missing()), 1, name)

    def test_quick_says_that_it_is_no_result(self):
        page, whole = report({}, "--suite", "quick")
        self.assert_sound(page)
        self.assertEqual(whole["suite"], "quick")
        self.assertIn("no figure on this page is a result", page.text)

    def test_systems_have_a_line_each_against_subscribers_and_no_name_overlaps(self):
        page, _ = report({f"peers-{subs}.json": peers(subs) for subs in (1, 8, 64, 256)} |
                         {"peers-single.json": peers(8, publishing="single"),
                          "peers-kept.json": peers(8, others="keep events")})
        self.assert_sound(page)
        plot = page.plot("Deliveries a second against subscribers")
        self.assertEqual(len(plot.findall(f"{SVG}polyline")), len(SYSTEMS) + 1)  # and the limit
        self.assertEqual(len(plot.findall(f"{SVG}circle")), 4 * len(SYSTEMS))  # nor of those singly or kept
        whiskers = [path for path in plot.findall(f"{SVG}path") if path.get("class").startswith("whisker")]
        self.assertEqual(len(whiskers), 4 * len(SYSTEMS))
        self.assertIn("bare loopback TCP", [item.text for item in plot.iter(f"{SVG}text")])
        self.assertIn("64 subscribers, 320 bytes, tcp, durability os", page.texts("h3"))
        self.assertIn("8 subscribers, 320 bytes, tcp, durability os, events published one by one (ours gathers them under load)",
                      page.texts("h3"))
        self.assertIn("8 subscribers, 320 bytes, tcp, durability os, beside others that keep events", page.texts("h3"))
        self.assertIn("nats: at most once", page.texts("li"))

    def test_those_that_keep_events_have_bars_of_their_own_look(self):
        figures = [figure(f"{system}_deliveries_per_s", 1e6) for system in ("sluice", "jetstream", "redis_stream", "redis")]
        page, _ = report({"peers-kept.json": result("peers", *figures, subs=8, others="keep events")})
        self.assert_sound(page)
        bars = page.plot("Deliveries a second")
        hatches = [line.get("class") for line in bars.findall(f"{SVG}line") if line.get("class").startswith("hatch")]
        self.assertEqual(sorted(hatches), ["hatch h1 d3", "hatch h2 d3"])

    def test_what_the_harness_did_not_do_alike_stands_under_the_line_and_how_many_runs_each_point_is_of(self):
        page, _ = report({"peers-8.json": peers(8, runs=1), "peers-64.json": peers(64), "peers-256.json": peers(256, seconds=1)})
        notes = [text for text in page.texts("p") if "at every point" in text]
        self.assertEqual(len(notes), 2)  # deliveries, CPU
        for note in notes:
            self.assertIn("runs at each point: 1, from 64 subscribers on 3;", note)
            self.assertIn("subscribers a process 1, from 256 subscribers on 4; seconds measured 2, from 256 subscribers on 1", note)
            self.assertNotIn("window", note)
        page, _ = report({f"peers-{subs}.json": peers(subs) for subs in (8, 64)})
        self.assertEqual([text for text in page.texts("p") if "at every point" in text], [])

    def test_every_plot_tells_how_many_runs_it_is_of(self):
        page, _ = report({"peers-8.json": peers(8), "peers-64.json": peers(64), "latency-os.json": latency(), "scale.json": scale(),
                          "journal.json": result("journal", figure("single_redis_per_s", 1e5), figure("single_redis_ratio", 2.0))})
        self.assertGreater(len(page.plots()), 8)
        for parent in page.root.iter():
            children = list(parent)
            for child, behind in zip(children, children[1:] + [None]):
                if child.tag == f"{SVG}svg":
                    self.assertIsNotNone(behind, child.get("aria-label"))
                    self.assertEqual(behind.get("class"), "runs", child.get("aria-label"))

    def test_bars_of_lean_and_packed_systems_differ_without_colour(self):
        page, _ = report({"peers-64.json": peers(64)})
        self.assert_sound(page)
        bars = page.plot("Deliveries a second")
        hatches = [line.get("class").split()[-1] for line in bars.findall(f"{SVG}line") if line.get("class").startswith("hatch")]
        self.assertEqual(hatches.count("d1"), sum(name.endswith("_lean") for name in SYSTEMS))
        self.assertEqual(hatches.count("d2"), sum(name.endswith("_packed") for name in SYSTEMS))
        self.assertIn("bare loopback TCP", [item.text for item in bars.iter(f"{SVG}text")])

    def test_markdown_is_tables_on_stdout_and_no_page(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "peers-64.json"), "w", encoding="utf-8") as file:
                json.dump(peers(64), file)
            printed = subprocess.run([BENCH, "report", "--markdown", "--out", folder], check=True, timeout=60, capture_output=True,
                                     text=True).stdout
            self.assertEqual(os.listdir(folder), ["peers-64.json"])
        lines = printed.splitlines()
        self.assertIn("### peers-64: 64 subscribers, 320 bytes, tcp, durability os", lines)
        self.assertEqual(sum(line.startswith("| nats-lean-packed |") for line in lines), 1)
        for heading in ("## Budgets", "## Deliveries", "## Latency", "## Scale", "## Others"):
            self.assertIn(heading, lines)

    def test_what_an_open_loop_loses_stands_beside(self):
        page, _ = report({"peers-open.json": peers(64, open_rate=20000) | figure("redis_open_events_per_s", 20000.0) |
                          figure("redis_open_lost", 0.125)})
        self.assert_sound(page)
        self.assertIn("share lost", page.texts("th"))
        self.assertIn("0.125", page.texts("td"))

    def test_latency_is_a_curve_and_a_row_for_each_system(self):
        page, _ = report({"latency-os.json": latency()})
        self.assert_sound(page)
        plot = page.plot("Latency by percentile, all runs together")
        self.assertEqual(len(plot.findall(f"{SVG}polyline")), 3)
        texts = [item.text for item in plot.iter(f"{SVG}text")]
        for label in ("90", "99", "99.9", "sluice", "nats-lean"):
            self.assertIn(label, texts)
        self.assertIn("3,200", page.texts("td"))

    def test_scale_is_a_table_for_each_axis_and_plots_where_points_are_numbers(self):
        page, _ = report({"scale.json": scale()})
        self.assert_sound(page)
        titles = [svg.get("aria-label") for svg in page.plots()]
        self.assertIn("CPU seconds for a million deliveries against subscribers", titles)
        self.assertIn("Deliveries a second against bytes of an event", titles)
        for row in ("big", "1000"):
            self.assertIn(row, page.texts("th"))

    def test_a_window_that_is_not_the_same_along_an_axis_is_told_under_its_plots(self):
        def notes(windows):
            merged = scale()
            for subs, window in zip((1, 8, 64, 256, 1000), windows):
                merged.update(figure(f"scale_subs_{subs}_window_events", window, 0))
            page, _ = report({"scale.json": merged})
            self.assert_sound(page)
            return sum("not the same at every point" in text for text in page.texts("p"))

        self.assertEqual(notes((16384, 16384, 16384, 4096, 1048)), 2)  # deliveries, CPU
        self.assertEqual(notes([16384] * 5), 0)

    def test_budgets_are_held_against_floor_and_aim(self):
        files = {"ingest.json": result("ingest", figure("events_per_s", 107118.0), figure("cpu_us_per_event", 9.5)),
                 "journal.json": result("journal", figure("single_redis_ratio", 1.2), figure("batch_redis_ratio", 5.3))}
        page, whole = report(files)
        self.assert_sound(page)
        states = {(budget["source"], budget["figure"]): budget["state"] for budget in whole["budgets"]}
        self.assertEqual(states["ingest", "events_per_s"], "aim reached")
        self.assertEqual(states["ingest", "cpu_us_per_event"], "floor held")
        self.assertEqual(states["journal", "single_redis_ratio"], "below the floor")
        self.assertEqual(states["slow", "broker_growth_mib"], "not measured")
        bars = page.plot("Each budget on one scale: measured, over its floor")
        self.assertEqual(len(bars.findall(f"{SVG}rect")), 4)
        self.assertEqual(whole["benches"]["ingest"]["processor"], "Sample CPU @ 2.00GHz")

    def test_a_commit_that_not_all_share_shows(self):
        page, _ = report({"ingest.json": result("ingest"), "slow.json": result("slow", commit="fedcba987654-dirty")})
        self.assertIn("0123456789ab; fedcba987654-dirty", page.texts("dd"))

    def test_whatever_a_file_holds_the_page_stays_well_formed(self):
        odd = '<script>alert("1")</script>\x01 & \ufffe'
        files = {"ingest.json": result("ingest", figure("<b>_per_s", 1.0), {"processor": odd, "notes": [odd, 7, None]}),
                 "latency-os.json": result("latency", figure("sluice_p99_us", 1.0), sluice_curve_us=[[], [1], 5, [2, "x"]]),
                 "peers-8.json": result("peers", figure("a_deliveries_per_s", -1e300), subs=-8),
                 "peers-64.json": result("peers", figure("&_deliveries_per_s", 0.0), subs="many"),
                 "slow.json": result("slow", notes="none"),
                 "broken.json": '{"bench": ', "list.json": "[]", "else.json": '{"bench": 7}'}
        page, whole = report(files)
        self.assertEqual(page.tags.faults, [])
        self.assertEqual(page.tags.open, [])
        self.assertNotIn("<script", page.text)
        self.assertIn("broken", page.texts("h3"))
        self.assertNotIn("broken", whole["benches"])

    def test_a_row_that_failed_is_told_from_one_that_was_not_measured(self):
        page, _ = report({"ingest.log": "it broke\n"})
        line = next(line for line in page.missing() if "--only ingest" in line)
        self.assertIn("ingest failed; ingest.log says why", line)

    def test_a_folder_that_is_not_there_is_one_sentence(self):
        ended = subprocess.run([BENCH, "report", "--out", "/nonexistent/bench"], timeout=60, capture_output=True, text=True,
                               check=False)
        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stderr.count("\n"), 1)
        self.assertIn("/nonexistent/bench", ended.stderr)


class Suite(unittest.TestCase):
    def test_every_row_has_options_that_its_bench_takes(self):
        for suite in ("all", "quick"):
            for name, arguments in rows(suite):
                with self.subTest(suite=suite, row=name):
                    ended = subprocess.run([BENCH, *arguments, "--check"], timeout=60, capture_output=True, text=True,
                                           check=False)
                    # without the others' client libraries, which `./run test` does not install, it says so
                    if "built without" not in ended.stderr:
                        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    def test_a_row_that_is_not_there_is_refused_by_name(self):
        ended = subprocess.run([BENCH, "all", "--only", "nothing"], timeout=60, capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 2)
        self.assertIn('"nothing"', ended.stderr)


if __name__ == "__main__":
    unittest.main()
