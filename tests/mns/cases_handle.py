"""What is done with a receipt handle: DeleteMessage, BatchDeleteMessage, ChangeMessageVisibility."""

import urllib.parse

from suite import DOCS, HANDLE, MILLISECONDS, OURS, SDK_GO, SDK_NODE, SDK_PHP, SDK_PYTHON, SEEN, Same, case, cases


# -- DeleteMessage --

@case("DeleteMessage", "204, no body; the message is gone", DOCS)
def delete(t):
    queue = t.queue()
    t.empty(t.delete(queue, t.handle(queue)), 204)
    t.equal(t.counts(queue), (0, 0, 0))


@case("DeleteMessage", "a handle is letters, digits, `-` and `_`, so that it travels in a query as it is", SDK_PHP,
      SDK_NODE)
def handle_alphabet(t):
    t.equal(t.handle(t.queue()), HANDLE)


@case("DeleteMessage", "a handle may come percent-encoded", SDK_GO, SDK_PHP)
def delete_escaped(t):
    queue = t.queue()
    handle = "".join(f"%{ord(c):02X}" for c in t.handle(queue))
    t.empty(t.delete(queue, handle), 204)


@case("DeleteMessage", "the parameter is missing", DOCS)
def delete_without_handle(t):
    t.refuses(t.call("DELETE", f"/queues/{t.queue()}/messages"), 400, "MissingReceiptHandle")


@cases("DeleteMessage", [
    ("delete_malformed", "a handle that is none", "nonsense"),
    ("delete_empty", "an empty handle", ""),
    ("delete_foreign", "a handle of the service's own old form", "1-ODU4OTkzNDU5My0xNDM1MTk3NjAwLTItNg==")], DOCS)
def delete_malformed(t, handle):
    t.refuses(t.delete(t.queue(), handle), 400, "ReceiptHandleError")


@case("DeleteMessage", "a handle whose NextVisibleTime is over", DOCS)
def delete_late(t):
    queue = t.queue(VisibilityTimeout=1)
    handle = t.handle(queue)
    t.until(lambda: t.counts(queue), (1, 0, 0))
    t.refuses(t.delete(queue, handle), 400, "ReceiptHandleError")
    t.equal(t.counts(queue), (1, 0, 0))


@case("DeleteMessage", "a handle that a newer receive replaced", DOCS)
def delete_replaced(t):
    queue = t.queue(VisibilityTimeout=1)
    old = t.handle(queue)
    new = t.receive(queue, "?waitseconds=10").find("ReceiptHandle")
    t.refuses(t.delete(queue, old), 400, "ReceiptHandleError")
    t.empty(t.delete(queue, new), 204)


@case("DeleteMessage", "a message that was deleted before", OURS)
def delete_twice(t):
    queue = t.queue()
    handle = t.handle(queue)
    t.empty(t.delete(queue, handle), 204)
    t.refuses(t.delete(queue, handle), 404, "MessageNotExist")


@case("DeleteMessage", "a handle of another queue", OURS)
def delete_of_other_queue(t):
    mine, other = t.queue(), t.queue()
    handle = t.handle(mine)
    t.refuses(t.delete(other, handle), 400, "ReceiptHandleError")
    t.empty(t.delete(mine, handle), 204)


@case("DeleteMessage", "a queue that is not there", DOCS)
def delete_missing_queue(t):
    t.refuses(t.delete(t.name(), "x"), 404, "QueueNotExist")


# -- BatchDeleteMessage --

FAILED = [("ErrorCode", "ReceiptHandleError"), ("ErrorMessage", Same(".+")), ("ReceiptHandle", Same(".+"))]


def received(t, queue, count):
    t.succeeds(t.send_batch(queue, ["x"] * count), 201)
    return t.receive(queue, f"?numOfMessages={count}").find_all("ReceiptHandle")


