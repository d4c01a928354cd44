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

    `take` is called for each; `lost` collects the ranges that could not be had. One replay at a time; meanwhile what is
    live is held. `watchdog_s` is what the page has as 3.5 seconds."""

    CREDIT, HELD_MAX = 64 << 10, 1000

    def __init__(self, feed, query, prefixes, take, receive_hwm=0, watchdog_s=3.5):
        self.endpoints, self.prefixes, self.take, self.receive_hwm = (feed, query), prefixes, take, receive_hwm
        self.stream, self.f, self.last = None, 0, collections.Counter()
        self.held, self.wanted = [], 0  # in the order in which they came; let go of, up to there, for want of room
        self.replay, self.until = None, 0  # the running one's request; what it asked for
        self.watchdog_s, self.patience_s = watchdog_s, watchdog_s
        self.heard, self.answered = 0, 0  # when
        self.lost, self.streams = [], []
        self.repairs = self.asked_again = self.rejoins = self.most_held = self.replayed = 0
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

    # -- where to begin

    def connect(self):
        """Also again, after a loss of the connection: F and L stay."""
        if self.live:
            self.live.close()
        self.live = Subscriber(self.endpoints[0], self.prefixes, self.receive_hwm)
        header, tails = self.live.join()
        self.heard = time.monotonic()
        self.on_tick(header, tails)

    def begin(self, stream, number):
        """From a place: behind `number` of `stream`."""
        self.stream, self.f = stream, number
        self.connect()

    def begin_at_time(self, since_ns):
        self.stream, self.f, _, taken = self.query.ask("FIND", since_ns)[3:7]
        if since_ns is not None and taken > 0:
            self.lost.append((1, taken, "RETENTION"))
        self.connect()

    # -- what is live

    def on_other_stream(self, stream, parents):
        """What is held, and what the running replay still brings, is of numbers that mean something else now."""
        self.streams.append(stream)
        last = dict(map(tuple, parents)).get(self.stream, 0)
        self.f = min(self.f, last)
        self.last = collections.Counter({topic: min(number, last) for topic, number in self.last.items()})
        self.stream, self.held, self.wanted, self.replay = stream, [], 0, None

    def on_tick(self, header, tails):
        if header["stream"] != self.stream:
            self.on_other_stream(header["stream"], (header["ext"] or {}).get("parents", []))
        if self.replay:
            return
        if any(self.mine(topic) and number > self.have(topic) for topic, number in tails.items()):
            self.repair(header["first"] - 1)
        else:
            self.f = max(self.f, header["first"] - 1)

    def on_batch(self, topic, header, events):
        if header["stream"] != self.stream:
            return  # the next tick has the parents, and shows what was dropped
        if self.replay or header["prev"] > self.have(topic):
            self.hold(topic, header, events)
        else:
            self.deliver(topic, header, events)

    def hold(self, topic, header, events):
        self.held.append((topic, header, events))
        self.most_held = max(self.most_held, len(self.held))
        if len(self.held) > self.HELD_MAX:
            self.held, self.wanted = [], header["first"] + header["count"] - 1
        if not self.replay:
            self.repair(header["first"] - 1)

    # -- a replay

    def repair(self, until):
        self.repairs += 1
        self.until, self.answered = until, time.monotonic()
        self.replay = self.query.send("REPLAY", self.stream, self.f, until, list(self.prefixes), self.CREDIT)

    def on_answer(self, head, frames):
        kind, request, *rest = head[1:]
        if request != self.replay:
            return  # of one that is over
        self.answered, self.patience_s = time.monotonic(), self.watchdog_s
        if kind == "BATCH":
            self.query.send_as(request, "CREDIT", sum(map(len, frames)))
            self.on_replayed(*decode(frames))
        elif kind == "LOST":
            self.lose(rest[0], min(rest[1], self.until), rest[2])
        elif kind == "DONE":
            self.f, self.replay = max(self.f, min(rest[0], self.until)), None
            self.go_on()
        elif kind == "WRONG_STREAM":
            self.on_other_stream(rest[0], rest[3])
            self.repair(rest[2] - 1)
        else:
            raise RuntimeError(rest)

    def on_replayed(self, topic, header, events):
        self.replayed += 1
        if header["prev"] > self.have(topic):
            self.lost.append((self.have(topic) + 1, header["prev"], topic))
        self.deliver(topic, header, events)
        self.f = max(self.f, header["first"] + header["count"] - 1)  # a replay shows all that is ours, in order

    def lose(self, first, last, reason):
        first = max(first, self.f + 1)
        if first <= last:
            self.lost.append((first, last, reason))
            self.f = last

    def go_on(self):
        """The held ones, which may show the next hole; or what had to be let go of."""
        held, self.held = self.held, []
        if self.wanted > self.f:
            self.repair(self.wanted)
        for message in held:
            self.on_batch(*message)

    def ask_again(self):
        """A broker that was started anew knows nothing of what was asked before, and our socket does not tell."""
        self.asked_again += 1
        self.query.close()
        self.query = Query(self.endpoints[1])
        self.patience_s *= 2  # it may be searching
        self.repair(self.until)

    # -- turns

    def run(self, done, timeout=60):
        """Until `done()`, which is asked between two messages."""
        deadline = time.monotonic() + timeout
        while not done():
            now = time.monotonic()
            if now > deadline:
                raise TimeoutError(f"F={self.f} L={dict(self.last)}")
            if self.replay and now - self.answered > self.patience_s:
                self.ask_again()
            if now - self.heard > self.watchdog_s and not self.live.socket.poll(0):
                self.connect()
            zmq.select([self.query.socket, self.live.socket], [], [], 0.1)
            if self.query.socket.poll(0):
                self.on_answer(*self.query.receive())
            self.listen()

    def listen(self):
        """One message of the feed, if there is one."""
        if not self.live.socket.poll(0):
            return
        topic, header, rest = self.live.receive()
        self.heard = time.monotonic()
        self.rejoins += topic == self.live.sync
        if header["count"] == 0:
            if topic in ("$tick", self.live.sync):
                self.on_tick(header, rest)
        elif self.mine(topic):
            self.on_batch(topic, header, rest)

    def close(self):
        self.query.close()
        if self.live:
            self.live.close()
