"""Every error code of the documentation, each with its status and all four children.

Most are provoked; those that come from what this server does not have (permissions, failures,
several data centres) are called up as a fault on command, in the form that clients meet them in."""

import json

from suite import DOCS, OURS, SDK_GO, SDK_JAVA, case, cases, children, element
from wire import http_date

Q = "/queues/none"


def queue_path(t):
    return f"/queues/{t.queue()}"


PROVOKED = [
    # code, status, how it comes, call
    ("InvalidAccessKeyId", 403, "a key id nobody has", lambda t: t.call("GET", Q, key="nobody")),
    ("SignatureDoesNotMatch", 403, "a wrong secret", lambda t: t.call("GET", Q, secret="wrong")),
    ("TimeExpired", 408, "a date an hour ago", lambda t: t.call("GET", Q, Date=http_date(-3600))),
    ("InvalidAuthorizationHeader", 400, "another scheme", lambda t: t.call("GET", Q, authorization="Basic eA==")),
    ("MissingAuthorizationHeader", 400, "no Authorization", lambda t: t.call("GET", Q, authorization=None)),
    ("InvalidDateHeader", 400, "a date that is none", lambda t: t.call("GET", Q, Date="soon")),
    ("MissingDateHeader", 400, "no date", lambda t: t.call("GET", Q, Date=None)),
    ("InvalidVersionHeader", 400, "another version", lambda t: t.call("GET", Q, x_mns_version="1")),
    ("MissingVersionHeader", 400, "no version", lambda t: t.call("GET", Q, x_mns_version=None)),
    ("InvalidContentType", 400, "a body that is not XML by its type",
     lambda t: t.call("PUT", f"/queues/{t.name()}", "<Queue/>", Content_Type="text/plain")),
    ("InvalidArgument", 400, "a number out of range", lambda t: t.receive(t.queue(), "?numOfMessages=17")),
    ("InvalidDegist", 400, "a Content-MD5 of another body", lambda t: t.call("GET", Q, Content_MD5="0" * 32)),
    ("InvalidRequestURL", 400, "a path that leads nowhere", lambda t: t.call("GET", "/nowhere")),
    ("InvalidQueryString", 400, "a broken query", lambda t: t.receive("none", "?a=%")),
    ("MalformedXML", 400, "a body that is no XML", lambda t: t.call("POST", f"{queue_path(t)}/messages", "<")),
    ("MissingReceiptHandle", 400, "a delete of nothing", lambda t: t.call("DELETE", f"{queue_path(t)}/messages")),
    ("MissingVisibilityTimeout", 400, "a change without a time",
     lambda t: t.call("PUT", f"{queue_path(t)}/messages?ReceiptHandle=x")),
    ("ReceiptHandleError", 400, "a handle that is none", lambda t: t.delete(t.queue(), "x")),
    ("MessageNotExist", 404, "an empty queue", lambda t: t.receive(t.queue())),
    ("QueueNotExist", 404, "a queue that is not there", lambda t: t.call("GET", Q)),
    ("QueueAlreadyExist", 409, "other attributes",
     lambda t: t.call("PUT", queue_path(t), "<Queue><DelaySeconds>1</DelaySeconds></Queue>")),
    ("InvalidQueueName", 400, "a name with an underscore", lambda t: t.call("PUT", "/queues/a_b")),
    ("QueueNameLengthError", 400, "a name of 121 characters", lambda t: t.call("PUT", f"/queues/{t.name(121)}")),
    ("TopicNotExist", 404, "a topic that is not there", lambda t: t.call("GET", "/topics/none")),
    ("TopicAlreadyExist", 409, "other attributes",
     lambda t: t.call("PUT", f"/topics/{t.topic()}", "<Topic><MaximumMessageSize>2048</MaximumMessageSize></Topic>")),
    ("TopicNameInvalid", 400, "a name with an underscore", lambda t: t.call("PUT", "/topics/a_b")),
    ("TopicNameLengthError", 400, "a name of 121 characters", lambda t: t.call("PUT", f"/topics/{t.name(121)}")),
    ("SubscriptionNotExist", 404, "a subscription that is not there",
     lambda t: t.call("GET", f"/topics/{t.topic()}/subscriptions/none")),
    ("SubscriptionAlreadyExist", 409, "other attributes",
     lambda t: t.subscribe(t.topic_to_queue()[0], "s", "elsewhere")),
    ("SubscriptionNameInvalid", 400, "a name with an underscore", lambda t: t.subscribe(t.topic(), "a_b", "q")),
    ("SubscriptionNameLengthError", 400, "a name of 256 characters", lambda t: t.subscribe(t.topic(), "y" * 256, "q")),
    ("EndpointInvalid", 400, "an endpoint that is none",
     lambda t: t.call("PUT", f"/topics/{t.topic()}/subscriptions/s",
                      element("Subscription", children(Endpoint="nowhere")))),
]