@case("BatchDeleteMessage", "all gone: 204, no body", DOCS)
def batch_delete(t):
    queue = t.queue()
    t.empty(t.delete_batch(queue, received(t, queue, 16)), 204)
    t.equal(t.counts(queue), (0, 0, 0))


@case("BatchDeleteMessage", "some failed: 404, root `Errors`, an `Error` of three children for each; the rest is gone",
      DOCS, SDK_PYTHON)
def batch_delete_partly(t):
    queue = t.queue()
    good, stale = received(t, queue, 2), "nonsense"
    answer = t.delete_batch(queue, [good[0], stale, good[1]])
    entries = t.list_shape(answer, 404, "Errors", "Error", FAILED)
    t.equal([e["ReceiptHandle"] for e in entries], [stale])
    t.equal(t.counts(queue), (0, 0, 0))


@case("BatchDeleteMessage", "all failed: an `Error` for each, in order", DOCS)
def batch_delete_none(t):
    entries = t.list_shape(t.delete_batch(t.queue(), ["a", "b"]), 404, "Errors", "Error", FAILED)
    t.equal([e["ReceiptHandle"] for e in entries], ["a", "b"])


@case("BatchDeleteMessage", "the same handle twice: deleted, then not there", OURS)
def batch_delete_twice(t):
    queue = t.queue()
    handle = t.handle(queue)
    answer = t.succeeds(t.delete_batch(queue, [handle, handle]), 404)
    t.equal(answer.find_all("ErrorCode"), ["MessageNotExist"])


@cases("BatchDeleteMessage", [
    (f"batch_delete_{count}", f"{count} handles are {'taken' if good else 'refused'}: 1 to 16", count, good)
    for count, good in ((0, False), (1, True), (16, True), (17, False))], DOCS)
def batch_delete_count(t, count, good):
    queue = t.queue()
    handles = received(t, queue, min(count, 16)) if count else []
    answer = t.delete_batch(queue, handles + handles[:count - len(handles)])
    t.empty(answer, 204) if good else t.refuses(answer, 400, "InvalidArgument")


@case("BatchDeleteMessage", "a queue that is not there is told by the root `Error`, though 404 too", DOCS)
def batch_delete_missing_queue(t):
    t.refuses(t.delete_batch(t.name(), ["x"]), 404, "QueueNotExist")


@case("BatchDeleteMessage", "another root than `ReceiptHandles`", DOCS)
def batch_delete_root(t):
    t.refuses(t.call("DELETE", f"/queues/{t.queue()}/messages", "<Messages/>"), 400, "MalformedXML")


# -- ChangeMessageVisibility --

CHANGED = [("ReceiptHandle", HANDLE), ("NextVisibleTime", MILLISECONDS)]


@case("ChangeMessageVisibility", "200, root `ChangeVisibility`, a new handle and the new time", DOCS)
def visibility(t):
    queue = t.queue()
    handle = t.handle(queue)
    answer = t.shape(t.hide(queue, handle, 60), 200, "ChangeVisibility", CHANGED)
    assert answer.find("ReceiptHandle") != handle


