"""Questions, replays and cursors from docs/protocol.md alone, with pyzmq and msgpack; and a subscriber that keeps the
page's rules of how to know, and to repair, what it missed.

Nothing of libsluice is used."""

import collections
import time

import msgpack
import zmq

from foreign_feed import Subscriber, decode


class Query:
    """A DEALER to the query endpoint; one question at a time, but for replays."""

    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self.request = 0

    def send(self, kind, *rest):
        self.request += 1
        self.send_as(self.request, kind, *rest)
        return self.request

    def send_as(self, request, kind, *rest):
        self.socket.send(msgpack.packb([1, kind, request, *rest]))

    def receive(self, timeout=20):
        """The head of the next answer, and the frames behind it."""
        if not self.socket.poll(timeout * 1000):
            raise TimeoutError("the query endpoint is silent")
        head, *frames = self.socket.recv_multipart()
        return msgpack.unpackb(head), frames

    def ask(self, kind, *rest):
        request = self.send(kind, *rest)
        while True:
            head, frames = self.receive()
            if head[2] == request:
                return head if not frames else (head, frames)

    def replay(self, stream, after, until, prefixes, credit=1 << 20, stop_after=None):
        """Yields the answers to a REPLAY: (type, ...): ("BATCH", topic, header, events), ("LOST", from, to, reason),
        and in the end ("DONE", upto), ("WRONG_STREAM", ...) or ("ERROR", code)."""
        request = self.send("REPLAY", stream, after, until, list(prefixes), credit)
        while True:
            head, frames = self.receive()
            if head[2] != request:
                continue
            if head[1] == "BATCH":
                self.send_as(request, "CREDIT", sum(map(len, frames)))
                yield ("BATCH", *decode(frames))
            else:
                yield (head[1], *head[3:])
                if head[1] != "LOST":
                    return

    def cancel(self):
        self.send_as(self.request, "CANCEL")

    def close(self):
        self.socket.close()


class CompleteSubscriber:
    """Every event of its prefixes, per topic in order and once, across its own losses and those of its connection.

    `take` is called for each; `lost` collects the ranges that could not be had."""

    def __init__(self, feed, query, prefixes, take, receive_hwm=0):
        self.endpoints, self.prefixes, self.take, self.receive_hwm = (feed, query), prefixes, take, receive_hwm
        self.stream, self.f, self.last = None, 0, collections.Counter()
        self.lost, self.streams, self.repairs = [], [], 0
        self.query = Query(query)
        self.live = None

    def have(self, topic):
        return max(self.last[topic], self.f)

    def mine(self, topic):
        return any(topic.startswith(prefix) for prefix in self.prefixes) and topic[0] not in "$~"

    def deliver(self, topic, header, events):
        for number, event in enumerate(events, header["first"]):
            if number > self.have(topic):
                self.take(number, topic, event)
        self.last[topic] = max(self.last[topic], header["first"] + header["count"] - 1)

    def connect(self):
        """Also again, after a loss of the connection: F and L stay."""
        if self.live:
            self.live.close()
        self.live = Subscriber(self.endpoints[0], self.prefixes, self.receive_hwm)
        header, tails = self.live.join()
        self.on_tick(header, tails)

    def begin(self, stream, number):
        """From a place: behind `number` of `stream`."""
        self.stream, self.f = stream, number
        self.connect()

    def begin_at_time(self, since_ns):
        _, _, _, self.stream, self.f, _ = self.query.ask("FIND", since_ns)
        self.connect()

    def on_other_stream(self, stream, parents):
        self.streams.append(stream)
        last = dict(map(tuple, parents)).get(self.stream, 0)
        self.f = min(self.f, last)
        self.last = collections.Counter({topic: min(number, last) for topic, number in self.last.items()})
        self.stream = stream

    def repair(self, until):
        self.repairs += 1
        for kind, *rest in self.query.replay(self.stream, self.f, until, self.prefixes, credit=64 << 10):
            if kind == "BATCH":
                self.deliver(*rest)
            elif kind == "LOST":
                self.lost.append(tuple(rest))
                self.f = max(self.f, rest[1])
            elif kind == "DONE":
                self.f = max(self.f, rest[0])
            elif kind == "WRONG_STREAM":
                self.on_other_stream(rest[0], rest[3])
                self.repair(rest[2] - 1)
            else:
                raise RuntimeError(rest)

    def on_tick(self, header, tails):
        if header["stream"] != self.stream:
            self.on_other_stream(header["stream"], (header["ext"] or {}).get("parents", []))
        if any(self.mine(topic) and number > self.have(topic) for topic, number in tails.items()):
            self.repair(header["first"] - 1)
        else:
            self.f = max(self.f, header["first"] - 1)

    def on_batch(self, topic, header, events):
        if header["stream"] != self.stream:
            return  # the next tick has the parents, and shows what was dropped
        if header["prev"] > self.have(topic):
            self.repair(header["first"] - 1)
        self.deliver(topic, header, events)

    def run(self, done, timeout=60):
        """Until `done()`; a feed that is silent is connected anew."""
        deadline = time.monotonic() + timeout
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"F={self.f} L={dict(self.last)}")
            try:
                topic, header, rest = self.live.receive(timeout=4)
            except TimeoutError:
                self.connect()
                continue
            if header["count"] == 0:
                if topic in ("$tick", self.live.sync):
                    self.on_tick(header, rest)
            elif self.mine(topic):
                self.on_batch(topic, header, rest)

    def close(self):
        self.query.close()
        if self.live:
            self.live.close()
