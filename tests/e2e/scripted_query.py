"""A broker's query socket that says what a test tells it to: answers that a broker gives seldom.

    with ScriptedQuery(lambda question: [[answer, *frames], …]) as query:
        … query.endpoint …

A script is a function from a question, [1, type, request, …], to its answers: each a list of frames, of which the
first is encoded here when it is a list.  `questions` has all that were asked."""

import struct
import threading

import msgpack
import xxhash
import zmq

from foreign_feed import elements_bytes


def batch(topic, first, events, stream=7, prev=0, time_ns=1780315200_000000000):
    """The feed's three frames of a batch."""
    packed = [event if isinstance(event, bytes) else msgpack.packb(event) for event in events]
    ends = [sum(map(len, packed[:i + 1])) for i in range(len(packed))]
    body = b"".join(packed)
    head = [1, stream, prev, first, len(packed), time_ns, None, struct.pack(f"<{len(ends)}I", *ends)]
    covered = elements_bytes(msgpack.packb([*head, 0, None]), 8)
    digest = xxhash.xxh3_64_intdigest(topic.encode() + covered + body)
    return topic.encode(), msgpack.packb([*head, digest, None]), body


class Journal:
    """A script: a journal that holds these batches, of one stream, and answers FIND and REPLAY from them."""

    def __init__(self, *batches, stream=7, lost=(), oldest=1, taken=0):
        self.stream, self.oldest, self.lost, self.taken = stream, oldest, list(lost), taken
        self.batches = [(topic, first, events) for topic, first, events in batches]
        self.next = max([oldest, *(first + len(events) for _, first, events in batches)])

    def __call__(self, question):
        kind, request, rest = question[1], question[2], question[3:]
        if kind == "FIND":
            return [[[1, "FIND", request, self.stream, self.oldest - 1, self.next, self.taken]]]
        if kind == "REPLAY":
            return self.replay(request, *rest)
        return []

    def replay(self, request, stream, after, until, prefixes, credit):
        assert credit > 0
        until = self.next - 1 if until is None else until
        if stream != self.stream:
            return [[[1, "WRONG_STREAM", request, self.stream, self.oldest, self.next, []]]]
        answers = [[[1, "LOST", request, a, b, why]] for a, b, why in self.lost if b > after and a <= until]
        answers += [[[1, "BATCH", request], *batch(topic, first, events, self.stream)]
                    for topic, first, events in self.batches
                    if first <= until and first + len(events) - 1 > after and any(map(topic.startswith, prefixes))]
        return [*answers, [[1, "DONE", request, until]]]


class ScriptedQuery:
    """Serves on a free port until the block ends."""

    def __init__(self, script):
        self.script, self.questions = script, []
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        while not self.stopping.is_set():
            if not self.socket.poll(50):
                continue
            route, *frames = self.socket.recv_multipart()
            self.questions.append(msgpack.unpackb(frames[0]))
            for head, *more in self.script(self.questions[-1]):
                self.socket.send_multipart([route, msgpack.packb(head) if isinstance(head, list) else head, *more])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join()
        self.socket.close()
