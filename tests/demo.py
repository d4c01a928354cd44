"""./run demo: BatchCompute notifications leave MNS topics and arrive, normalised, at many subscribers.

Starts mns-local, broker, bridge, two BatchCompute workloads and six subscribers on free loopback ports in a
temporary folder.  One workload's topic feeds a queue that the bridge polls; the other's is pushed to the bridge
over HTTP, signed.  Shows events as they arrive, and at the end holds every subscriber against the
workloads' ledgers: exit code 0 when nothing is missing or repeated, 1 otherwise."""

import argparse
import collections
import json
import os
import pathlib
import shutil
import signal
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "e2e"))

from stack import ACCOUNT, BIN, REGION, Stack, metrics, pattern_matches  # noqa: E402

PUSHED_PART = 10  # a push for so many notifications of the queue: each push is a request and a signature
PATTERNS = ("", "Job.", "Cluster.", "*.On*Failed", "Job.OnTask*", "Job.OnPriorityChange")
SHOWN_PER_SECOND = 6
COLOURS = {"Failed": 31, "Finished": 32, "Running": 36, "Stopped": 33}


def wanted_ids(pattern, rows):
    """The ids that the ledger's rows promise a pattern."""
    return collections.Counter(row["id"] for row in rows if pattern_matches(pattern, row["topic"]))


class Subscriber(threading.Thread):
    """Reads one `sluice sub` and keeps what the comparison needs."""

    def __init__(self, pattern, program, on_event):
        super().__init__(daemon=True)
        self.pattern, self.program, self.on_event = pattern, program, on_event
        self.ids = collections.Counter()
        self.delivered = self.disorder = 0
        self.start()

    def run(self):
        last = collections.Counter()  # of each topic: a repair may bring one topic later than another
        for line in self.program.process.stdout:
            event = json.loads(line)
            self.ids[event["id"]] += 1
            self.disorder += event["$number"] <= last[event["$topic"]]
            last[event["$topic"]] = event["$number"]
            self.delivered += 1
            self.on_event(self.pattern, event)

    def lost(self):
        """Ranges that the subscriber itself reported."""
        return self.program.log().lower().count("lost")


class Screen:
    """Event lines above, one status line below; without a terminal just lines."""

    def __init__(self):
        self.tty = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.status_text = ""
        self.second, self.shown = 0, 0

    def event(self, pattern, event):
        if pattern != "":
            return
        now = int(time.monotonic())
        with self.lock:
            if now != self.second:
                self.second, self.shown = now, 0
            self.shown += 1
            if self.shown <= SHOWN_PER_SECOND:
                self._line(self._describe(event))

    def _describe(self, event):
        topic = event["$topic"]
        what = event.get("InstanceId") and f"{event.get('Task') or event.get('Group')}/{event['InstanceId']}"
        what = what or event.get("Task") or event.get("JobName") or event.get("ClusterName") or ""
        parent = event.get("JobId") or event.get("ClusterId") or ""
        colour = next((c for word, c in COLOURS.items() if topic.endswith(word)), 0)
        name = f"\033[{colour}m{topic:<24}\033[0m" if self.tty and colour else f"{topic:<24}"
        return f"  #{event['$number']:<8} {name} {event['time'][11:23]}  {parent} {what}"

    def _line(self, text):
        if self.tty:
            width = shutil.get_terminal_size().columns
            sys.stdout.write(f"\r\033[K{text}\n{self.status_text[:width - 1]}")
        else:
            sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def status(self, text):
        with self.lock:
            self.status_text = text
            width = shutil.get_terminal_size().columns
            sys.stdout.write(f"\r\033[K{text[:width - 1]}" if self.tty else text + "\n")
            sys.stdout.flush()

    def say(self, text):
        with self.lock:
            self.status_text = ""
            self._line(text)


