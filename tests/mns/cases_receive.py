"""ReceiveMessage, BatchReceiveMessage, PeekMessage, BatchPeekMessage."""

from suite import DOCS, OURS, PEEKED, RECEIVED, SDK_GO, SDK_PYTHON, case, cases

EMPTY = "Message not exist."


@case("ReceiveMessage", "200, root `Message`, nine children in order", DOCS)
def receive(t):
    queue = t.queue()
    sent = t.send(queue, "hello")
    answer = t.shape(t.receive(queue), 200, "Message", RECEIVED)
    t.equal(answer.find("MessageBody"), "hello")
    t.equal((answer.find("MessageId"), answer.find("MessageBodyMD5")),
            (sent.find("MessageId"), sent.find("MessageBodyMD5")))


@case("ReceiveMessage", "message times are Unix milliseconds; NextVisibleTime is the receive plus VisibilityTimeout",
      DOCS)
def receive_times(t):
    queue = t.queue(VisibilityTimeout=45)
    t.succeeds(t.send(queue, "x"), 201)
    answer = t.receive(queue)
    enqueued, first, visible = (int(answer.find(name)) for name in
                                ("EnqueueTime", "FirstDequeueTime", "NextVisibleTime"))
    assert enqueued <= first < enqueued + 20000
    t.equal(visible - first, 45000)


@case("ReceiveMessage", "an empty queue: 404 with the service's own words", "recorded traffic")
def receive_nothing(t):
    t.equal(t.refuses(t.receive(t.queue()), 404, "MessageNotExist").find("Message"), EMPTY)


@case("ReceiveMessage", "a queue that is not there", DOCS)
def receive_missing_queue(t):
    t.refuses(t.receive(t.name()), 404, "QueueNotExist")


