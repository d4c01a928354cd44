"""Publishers that keep account: what they sent, what was acknowledged, and what came over the feed meanwhile.

Written from docs/protocol.md alone, with pyzmq and msgpack. Event i has id i, so whoever sees an id knows the event. The
first publisher sends again, in order, what was not acknowledged when a broker died, and repeats itself now and then. The
second, its echo, repeats what the first has just sent: its answers do not have to wait for those of the first, so a
duplicate acknowledged before its original would show here."""

import random
import struct
import time

import msgpack
import power  # noqa: F401  puts e2e/ on the path
import zmq
from foreign_feed import decode, event_id

TOPICS = ("Job.OnJobFailed", "Job.OnJobFinished", "Cluster.OnClusterDeleted")
WINDOW = 64
PADDING = "x" * 200
SOURCE = "acs:mns:cn-hangzhou:123456789012:/topics/batch"


def id_of(i):
    return event_id(SOURCE, str(i))


def packed(i):
    category, name = TOPICS[i % 3].split(".")
    return msgpack.packb({"Category": category, "Event": name, "id": str(i), "source": SOURCE, "Padding": PADDING})


def pub_frames(request, events):
    bodies = [packed(i) for i in events]
    ends, total = [], 0
    for body in bodies:
        total += len(body)
        ends.append(total)
    head = [1, "PUB", request, len(events), struct.pack(f"<{len(ends)}I", *ends), b"".join(id_of(i) for i in events)]
    return [msgpack.packb(head), TOPICS[events[0] % 3].encode(), b"".join(bodies)]


class Connection:
    """One publisher of one broker; a broker that dies takes it along."""

    def __init__(self, endpoint, name):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.connect(endpoint)
        self.socket.send(msgpack.packb([1, "HELLO", 0, name]))
        self.sent, self.answered, self.unanswered = 0, 0, []

    def send(self, events):
        """@return False: there is no broker any more."""
        try:
            self.socket.send_multipart(pub_frames(self.sent + 1, events), zmq.DONTWAIT)
        except zmq.Again:
            return False
        self.sent += 1
        self.unanswered.append(events)
        return True

    def hear(self, frames):
        """@return the events of an ACK."""
        answer = msgpack.unpackb(frames[0])
        if answer[1] == "WELCOME":
            return []
        assert answer[1:3] == ["ACK", self.answered + 1], answer
        self.answered += 1
        return self.unanswered.pop(0)


class Pusher:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.next, self.batches = 0, []
        self.acked = set()
        self.again = []  # sent and not acknowledged when the broker died
        self.heard = {}  # number -> (stream, event), from the feed

    def some_events(self):
        """New ones, all of one topic; or again what was sent before, acknowledged or still under way."""
        if self.batches and self.rng.random() < 0.1:
            reach = self.rng.choice((WINDOW, len(self.batches)))
            return self.rng.choice(self.batches[-reach:])
        topic, count = self.rng.randrange(3), self.rng.choice((1, 1, 1, 4, 40))
        self.batches.append([3 * k + topic for k in range(self.next, self.next + count)])
        self.next += count
        return self.batches[-1]

    def run(self, endpoints, is_dead):
        """Publishes until the broker is dead; then takes the answers that it had sent."""
        self.feed = zmq.Context.instance().socket(zmq.SUB)
        self.feed.setsockopt(zmq.RCVHWM, 0)
        self.feed.setsockopt(zmq.RECONNECT_IVL, -1)
        self.feed.setsockopt(zmq.SUBSCRIBE, b"")
        self.feed.connect(endpoints["feed"])
        self.first, self.echo = (Connection(endpoints["intake"], name) for name in ("first", "echo"))
        poller = zmq.Poller()
        for socket in (self.first.socket, self.echo.socket, self.feed):
            poller.register(socket, zmq.POLLIN)
        while not is_dead():
            self.send_some()
            for socket, _ in poller.poll(20):
                self.take(socket)
        quiet = time.monotonic() + 0.05
        while time.monotonic() < quiet:
            for socket, _ in poller.poll(10):
                self.take(socket)
                quiet = time.monotonic() + 0.05
        self.again = self.first.unanswered + self.again
        for socket in (self.first.socket, self.echo.socket, self.feed):
            socket.close()

    def send_some(self):
        while len(self.first.unanswered) < WINDOW:
            events = self.again.pop(0) if self.again else self.some_events()
            if not self.first.send(events):
                self.again.insert(0, events)
                return
            if len(self.echo.unanswered) < WINDOW and self.rng.random() < 0.3:
                self.echo.send(events)

    def take(self, socket):
        for _ in range(100):
            try:
                frames = socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if socket is self.feed:
                self.hear_batch(frames)
            else:
                self.acked.update((self.first if socket is self.first.socket else self.echo).hear(frames))

    def hear_batch(self, frames):
        topic, header, events = decode(frames)
        if topic[0] not in "$~":
            for offset, event in enumerate(events):
                self.heard[header["first"] + offset] = header["stream"], int(event["id"])
