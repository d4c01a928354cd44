"""MNS, bridge and broker as one chain whose links can be made to fail; and the account that must balance at the end.

    publish --> topic --> queue --> bridge --> broker --> journal
"""

import ctypes
import errno
import json
import mmap
import socket

from broker_cuts import Journal, Query
from foreign_feed import Subscriber, event_id
from power import TOOLS
from stack import ACCOUNT, BIN, REGION, metrics, wait_for

SOURCE = f"acs:mns:{REGION}:{ACCOUNT}:/topics/batch"
SHORT = -1
FOREVER = 1 << 62


class Fault(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("seen", "start", "end", "every", "fired")] + [
        ("error", ctypes.c_int64)]

    def strike(self, count=FOREVER, error=errno.EIO, every=1, after=0):
        """From now on, or after so many more, the next `count` calls fail, or every so-many-th of them."""
        self.end = 0
        self.error, self.every = error, every
        self.start = self.seen + 1 + after
        self.end = min(self.start + count, FOREVER)

    def heal(self):
        self.end = 0


class Controls(ctypes.Structure):
    _fields_ = [("write", Fault), ("sync", Fault), ("allocate", Fault)]


class Faults:
    """What libfaults.so of one program does."""

    def __init__(self, path, folder=None, of=None):
        path.write_bytes(bytes(ctypes.sizeof(Controls)))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        controls = Controls.from_buffer(self.map)
        self.write, self.sync, self.allocate = controls.write, controls.sync, controls.allocate
        self.env = {"LD_PRELOAD": str(TOOLS / "libfaults.so"), "FAULTS": str(path)}
        if folder:
            self.env["FAULTS_DIR"] = str(folder)
        if of:
            self.env["FAULTS_OBJECT"] = of


def free_endpoint():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return "tcp://127.0.0.1:%d" % listener.getsockname()[1]


class Chain:
    def __init__(self, stack, data, faults=None):
        self.stack, self.data, self.env = stack, data, faults.env if faults else {}
        self.endpoints = {name: free_endpoint() for name in ("feed", "intake", "query")}
        self.published = []
        stack.start_mns_local()
        stack.topic_with_queue("batch", "batch-queue")

    def start_broker(self, under=(), env=None, durability="disk"):
        self.broker = self.stack.broker = self.stack.start("broker", [
            *under, BIN / "sluice-broker", "--feed", self.endpoints["feed"], "--intake", self.endpoints["intake"],
            "--query", self.endpoints["query"], "--http", "127.0.0.1:0", "--data", self.data, "--durability", durability,
            "--retain-bytes", "1G"], env=self.env if env is None else env)
        return self.broker.wait_ready()

    def start_bridge(self, faults=None):
        under = ["env", *(f"{key}={value}" for key, value in faults.env.items())] if faults else []
        return self.stack.start_bridge([self.stack.queue_source("batch-queue")], under=under)

    def publish(self, count, size=300):
        for _ in range(count):
            body = json.dumps({"Category": "Job", "Event": "OnJobFailed", "JobName": f"job-{len(self.published)}",
                               "Padding": "x" * size})
            self.published.append(self.stack.mns.publish("batch", body))

    def count(self, name):
        """A counter of the broker."""
        return metrics(self.broker.endpoints["http"])[f"sluice_broker_{name}"]

    def left(self):
        """Messages that MNS still has."""
        return sum(self.stack.mns.queue_counts("batch-queue"))

    def alive(self):
        assert self.broker.process.poll() is None, f"the broker ended: {self.broker.process.returncode}"
        return True

    def feed_goes_on(self):
        """A subscriber that comes now gets in and hears a tick."""
        subscriber = Subscriber(self.endpoints["feed"], [])
        subscriber.join()
        subscriber.close()

    def replay_goes_on(self):
        with Query(self.broker) as query:
            return len(query.replay())

    def gave_up_too_much(self):
        """@return how many messages MNS has given up that the journal does not have: 0, always."""
        given_up = len(self.published) - self.left()
        return max(0, given_up - len(Journal().read(self.data).records))

    def everything_arrives(self, timeout=60):
        """@return what is wrong, a list."""
        wait_for(lambda: self.alive() and self.left() == 0, "the queue to be empty", timeout)
        expected = {event_id(SOURCE, message).hex() for message in self.published}
        journal = Journal().read(self.data)
        found = [identity for _, identity in journal.records.values()]
        missing, repeated = len(expected - set(found)), len(found) - len(set(found))
        wrong = [f"a hole: {hole}" for hole in journal.holes]
        return wrong + ([f"{missing} are missing, {repeated} repeated"] if missing or repeated else [])