# Known from two SDKs' lists alone, so that the status is a guess.
LISTED = ("InvalidVersionHeader", "MissingVersionHeader", "InvalidContentType")


def provoked(chosen):
    return [(f"error_{code}", f"`{code}`, {status}: {how}", code, status, provoke)
            for code, status, how, provoke in PROVOKED if chosen(code)]


@cases("any", provoked(lambda code: code in LISTED), SDK_GO, OURS)
@cases("any", provoked(lambda code: code not in LISTED), DOCS)
def error_provoked(t, code, status, provoke):
    answer = t.refuses(provoke(t), status, code)
    t.equal(answer.header("Location"), "")


COMMANDED = [("AccessDenied", 403), ("InternalError", 500), ("InternalServerError", 500),
             ("QueueDeletedRecently", 400)]
COMMANDED_LISTED = [("ServiceUnavailable", 503), ("TopicDeletedRecently", 400), ("SubscriberNotExist", 404),
                    ("InvalidDigest", 400)]


def commanded(rows):
    return [(f"error_{code}", f"`{code}`, {status}: called up as a fault", code, status) for code, status in rows]


def command(t, rule):
    """One rule for faults, at a server of the case's own."""
    t.other_server()
    body = json.dumps({"faults": [rule]})
    wire = t.wire()
    wire.send(f"POST /local/faults HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    t.equal(wire.answer().status // 100, 2)


@cases("any", commanded(COMMANDED), DOCS)
@cases("any", commanded(COMMANDED_LISTED), SDK_GO, OURS)
def error_commanded(t, code, status):
    command(t, {"op": "ListQueue", "next": 1, "action": "error", "code": code, "status": status})
    t.refuses(t.call("GET", "/queues"), status, code)
    t.succeeds(t.call("GET", "/queues"), 200)


@case("any", "`QpsLimitExceeded`, 429 with Retry-After: called up as a fault", OURS)
def error_QpsLimitExceeded(t):
    command(t, {"op": "ListQueue", "next": 1, "action": "throttle"})
    answer = t.refuses(t.call("GET", "/queues"), 429, "QpsLimitExceeded")
    t.equal(answer.header("Retry-After"), "1")


@case("BatchSendMessage", "partly failed: 500, root `Messages`, failed entries with `ErrorCode` and `ErrorMessage`",
      SDK_JAVA, OURS)
def error_batch_send_partly(t):
    command(t, {"op": "BatchSendMessage", "next": 1, "action": "partial"})
    answer = t.succeeds(t.send_batch(t.queue(), ["x"] * 16), 500)
    failed, sent = answer.find_all("ErrorCode"), answer.find_all("MessageId")
    t.equal((len(failed) + len(sent), len(answer.find_all("ErrorMessage"))), (16, len(failed)))
    assert failed and sent


@case("BatchDeleteMessage", "partly failed on command: as when handles are stale", DOCS)
def error_batch_delete_partly(t):
    command(t, {"op": "BatchDeleteMessage", "next": 1, "action": "partial"})
    queue = t.queue()
    t.succeeds(t.send_batch(queue, ["x"] * 4), 201)
    handles = t.receive(queue, "?numOfMessages=4").find_all("ReceiptHandle")
    failed = t.succeeds(t.delete_batch(queue, handles), 404).find_all("ReceiptHandle")
    assert failed and set(failed) < set(handles)