@case("ReceiveMessage", "a received message is hidden, and counted as inactive", DOCS)
def receive_hides(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    t.succeeds(t.receive(queue), 200)
    t.refuses(t.receive(queue), 404, "MessageNotExist")
    t.equal(t.counts(queue), (0, 1, 0))


@case("ReceiveMessage", "when visibility is over the message comes again: new handle, count up, first time kept", DOCS)
def receive_again(t):
    queue = t.queue(VisibilityTimeout=1)
    t.succeeds(t.send(queue, "x"), 201)
    first = t.receive(queue)
    again = t.receive(queue, "?waitseconds=10")
    t.shape(again, 200, "Message", RECEIVED)
    t.equal((first.find("DequeueCount"), again.find("DequeueCount")), ("1", "2"))
    for kept in ("MessageId", "EnqueueTime", "FirstDequeueTime"):
        t.equal(again.find(kept), first.find(kept), kept)
    assert again.find("ReceiptHandle") != first.find("ReceiptHandle")
    assert int(again.find("NextVisibleTime")) >= int(first.find("NextVisibleTime")) + 1000


@case("ReceiveMessage", "lower numbers of `Priority` come first", DOCS)
def receive_priority(t):
    queue = t.queue()
    for priority in (16, 1, 8, 2):
        t.succeeds(t.send(queue, f"p{priority}", Priority=priority), 201)
    t.equal([t.receive(queue).find("MessageBody") for _ in range(4)], ["p1", "p2", "p8", "p16"])


@case("ReceiveMessage", "among equals the older comes first", OURS)
def receive_order(t):
    queue = t.queue()
    for i in range(5):
        t.succeeds(t.send(queue, str(i)), 201)
    t.equal([t.receive(queue).find("MessageBody") for _ in range(5)], list("01234"))


# -- batches --

@case("BatchReceiveMessage", "200, root `Messages`, each message with its nine children", DOCS)
def batch_receive(t):
    queue = t.queue()
    t.succeeds(t.send_batch(queue, ["a", "b", "c"]), 201)
    entries = t.list_shape(t.receive(queue, "?numOfMessages=16"), 200, "Messages", "Message", RECEIVED)
    t.equal([e["MessageBody"] for e in entries], ["a", "b", "c"])
    t.equal(len({e["ReceiptHandle"] for e in entries}), 3)


@case("BatchReceiveMessage", "with `numOfMessages=1` the root is still `Messages`", DOCS)
def batch_receive_one(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    t.equal(len(t.list_shape(t.receive(queue, "?numOfMessages=1"), 200, "Messages", "Message", RECEIVED)), 1)


@case("BatchReceiveMessage", "never more than asked for", DOCS)
def batch_receive_no_more(t):
    queue = t.queue()
    t.succeeds(t.send_batch(queue, ["x"] * 16), 201)
    t.equal(len(t.receive(queue, "?numOfMessages=7").find_all("MessageId")), 7)
    t.equal(len(t.receive(queue, "?numOfMessages=16").find_all("MessageId")), 9)


@case("BatchReceiveMessage", "an empty queue: 404 `MessageNotExist`", DOCS)
def batch_receive_nothing(t):
    t.refuses(t.receive(t.queue(), "?numOfMessages=16"), 404, "MessageNotExist")


@cases("BatchReceiveMessage", [
    (f"batch_receive_{name}", f"`numOfMessages={text}` is {'taken' if good else 'refused'}: 1 to 16", text, good)
    for name, text, good in (("0", "0", False), ("1_edge", "1", True), ("16", "16", True), ("17", "17", False),
                             ("minus", "-1", False), ("text", "all", False), ("empty", "", False))], DOCS)
def batch_receive_number(t, text, good):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    answer = t.receive(queue, f"?numOfMessages={text}")
    t.succeeds(answer, 200) if good else t.refuses(answer, 400, "InvalidArgument")


# -- peeking --

@case("PeekMessage", "200, root `Message`, without `ReceiptHandle` and `NextVisibleTime`", DOCS, SDK_PYTHON)
def peek(t):
    queue = t.queue()
    sent = t.send(queue, "hello")
    answer = t.shape(t.receive(queue, "?peekonly=true"), 200, "Message", PEEKED)
    t.equal((answer.find("MessageId"), answer.find("MessageBody")), (sent.find("MessageId"), "hello"))


@case("PeekMessage", "changes nothing: the message stays active, its dequeue count 0", DOCS)
def peek_touches_nothing(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    for _ in range(3):
        t.equal(t.receive(queue, "?peekonly=true").find("DequeueCount"), "0")
    t.equal(t.counts(queue), (1, 0, 0))


@case("PeekMessage", "`FirstDequeueTime` of a message never received is 0", OURS)
def peek_first_dequeue(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    t.equal(t.receive(queue, "?peekonly=true").find("FirstDequeueTime"), "0")


@case("PeekMessage", "shows what receives have left behind: dequeue count and first time", DOCS)
def peek_after_receive(t):
    queue = t.queue(VisibilityTimeout=1)
    t.succeeds(t.send(queue, "x"), 201)
    first = t.receive(queue).find("FirstDequeueTime")
    t.until(lambda: t.receive(queue, "?peekonly=true").status, 200)
    answer = t.receive(queue, "?peekonly=true")
    t.equal((answer.find("DequeueCount"), answer.find("FirstDequeueTime")), ("1", first))


@case("PeekMessage", "hidden and delayed messages are not shown", DOCS)
def peek_hidden(t):
    queue = t.queue()
    t.handle(queue)
    t.succeeds(t.send(queue, "later", DelaySeconds=60), 201)
    t.refuses(t.receive(queue, "?peekonly=true"), 404, "MessageNotExist")


@case("PeekMessage", "a queue that is not there", DOCS)
def peek_missing_queue(t):
    t.refuses(t.receive(t.name(), "?peekonly=true"), 404, "QueueNotExist")


@case("PeekMessage", "`peekonly=false` is a receive", OURS)
def peek_false(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    t.shape(t.receive(queue, "?peekonly=false"), 200, "Message", RECEIVED)


@case("PeekMessage", "does not wait, whatever the queue's PollingWaitSeconds", OURS)
def peek_does_not_wait(t):
    queue = t.queue(PollingWaitSeconds=30)
    t.refuses(t.receive(queue, "?peekonly=true"), 404, "MessageNotExist")


@case("BatchPeekMessage", "200, root `Messages`, up to the number asked for", DOCS)
def batch_peek(t):
    queue = t.queue()
    t.succeeds(t.send_batch(queue, ["a", "b", "c"]), 201)
    for number, wanted in ((2, ["a", "b"]), (16, ["a", "b", "c"])):
        answer = t.receive(queue, f"?peekonly=true&numOfMessages={number}")
        entries = t.list_shape(answer, 200, "Messages", "Message", PEEKED)
        t.equal([e["MessageBody"] for e in entries], wanted)


@case("BatchPeekMessage", "`numOfMessages` may stand before `peekonly`", SDK_GO)
def batch_peek_order(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    t.list_shape(t.receive(queue, "?numOfMessages=3&peekonly=true"), 200, "Messages", "Message", PEEKED)


@case("BatchPeekMessage", "an empty queue: 404 `MessageNotExist`", DOCS)
def batch_peek_nothing(t):
    t.refuses(t.receive(t.queue(), "?peekonly=true&numOfMessages=3"), 404, "MessageNotExist")


@cases("BatchPeekMessage", [
    ("batch_peek_0", "`numOfMessages=0` is refused", 0),
    ("batch_peek_17", "`numOfMessages=17` is refused", 17)], DOCS)
def batch_peek_number(t, number):
    t.refuses(t.receive(t.queue(), f"?peekonly=true&numOfMessages={number}"), 400, "InvalidArgument")
