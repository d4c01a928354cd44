"""The broker dies, or is stopped, and begins again on its journal: nothing acknowledged is lost, nothing is taken
twice, and numbers go on."""

import collections
import os
import random
import re
import subprocess
import time
import unittest

import msgpack
import zmq

from foreign_feed import Publisher, Subscriber, event_id
from stack import BIN, Stack, metrics, wait_for

TOPICS = ["Job.OnJobFailed", "Job.OnJobFinished", "Task.OnTaskFailed"]
SEED = int(os.environ.get("SLUICE_TEST_SEED", "4"))
BATCH, WINDOW = 20, 50


def topic_of(first):
    return TOPICS[first // BATCH % len(TOPICS)]


class WindowedPublisher:
    """Keeps `WINDOW` requests unacknowledged; after a restart sends them all again, in order, as the protocol says."""

    def __init__(self, total):
        self.left = collections.deque(range(0, total, BATCH))
        self.pending = collections.OrderedDict()  # request -> number of its first event
        self.refused, self.again_at, self.unanswered = None, 0, 0
        self.socket, self.accepted, self.duplicates, self.naks = None, 0, 0, 0
        self.tails = dict.fromkeys(TOPICS, 0)  # the last number acknowledged on each

    def connect(self, intake):
        if self.socket:
            self.socket.close()
            self.left.extendleft(reversed(self.pending.values()))
            self.pending.clear()
        self.refused, self.unanswered = None, 0
        self.socket = Publisher(intake)
        self.socket.hello()

    def close(self):
        if self.socket:
            self.socket.close()

    def send(self, first, again=None):
        if again is None:
            self.socket.request += 1
        request = self.socket.request if again is None else again
        self.unanswered += 1
        events = [{"id": str(n), "Category": "Job"} for n in range(first, first + BATCH)]
        ids = b"".join(event_id("restart", str(n)) for n in range(first, first + BATCH))
        self.socket.socket.send_multipart(self.socket.pub_frames(topic_of(first), events, ids, request))
        self.pending[request] = first

    def on_answer(self, answer):
        if answer[1] == "NAK":
            self.naks += 1
            assert answer[3] in ("BUSY", "ORDER", "DRAINING", "HELLO"), answer
            self.refused = answer[2] if self.refused is None else min(self.refused, answer[2])
            self.again_at = time.monotonic() + answer[5] / 1000
            self.unanswered -= 1
            return
        self.unanswered -= 1
        _, kind, request, _first, last, accepted, duplicates = answer[:7]
        assert kind == "ACK" and accepted + duplicates == BATCH, answer
        assert request == next(iter(self.pending)), "acknowledged in order"
        topic = topic_of(self.pending.pop(request))
        if last:
            assert last > self.tails[topic], "numbers go on"
            self.tails[topic] = last
        self.accepted += accepted
        self.duplicates += duplicates

    def send_again(self):
        """When all answers are there and the time is up: what was refused, in order and with the same numbers."""
        if self.refused is not None and self.unanswered == 0 and time.monotonic() >= self.again_at:
            self.refused = None
            for request, first in self.pending.items():
                self.send(first, request)

    def turn(self):
        """Fills the window, takes the answers that come.  @return False: all is acknowledged."""
        while self.left and len(self.pending) < WINDOW and self.refused is None:
            self.send(self.left.popleft())
        if self.socket.socket.poll(20):
            self.on_answer(msgpack.unpackb(self.socket.socket.recv_multipart()[0]))
        return bool(self.left or self.pending)


class Restart(unittest.TestCase):
    def setUp(self):
        self.stack = Stack().__enter__()
        self.publisher = None
        self.addCleanup(lambda: self.publisher and self.publisher.close())
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.data = self.stack.folder / "journal"

    def start(self, *args, durability="disk"):
        return self.stack.start_broker("--durability", durability, "--data", self.data, "--retain-bytes", "64M", *args)

    def tick(self):
        subscriber = Subscriber(self.stack.broker.endpoints["feed"], TOPICS)
        header, tails = subscriber.join()
        subscriber.close()
        return header, tails

    def publish_through_kills(self, durability, kills, total):
        rng = random.Random(SEED)
        publisher = self.publisher = WindowedPublisher(total)
        self.start(durability=durability)
        stream = self.tick()[0]["stream"]
        publisher.connect(self.stack.broker.endpoints["intake"])
        for kill in range(kills):
            until = len(publisher.left) * (kills - kill) // (kills - kill + 1) + rng.randrange(10)
            die_at = time.monotonic() + rng.uniform(0, 0.05)
            while publisher.turn() and (len(publisher.left) > until or time.monotonic() < die_at):
                pass
            self.stack.broker.kill()
            self.start(durability=durability)
            self.assertIn("clean=no", self.stack.broker.log())
            publisher.connect(self.stack.broker.endpoints["intake"])
        while publisher.turn():
            pass
        header, tails = self.tick()
        self.assertEqual(header["stream"], stream)
        self.assertEqual(header["first"], total + 1, "each event has one number, and each number one event")
        for topic in TOPICS:  # the broker may have taken the last of them without getting to say so
            self.assertGreaterEqual(tails[topic], publisher.tails[topic])
        self.assertGreaterEqual(publisher.duplicates + publisher.accepted, total)
        return publisher

    def test_broker_killed_under_a_publisher_loses_and_repeats_nothing(self):
        self.publish_through_kills("disk", 6, 60000)

    def test_killed_with_durability_os_the_stream_goes_on_too(self):
        self.publish_through_kills("os", 2, 8000)

    def test_sigterm_under_load_ends_well_and_the_next_start_goes_on(self):
        publisher = self.publisher = WindowedPublisher(6000)
        self.start()
        publisher.connect(self.stack.broker.endpoints["intake"])
        for _ in range(2):
            for _ in range(60):
                publisher.turn()
            first = self.stack.broker
            first.process.terminate()
            self.assertEqual(first.process.wait(20), 0, first.log())
            self.start()
            self.assertIn("clean=yes", self.stack.broker.log())
            publisher.connect(self.stack.broker.endpoints["intake"])
        while publisher.turn():
            pass
        self.assertEqual(self.tick()[0]["first"], 6001)

    def test_a_disk_that_is_full_closes_intake_until_it_has_room_again(self):
        broker = self.start()
        subprocess.run(["prlimit", f"--pid={broker.process.pid}", f"--fsize={1 << 20}:unlimited"], check=True)
        publisher = self.publisher = WindowedPublisher(40000)
        publisher.connect(broker.endpoints["intake"])
        subscriber = Subscriber(broker.endpoints["feed"], TOPICS)
        self.addCleanup(subscriber.close)
        subscriber.join()
        while publisher.naks == 0:
            self.assertTrue(publisher.turn(), "the file found room for all of it")
        self.assertIn("JOURNAL-FAILED", broker.log())

        def closed_ms():
            publisher.send_again()
            publisher.turn()
            return metrics(broker.endpoints["http"])["sluice_broker_journal_closed_ms"]

        wait_for(lambda: closed_ms() >= 400, "the third failure in a row")
        self.assertNotEqual(metrics(broker.endpoints["http"])["sluice_broker_journal_errno"], 0)
        acknowledged, seen = publisher.accepted, 0
        while seen < acknowledged:  # the feed has what was committed, and ticks go on
            seen += subscriber.batch()[1]["count"]
        self.assertEqual(self.tick()[0]["first"], acknowledged + 1)
        subprocess.run(["prlimit", f"--pid={broker.process.pid}", "--fsize=unlimited:unlimited"], check=True)
        while publisher.turn():
            publisher.send_again()
        self.assertEqual(publisher.accepted, 40000)
        self.assertEqual(self.tick()[0]["first"], 40001)
        # One line for each kind of failure (no room, half a write), and one when it has worked for a while.
        wait_for(lambda: re.findall("JOURNAL-(FAILED|WORKS)", broker.log())[-1] == "WORKS", "the good news")
        self.assertEqual(broker.stop(), 0)
        self.start()
        self.assertEqual(self.tick()[0]["first"], 40001)

    def refused(self, *args):
        """What a start that fails says, in one line."""
        run = subprocess.run([str(BIN / "sluice-broker"), "--feed", "tcp://127.0.0.1:*", "--intake", "tcp://127.0.0.1:*",
                              "--query", "tcp://127.0.0.1:*", "--http", "off", *map(str, args)],
                             capture_output=True, text=True, timeout=20)
        self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
        lines = [line for line in run.stderr.splitlines() if line.startswith("sluice-broker: ")]
        self.assertEqual(len(lines), 1, run.stderr)
        return lines[0]

    def test_a_second_broker_on_the_same_journal_says_so(self):
        self.start()
        self.assertIn("another", self.refused("--data", self.data))
        self.assertEqual(self.stack.broker.stop(), 0)

    def test_a_directory_that_cannot_be_used_is_named(self):
        self.assertIn(str(self.stack.folder / "no"), self.refused("--data", self.stack.folder / "no" / "such"))
        plain = self.stack.folder / "file"
        plain.write_text("")
        self.assertIn(str(plain), self.refused("--data", plain))

    def test_few_descriptors_mean_few_connections_and_a_broker_that_goes_on(self):
        broker = self.stack.start("broker", ["prlimit", "--nofile=128", BIN / "sluice-broker", "--feed",
                                             "tcp://127.0.0.1:*", "--intake", "tcp://127.0.0.1:*", "--query",
                                             "tcp://127.0.0.1:*", "--http", "off", "--data", self.data]).wait_ready()
        self.stack.broker = broker
        self.assertIn("BROKER-FILES", broker.log())
        publisher = self.publisher = Publisher(broker.endpoints["intake"])
        publisher.hello()
        crowd = []
        for _ in range(200):
            socket = zmq.Context.instance().socket(zmq.SUB)
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.RECONNECT_IVL, 1000)
            socket.connect(broker.endpoints["feed"])
            crowd.append(socket)
        for n in range(50):
            self.assertEqual(publisher.publish(TOPICS[0], [{"id": str(n)}])[1], "ACK")
        for socket in crowd:
            socket.close()
        wait_for(lambda: self.tick()[0]["first"] == 51, "a subscriber that gets in again")
        self.assertEqual(broker.stop(), 0)


if __name__ == "__main__":
    unittest.main()