@case("ChangeMessageVisibility", "the time counts from the call, not from the receive", SEEN)
def visibility_from_now(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    got = t.receive(queue)
    answer = t.hide(queue, got.find("ReceiptHandle"), 100)
    since = int(answer.find("NextVisibleTime")) - int(got.find("FirstDequeueTime"))
    assert 100000 <= since < 120000, since


@case("ChangeMessageVisibility", "the old handle dies, the new one deletes", DOCS)
def visibility_handles(t):
    queue = t.queue()
    old = t.handle(queue)
    new = t.hide(queue, old, 60).find("ReceiptHandle")
    t.refuses(t.delete(queue, old), 400, "ReceiptHandleError")
    t.refuses(t.hide(queue, old, 60), 400, "ReceiptHandleError")
    t.empty(t.delete(queue, new), 204)


@case("ChangeMessageVisibility", "a shorter time lets the message show sooner", DOCS)
def visibility_shorter(t):
    queue = t.queue(VisibilityTimeout=600)
    handle = t.handle(queue)
    t.succeeds(t.hide(queue, handle, 1), 200)
    t.equal(t.receive(queue, "?waitseconds=20").find("DequeueCount"), "2")


@case("ChangeMessageVisibility", "a longer time keeps the message hidden beyond its first time", DOCS)
def visibility_longer(t):
    queue = t.queue(VisibilityTimeout=1)
    t.succeeds(t.hide(queue, t.handle(queue), 60), 200)
    t.refuses(t.receive(queue, "?waitseconds=2"), 404, "MessageNotExist")


@case("ChangeMessageVisibility", "the dequeue count stays", DOCS)
def visibility_count(t):
    queue = t.queue()
    t.succeeds(t.hide(queue, t.handle(queue), 1), 200)
    t.until(lambda: t.counts(queue), (1, 0, 0))
    t.equal(t.receive(queue, "?peekonly=true").find("DequeueCount"), "1")


@cases("ChangeMessageVisibility", [
    ("visibility_capitals", "`ReceiptHandle`, `VisibilityTimeout`", "ReceiptHandle={}&VisibilityTimeout=5"),
    ("visibility_small", "`receiptHandle`, `visibilityTimeout`", "receiptHandle={}&visibilityTimeout=5"),
    ("visibility_any_case", "names in any case", "RECEIPTHANDLE={}&visibilitytimeout=5"),
    ("visibility_any_order", "names in any order", "visibilityTimeout=5&receiptHandle={}")],
       DOCS, SDK_NODE, SDK_PHP, SDK_PYTHON)
def visibility_spelling(t, query):
    queue = t.queue()
    answer = t.call("PUT", f"/queues/{queue}/messages?" + query.format(t.handle(queue)))
    t.shape(answer, 200, "ChangeVisibility", CHANGED)


@cases("ChangeMessageVisibility", [
    (f"visibility_{name}", f"`VisibilityTimeout` {text} is {'taken' if good else 'refused'}: 1 to 43200", text, good)
    for name, text, good in (("below", "0", False), ("least", "1", True), ("most", "43200", True),
                             ("above", "43201", False), ("text", "long", False), ("empty", "", False))], DOCS)
def visibility_range(t, text, good):
    queue = t.queue()
    answer = t.hide(queue, t.handle(queue), text)
    t.succeeds(answer, 200) if good else t.refuses(answer, 400, "InvalidArgument")


@case("ChangeMessageVisibility", "`ReceiptHandle` is missing", DOCS)
def visibility_without_handle(t):
    t.refuses(t.call("PUT", f"/queues/{t.queue()}/messages?VisibilityTimeout=5"), 400, "MissingReceiptHandle")


@case("ChangeMessageVisibility", "`VisibilityTimeout` is missing", DOCS)
def visibility_without_timeout(t):
    queue = t.queue()
    t.refuses(t.call("PUT", f"/queues/{queue}/messages?ReceiptHandle={t.handle(queue)}"), 400,
              "MissingVisibilityTimeout")


@case("ChangeMessageVisibility", "a handle that is none", DOCS)
def visibility_malformed(t):
    t.refuses(t.hide(t.queue(), urllib.parse.quote("no handle"), 5), 400, "ReceiptHandleError")


@case("ChangeMessageVisibility", "a message that was deleted", DOCS)
def visibility_of_deleted(t):
    queue = t.queue()
    handle = t.handle(queue)
    t.empty(t.delete(queue, handle), 204)
    t.refuses(t.hide(queue, handle, 5), 404, "MessageNotExist")


@case("ChangeMessageVisibility", "a queue that is not there", DOCS)
def visibility_missing_queue(t):
    t.refuses(t.hide(t.name(), "x", 5), 404, "QueueNotExist")
