"""A subscriber and a publisher written from docs/protocol.md alone, with pyzmq, msgpack and xxhash.

Nothing of libsluice is used: if this works, any language with those libraries can do the same."""

import secrets
import struct

import msgpack
import xxhash
import zmq


def elements_bytes(header, count):
    """The encoded bytes of the first `count` elements of an array: what `sum` covers of a header."""
    start = 1 if header[0] & 0xF0 == 0x90 else 3 if header[0] == 0xDC else 5
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(header[start:])
    for _ in range(count):
        unpacker.skip()
    return header[start:start + unpacker.tell()]


def decode(frames):
    """Frames of one feed message -> (topic, header dict, events); raises ValueError for what does not fit."""
    topic, raw_header, body = frames
    version, stream, prev, first, count, time_ns, encoding, ends, digest, ext = msgpack.unpackb(raw_header)[:10]
    if version != 1 or encoding is not None:
        raise ValueError("a version or an encoding from the future")
    covered = topic + elements_bytes(raw_header, 8) + body
    if xxhash.xxh3_64_intdigest(covered) != digest:
        raise ValueError("the sum does not fit")
    header = {"stream": stream, "prev": prev, "first": first, "count": count, "time_ns": time_ns,
              "sum": digest, "ext": ext}
    if count == 0:
        return topic.decode(), header, msgpack.unpackb(body)
    offsets = (0, *struct.unpack(f"<{count}I", ends))
    if offsets[-1] != len(body):
        raise ValueError("ends do not end at the body's end")
    events = [msgpack.unpackb(body[a:b], timestamp=0) for a, b in zip(offsets, offsets[1:])]
    return topic.decode(), header, events


class Subscriber:
    """Joins as the documentation says: topics, $tick, and last a ~sync topic of its own."""

    def __init__(self, feed, prefixes, receive_hwm=0):
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, receive_hwm)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(feed)
        self.sync = f"~sync.{secrets.token_hex(8)}"
        for prefix in (*prefixes, "$tick", self.sync):
            self.socket.setsockopt_string(zmq.SUBSCRIBE, prefix)
        self.prefixes = prefixes

    def receive(self, timeout=20):
        if not self.socket.poll(timeout * 1000):
            raise TimeoutError("the feed is silent")
        return decode(self.socket.recv_multipart())

    def join(self):
        """Waits for the answer to the sync topic; returns (header, tails)."""
        while True:
            topic, header, tails = self.receive()
            if topic == self.sync:
                return header, tails

    def batch(self):
        """The next batch of events, ticks left out."""
        while True:
            topic, header, events = self.receive()
            if header["count"] and not (topic[0] in "$~" and topic[0] not in "".join(self.prefixes)):
                return topic, header, events

    def close(self):
        self.socket.close()


def event_id(source, message_id):
    """The 16 bytes that identify an event for duplicate detection."""
    return xxhash.xxh3_128_digest(source.encode() + b"\0" + message_id.encode())


class Publisher:
    """One request at a time: HELLO, then PUB and its answer."""

    def __init__(self, intake, name="foreign"):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(intake)
        self.name, self.request, self.welcome = name, 0, None

    def ask(self, *frames, timeout=20):
        """Sends raw frames; returns the decoded first frame of the answer."""
        self.socket.send_multipart(frames)
        return self.answer(timeout)

    def answer(self, timeout=20):
        if not self.socket.poll(timeout * 1000):
            raise TimeoutError("the intake is silent")
        return msgpack.unpackb(self.socket.recv_multipart()[0])

    def hello(self):
        self.request = 0
        self.welcome = self.ask(msgpack.packb([1, "HELLO", 0, self.name]))
        return self.welcome

    def pub_frames(self, topic, events, ids=None, request=None, ends=None, count=None):
        """The frames of a PUB; what is given overrides what would be right, to make wrong ones."""
        packed = [event if isinstance(event, bytes) else msgpack.packb(event) for event in events]
        if ends is None:
            offsets, total = [], 0
            for event in packed:
                total += len(event)
                offsets.append(total)
            ends = struct.pack(f"<{len(offsets)}I", *offsets)
        head = [1, "PUB", self.request if request is None else request, len(packed) if count is None else count,
                ends, ids]
        return msgpack.packb(head), topic.encode(), b"".join(packed)

    def publish(self, topic, events, ids=None):
        self.request += 1
        return self.ask(*self.pub_frames(topic, events, ids))

    def close(self):
        self.socket.close()
