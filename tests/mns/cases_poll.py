"""Receives that wait: they end when something comes, at their time, or with their client."""

import socket
import time

from suite import DOCS, HTTP, OURS, RECEIVED, SDK_ALL, case, cases

LONG = "?waitseconds=30"
AT_ONCE_S = 5  # far from 30 even where the machine is busy


def poll(t, queue, query=LONG):
    """A receive that is on its way, on a connection of its own."""
    wire = t.wire()
    wire.send(t.request("GET", f"/queues/{queue}/messages{query}"))
    return wire


def parked(t, count):
    """Waits until so many receives are parked at the case's own server."""
    def ask():
        wire = t.wire()
        wire.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = wire.answer().text
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("sluice_http_parked "))
    t.until(ask, count)


@case("ReceiveMessage", "a send wakes a long poll at once", DOCS)
def poll_wakes(t):
    t.other_server()
    queue = t.queue()
    wire = poll(t, queue)
    parked(t, 1)
    start = time.monotonic()
    t.succeeds(t.send(queue, "x"), 201)
    t.shape(t.common(wire.answer()), 200, "Message", RECEIVED)
    assert time.monotonic() - start < AT_ONCE_S


@case("ReceiveMessage", "a long poll ends at its time with 404 `MessageNotExist`, not before", DOCS)
def poll_ends(t):
    queue, start = t.queue(), time.monotonic()
    t.refuses(t.receive(queue, "?waitseconds=1"), 404, "MessageNotExist")
    took = time.monotonic() - start
    assert 1.0 <= took < 1 + AT_ONCE_S, took


@case("ReceiveMessage", "the longest poll is answered within the 35 s that clients wait", SDK_ALL)
def poll_longest(t):
    start = time.monotonic()
    t.refuses(t.receive(t.queue(), LONG), 404, "MessageNotExist")
    took = time.monotonic() - start
    assert 30.0 <= took < 34, took


@case("ReceiveMessage", "`PollingWaitSeconds` of the queue holds where the receive names no time", DOCS)
def poll_of_queue(t):
    queue, start = t.queue(PollingWaitSeconds=1), time.monotonic()
    t.refuses(t.receive(queue), 404, "MessageNotExist")
    assert time.monotonic() - start >= 1.0


@case("ReceiveMessage", "`waitseconds=0` does not wait, whatever the queue says", DOCS)
def poll_zero(t):
    queue, start = t.queue(PollingWaitSeconds=30), time.monotonic()
    t.refuses(t.receive(queue, "?waitseconds=0"), 404, "MessageNotExist")
    assert time.monotonic() - start < AT_ONCE_S


@cases("ReceiveMessage", [
    (f"poll_{name}", f"`waitseconds={text}` is {'taken' if good else 'refused'}: 0 to 30", text, good)
    for name, text, good in (("below", "-1", False), ("least", "0", True), ("most", "30", True),
                             ("above", "31", False), ("text", "long", False), ("nothing", "", False))], DOCS)
def poll_range(t, text, good):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    answer = t.receive(queue, f"?waitseconds={text}")
    t.succeeds(answer, 200) if good else t.refuses(answer, 400, "InvalidArgument")


@case("BatchReceiveMessage", "returns as soon as it has anything, with fewer than asked for", DOCS)
def poll_batch_at_once(t):
    queue, start = t.queue(), time.monotonic()
    t.succeeds(t.send_batch(queue, ["a", "b"]), 201)
    answer = t.receive(queue, "?numOfMessages=16&waitseconds=30")
    t.equal(answer.find_all("MessageBody"), ["a", "b"])
    assert time.monotonic() - start < AT_ONCE_S


@case("BatchReceiveMessage", "a batch that is sent wakes a batch poll as one", OURS)
def poll_batch_wakes(t):
    t.other_server()
    queue = t.queue()
    wire = poll(t, queue, "?numOfMessages=16&waitseconds=30")
    parked(t, 1)
    t.succeeds(t.send_batch(queue, ["a", "b", "c"]), 201)
    t.equal(wire.answer().find_all("MessageBody"), ["a", "b", "c"])