class Demo:
    def __init__(self, options):
        self.options = options
        self.screen = Screen()
        self.stop = threading.Event()
        self.before = None

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.stop.set())
        with Stack() as stack:
            self.start(stack)
            self.watch(stack)
            return self.finish(stack)

    def start(self, stack):
        say = self.screen.say
        stack.start_mns_local()
        endpoint = stack.mns_local.endpoints["endpoint"]
        say(f"mns-local   {endpoint}  topic batch -> queue batch-events, topic pushed -> the bridge (JSON format)")
        stack.topic_with_queue("batch", "batch-events")
        stack.start_broker()
        say("broker      " + "  ".join(f"{k}={v}" for k, v in stack.broker.endpoints.items()))
        stack.start_bridge([stack.queue_source("batch-events"), self.push_source(stack)])
        stack.mns.create_topic("pushed")
        stack.mns.subscribe("pushed", "pushed-to-bridge", stack.bridge.endpoints["push"], "JSON")
        say(f"bridge      {stack.bridge.endpoints['http']}/metrics  push={stack.bridge.endpoints['push']}")
        self.subscribers = [Subscriber(p, stack.subscribe(p, args=["--numbers"]), self.screen.event)
                            for p in PATTERNS]
        say("subscribers " + "  ".join(repr(p) for p in PATTERNS))
        pushed_rate = max(1, self.options.rate // PUSHED_PART)
        self.ledgers, self.simulators = [], []
        self.simulate(stack, "batch", self.options.rate, self.options.seed)
        self.simulate(stack, "pushed", pushed_rate, self.options.seed + 1)
        say(f"batch-sim   {self.options.rate} notifications a second to the queue, {pushed_rate} pushed, "
            f"seed {self.options.seed}; Ctrl-C ends it")
        say("")

    def push_source(self, stack):
        """The bridge's endpoint for pushes; it trusts the one certificate that mns-local signs with."""
        certificate = stack.folder / "mns-local.pem"
        with urllib.request.urlopen(stack.mns_local.endpoints["endpoint"] + "/local/certificate.pem", timeout=10) as answer:
            certificate.write_bytes(answer.read())
        return {"type": "push", "topic": "pushed", "listen": "127.0.0.1:0", "region": REGION, "account": ACCOUNT,
                "certificate": str(certificate)}

    def simulate(self, stack, topic, rate, seed):
        self.ledgers.append(stack.folder / f"ledger-{topic}.jsonl")
        self.simulators.append(stack.start("batch-sim", [
            BIN / "batch-sim", "--endpoint", stack.mns_local.endpoints["endpoint"], "--topic", topic,
            "--rate", rate, "--seed", seed, "--ledger", self.ledgers[-1]]))

    def watch(self, stack):
        began = time.monotonic()
        while not self.stop.wait(0.5):
            self.screen.status(self.status_line(stack))
            if self.options.seconds and time.monotonic() - began >= self.options.seconds:
                break
            dead = [p.name for p in stack.programs if p.process.poll() is not None]
            if dead:
                self.screen.say(f"ended early: {', '.join(dead)}")
                break

    def status_line(self, stack):
        bridge = metrics(stack.bridge.endpoints["http"])
        now = {"published": self.ledger_lines(),
               "ingested": sum(v for k, v in bridge.items() if k.startswith("sluice_bridge_acked_total")),
               "delivered": sum(s.delivered for s in self.subscribers), "at": time.monotonic()}
        before, self.before = self.before or now, now
        seconds = max(now["at"] - before["at"], 1e-9)
        counts = "  ".join(f"{k} {now[k]:.0f} ({(now[k] - before[k]) / seconds:.0f}/s)"
                           for k in ("published", "ingested", "delivered"))
        return f"{counts}  gaps {sum(s.lost() for s in self.subscribers)}"

    def ledger_lines(self):
        lines = 0
        for path in filter(pathlib.Path.exists, self.ledgers):
            with open(path, "rb") as ledger:
                lines += sum(block.count(b"\n") for block in iter(lambda: ledger.read(1 << 20), b""))
        return lines

    def finish(self, stack):
        """Ends the workloads, waits for what is on its way, compares, reports."""
        for simulator in self.simulators:
            simulator.stop()
        rows = [json.loads(line) for path in self.ledgers for line in path.read_text().splitlines()]
        deadline = time.monotonic() + 15
        totals = [(s, wanted_ids(s.pattern, rows).total()) for s in self.subscribers]
        while time.monotonic() < deadline and any(s.delivered < total for s, total in totals):
            time.sleep(0.02)
        for program in [s.program for s in self.subscribers] + [stack.bridge, stack.broker, stack.mns_local]:
            program.stop()
        for subscriber in self.subscribers:
            subscriber.join(10)
        return self.report(rows)

    def report(self, rows):
        """Holds every subscriber against the ledger's rows; returns the exit code."""
        say = self.screen.say
        say(f"\nledger: {len(rows)} notifications published to the MNS topics")
        say(f"{'pattern':<24}{'wanted':>9}{'got':>9}{'missing':>9}{'repeated':>9}{'disorder':>9}{'lost':>6}")
        bad = 0
        for s in self.subscribers:
            wanted = wanted_ids(s.pattern, rows)
            missing = (wanted - s.ids).total()
            repeated = (s.ids - wanted).total()
            say(f"{s.pattern!r:<24}{wanted.total():>9}{s.delivered:>9}{missing:>9}{repeated:>9}"
                f"{s.disorder:>9}{s.lost():>6}")
            bad += missing + repeated + s.disorder + s.lost()
        if not rows:
            bad += 1
            say("nothing was published")
        say("complete: every subscriber has exactly what the ledger says" if bad == 0 else "NOT complete")
        return 0 if bad == 0 else 1


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=0, help="end by itself after so long (default: at Ctrl-C)")
    parser.add_argument("--rate", type=int, default=500, help="notifications a second (default: 500)")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"),
                        help="of the workload (default: drawn anew)")
    sys.exit(Demo(parser.parse_args()).run())


if __name__ == "__main__":
    main()
