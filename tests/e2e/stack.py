"""The real programs, started together: mns-local, broker, bridge, batch-sim, subscribers.

Every program listens on a free port and says so in its ready line; everything lives in a temporary
folder; every process is ended by its pid, whatever happens.  Nothing here sleeps for a condition
it can ask for."""

import ctypes
import fnmatch
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

from mns_http import Mns

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SLUICE_BIN", ROOT / "build" / "bin"))
ACCOUNT, REGION = "123456789012", "cn-hangzhou"
KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "sluice-local", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local-secret"}

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a killed test leaves no daemons behind


def wait_for(condition, what, timeout=30.0):
    """Polls `condition` until it is true; its value is returned."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.01)


def pattern_matches(pattern, topic):
    """A Sluice pattern, by docs/protocol.md."""
    if pattern == "" or pattern.endswith("."):
        return topic.startswith(pattern) and not topic.startswith("$")
    return fnmatch.fnmatchcase(topic, pattern)


def metrics(url):
    """/metrics as {name or name{labels}: number}."""
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {name: float(value) for name, value in
            (line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")}


class Program:
    """One child process; stderr goes to a file that `log()` shows."""

    def __init__(self, folder, name, argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=None):
        self.name = name
        self.log_path = folder / f"{name}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([str(a) for a in argv], stdin=stdin, stdout=stdout, stderr=log,
                                            env={**os.environ, **KEYS, **(env or {})},
                                            start_new_session=True, preexec_fn=_die_with_parent)
        self.endpoints = {}

    def wait_ready(self):
        """Reads the ready line: `ready feed=tcp://… http=http://…`."""
        line = self.process.stdout.readline().decode().split()
        if not line or line[0] != "ready":
            self.process.wait(10)
            raise RuntimeError(f"{self.name} did not start: {self.log()}")
        self.endpoints = dict(pair.split("=", 1) for pair in line[1:])
        return self

    def wait_log(self, text, timeout=30.0):
        wait_for(lambda: text in self.log() or self.process.poll() is not None, f"{text!r} of {self.name}", timeout)
        if text not in self.log():
            raise RuntimeError(f"{self.name} ended: {self.log()}")
        return self

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self, timeout=20.0):
        """SIGTERM, then the exit code; a program that will not end is killed and that is an error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"{self.name} ignored SIGTERM: {self.log()}") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class LineReader(threading.Thread):
    """Collects a program's stdout lines, so that a full pipe never holds it up."""

    def __init__(self, program):
        super().__init__(daemon=True)
        self.program, self.lines = program, []
        self.start()

    def run(self):
        for line in self.program.process.stdout:
            self.lines.append(line)


class Stack:
    """Use as a context manager.  Parts are started one by one, so that a test has only what it needs."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-test-"))
        self.programs = []
        self.mns_local = self.broker = self.bridge = self.mns = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] is not None:
            for program in self.programs:
                print(f"--- {program.name}:\n{program.log()[-2000:]}", flush=True)
        for program in reversed(self.programs):
            program.kill()
        if self.mns:
            self.mns.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name, argv, **options):
        program = Program(self.folder, f"{len(self.programs)}-{name}", argv, **options)
        self.programs.append(program)
        return program

    def start_mns_local(self, *args):
        self.mns_local = self.start("mns-local", [BIN / "mns-local", "--listen", "127.0.0.1:0", "--account", ACCOUNT,
                                                  "--region", REGION, *args]).wait_ready()
        self.mns = Mns(self.mns_local.endpoints["endpoint"], *KEYS.values())
        return self.mns_local

    def local(self, path, body=None):
        """Asks mns-local at one of its own addresses, /local/…; with a body, as JSON, posts it there."""
        request = urllib.request.Request(self.mns_local.endpoints["endpoint"] + path,
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def start_broker(self, *args):
        """As durable as it is by default, with its journal in this folder."""
        self.broker = self.start("broker", [BIN / "sluice-broker", "--feed", "tcp://127.0.0.1:*", "--intake",
                                            "tcp://127.0.0.1:*", "--query", "tcp://127.0.0.1:*", "--http",
                                            "127.0.0.1:0", "--data", self.folder / "journal", *args]).wait_ready()
        return self.broker

    def queue_source(self, queue, **more):
        return {"type": "queue", "endpoint": self.mns_local.endpoints["endpoint"], "region": REGION,
                "account": ACCOUNT, "queue": queue, "polls": 4, **more}

    def start_bridge(self, sources, under=(), **more):
        """`under`: a command that the program runs under, such as ("prlimit", …)."""
        path = self.folder / "bridge.json"
        path.write_text(json.dumps({"broker": self.broker.endpoints["intake"], "http": "127.0.0.1:0",
                                    "sources": sources, **more}, indent=2))
        self.bridge = self.start("bridge", [*under, BIN / "sluice-bridge", "--config", path]).wait_ready()
        return self.bridge

    def topic_with_queue(self, topic, queue, content_format="JSON"):
        """An MNS topic whose one subscription feeds a queue."""
        self.mns.create_topic(topic)
        self.mns.create_queue(queue, VisibilityTimeout=30)
        self.mns.subscribe(topic, f"{topic}-to-{queue}", f"acs:mns:{REGION}:{ACCOUNT}:queues/{queue}",
                           content_format)

    def subscribe(self, *patterns, args=(), **options):
        """`sluice sub`, returned once its subscription is in force."""
        program = self.start("sub", [BIN / "sluice", "sub", "--feed", self.broker.endpoints["feed"], "--query",
                                     self.broker.endpoints["query"], "--format", "json", "--ready", *args, "--",
                                     *patterns], **options)
        return program.wait_log("ready")