@case("ReceiveMessage", "one message wakes one of several polls, the one that has waited longest", OURS)
def poll_one_of_two(t):
    t.other_server()
    queue = t.queue()
    first = poll(t, queue)
    parked(t, 1)
    second = poll(t, queue)
    parked(t, 2)
    t.succeeds(t.send(queue, "x"), 201)
    t.equal(first.answer().status, 200)
    parked(t, 1)
    t.succeeds(t.send(queue, "y"), 201)
    t.equal(second.answer().find("MessageBody"), "y")


@case("ReceiveMessage", "a message whose delay ends wakes a poll", DOCS)
def poll_delay_over(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x", DelaySeconds=1), 201)
    t.equal(t.receive(queue, LONG).find("MessageBody"), "x")


@case("ReceiveMessage", "a message whose visibility ends wakes a poll", DOCS)
def poll_visibility_over(t):
    queue = t.queue(VisibilityTimeout=1)
    t.handle(queue)
    t.equal(t.receive(queue, LONG).find("DequeueCount"), "2")


@case("ReceiveMessage", "what a topic delivers wakes a poll", DOCS)
def poll_topic(t):
    t.other_server()
    topic, queue = t.topic_to_queue(NotifyContentFormat="SIMPLIFIED")
    wire = poll(t, queue)
    parked(t, 1)
    t.succeeds(t.publish(topic, "news"), 201)
    t.equal(wire.answer().find("MessageBody"), "news")


@case("ReceiveMessage", "a poll on a queue that is deleted ends with 404 `QueueNotExist`", OURS)
def poll_queue_deleted(t):
    t.other_server()
    queue = t.queue()
    wire = poll(t, queue)
    parked(t, 1)
    t.empty(t.call("DELETE", f"/queues/{queue}"), 204)
    t.refuses(t.common(wire.answer()), 404, "QueueNotExist")


def hang_up(t, leave):
    """A client leaves a poll; the next message belongs to those who stayed."""
    t.other_server()
    queue = t.queue()
    wire = poll(t, queue)
    parked(t, 1)
    leave(wire)
    parked(t, 0)  # TCP keeps no order between connections: what is sent on another one may arrive first
    t.succeeds(t.send(queue, "x"), 201)
    answer = t.succeeds(t.receive(queue, LONG), 200)
    t.equal(answer.find("DequeueCount"), "1")


@case("ReceiveMessage", "a client that closes its connection in a long poll consumes nothing", SDK_ALL)
def poll_hang_up(t):
    hang_up(t, lambda wire: wire.close())


@case("ReceiveMessage", "a client whose connection is reset in a long poll consumes nothing", SDK_ALL)
def poll_reset(t):
    def reset(wire):
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        wire.close()
    hang_up(t, reset)


@case("ReceiveMessage", "twenty polls that hang up and one that stays: it gets all messages", SDK_ALL)
def poll_many_hang_up(t):
    t.other_server()
    queue = t.queue()
    wires = [poll(t, queue) for _ in range(20)]
    parked(t, 20)
    for wire in wires:
        wire.close()
    parked(t, 0)
    t.succeeds(t.send_batch(queue, ["x"] * 16), 201)
    t.equal(len(t.receive(queue, "?numOfMessages=16").find_all("MessageId")), 16)


@case("ReceiveMessage", "requests behind a long poll on its connection are answered after it, in order", HTTP)
def poll_pipelined(t):
    t.other_server()
    queue = t.queue()
    wire = t.wire()
    wire.send(bytes(t.request("GET", f"/queues/{queue}/messages{LONG}")) + bytes(t.request("GET", f"/queues/{queue}")))
    parked(t, 1)
    t.succeeds(t.send(queue, "x"), 201)
    t.equal(wire.answer().find("MessageBody"), "x")
    t.equal(wire.answer().find("QueueName"), queue)
