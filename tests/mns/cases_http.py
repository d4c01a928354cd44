"""HTTP as clients really speak it, byte by byte."""

from suite import (ACCOUNT, DOCS, HTTP, OURS, SDK_ALI_MNS, SDK_ALL, SDK_GO, SDK_JAVA, SDK_NODE, SDK_PYTHON, SEEN, case,
                   cases)
from wire import md5_base64_hex

SEND = "<Message><MessageBody>x</MessageBody></Message>"


def exchange(t, data):
    wire = t.wire()
    wire.send(data)
    return wire, t.common(wire.answer())


# -- every answer --

@case("any", "every answer has its own `x-mns-request-id`", DOCS)
def answer_request_ids(t):
    queue = t.queue()
    ids = {t.call("GET", f"/queues/{queue}").header("x-mns-request-id") for _ in range(10)}
    t.equal(len(ids), 10)


@case("any", "answers without a body have the XML content type too", SEEN)
def answer_content_type(t):
    answer = t.empty(t.call("PUT", f"/queues/{t.name()}"), 201)
    t.equal(answer.header("Content-Type"), "text/xml;charset=utf-8")


@case("any", "`Server: AliyunMQS`", SEEN)
def answer_server(t):
    t.equal(t.call("GET", "/queues").header("Server"), "AliyunMQS")


@case("any", "a 204 has neither body nor a length other than 0, and the connection goes on", HTTP)
def answer_204(t):
    queue = t.queue()
    t.empty(t.call("PUT", f"/queues/{queue}"), 204)
    t.succeeds(t.call("GET", f"/queues/{queue}"), 200)


@case("any", "an error does not end the connection", HTTP)
def answer_error_keeps_connection(t):
    for _ in range(3):
        t.refuses(t.call("GET", f"/queues/{t.name()}"), 404, "QueueNotExist")
        t.refuses(t.call("GET", "/queues", secret="wrong"), 403, "SignatureDoesNotMatch")
    t.equal(len(t.wires), 1, "connections")


@case("any", "`Location` stands on create and subscribe alone", DOCS)
def answer_location(t):
    queue = t.queue()
    for answer in (t.call("GET", f"/queues/{queue}"), t.send(queue, "x"), t.call("DELETE", f"/queues/{queue}"),
                   t.call("GET", f"/queues/{queue}")):
        t.equal(answer.header("Location"), "")


# -- connections --

@case("any", "several requests on one connection", HTTP)
def keep_alive(t):
    queue = t.queue()
    for _ in range(20):
        t.succeeds(t.send(queue, "x"), 201)
    t.equal((len(t.wires), t.counts(queue)[0]), (1, 20))


@case("any", "requests sent without waiting are answered in order", HTTP)
def pipelining(t):
    queue = t.queue()
    wire = t.wire()
    wire.send(b"".join(bytes(t.request("POST", f"/queues/{queue}/messages", SEND)) for _ in range(5)) +
              bytes(t.request("GET", f"/queues/{queue}")))
    t.equal([t.common(wire.answer()).status for _ in range(6)], [201] * 5 + [200])


@case("any", "`Connection: close` closes after the answer", HTTP)
def connection_close(t):
    wire, answer = exchange(t, t.request("GET", "/queues", unsigned=[("Connection", "close")]))
    t.succeeds(answer, 200)
    assert wire.at_end()


@case("any", "HTTP/1.0 with `Connection: Keep-Alive` goes on", SDK_ALL)
def http_10_keep_alive(t):
    wire = t.wire()
    for _ in range(2):
        wire.send(t.request("GET", "/queues", http="HTTP/1.0", unsigned=[("Connection", "Keep-Alive")]))
        answer = t.succeeds(t.common(wire.answer()), 200)
        t.equal(answer.header("Connection").lower(), "keep-alive")


@case("any", "HTTP/1.0 without it ends with the answer", HTTP)
def http_10_closes(t):
    wire, answer = exchange(t, t.request("GET", "/queues", http="HTTP/1.0"))
    t.succeeds(answer, 200)
    assert wire.at_end()


# -- bodies --

@case("SendMessage", "`Expect: 100-continue`: 100 at once, then the answer", SDK_JAVA)
def expect_continue(t):
    request = t.request("POST", f"/queues/{t.queue()}/messages", SEND, unsigned=[("Expect", "100-continue")])
    wire = t.wire()
    wire.send(request.head())
    t.equal(wire.head()[1], 100)
    wire.send(request.payload())
    t.succeeds(t.common(wire.answer()), 201)


@case("SendMessage", "`Expect: 100-continue` by a client that does not wait", SDK_JAVA)
def expect_continue_at_once(t):
    wire = t.wire()
    wire.send(t.request("POST", f"/queues/{t.queue()}/messages", SEND, unsigned=[("Expect", "100-continue")]))
    version, status, _ = wire.head()
    if status == 201:  # it may be left out when the body is there already
        return
    t.equal(status, 100)
    t.succeeds(t.common(wire.answer()), 201)


@cases("SendMessage", [
    ("chunked_one", "a chunked body, one chunk", [len(SEND)]),
    ("chunked_many", "a chunked body of many small chunks", [1] * len(SEND)),
    ("chunked_uneven", "a chunked body of uneven chunks", [7, 1, 20])], HTTP)
def chunked(t, sizes):
    queue = t.queue()
    t.succeeds(t.call("POST", f"/queues/{queue}/messages", SEND, chunks=sizes), 201)
    t.equal(t.receive(queue).find("MessageBody"), "x")


@case("SendMessage", "a request that comes byte by byte", HTTP)
def dribble(t):
    wire = t.wire()
    for byte in bytes(t.request("POST", f"/queues/{t.queue()}/messages", SEND)):
        wire.send(bytes([byte]))
    t.succeeds(t.common(wire.answer()), 201)


@case("SendMessage", "a body that comes after its head", HTTP)
def late_body(t):
    queue = t.queue()
    request = t.request("POST", f"/queues/{queue}/messages", SEND)
    wire = t.wire()
    wire.send(bytes(t.request("GET", f"/queues/{queue}")) + request.head())
    t.succeeds(t.common(wire.answer()), 200)  # the head came with what this answers: it is there
    wire.send(request.payload())
    t.succeeds(t.common(wire.answer()), 201)


@cases("GetQueueAttributes", [
    ("get_with_length_0", "GET with `Content-Length: 0`", {"unsigned": [("Content-Length", "0")]}),
    ("get_with_type", "GET with `Content-Type`", {"Content_Type": "application/xml"}),
    ("get_with_md5", "GET with `Content-MD5`", {"Content_MD5": md5_base64_hex(b"")}),
    ("get_with_all", "GET with all three",
     {"Content_Type": "text/xml;charset=UTF-8", "Content_MD5": md5_base64_hex(b""),
      "unsigned": [("Content-Length", "0")]})], SDK_PYTHON, SDK_GO, SDK_JAVA)
def get_with(t, how):
    t.succeeds(t.call("GET", f"/queues/{t.queue()}", **how), 200)


@cases("DeleteQueue", [
    ("delete_with_length_0", "DELETE with `Content-Length: 0`", {"unsigned": [("Content-Length", "0")]}),
    ("delete_with_md5", "DELETE with `Content-MD5` and `Content-Type` and no body",
     {"Content_Type": "text/xml", "Content_MD5": md5_base64_hex(b""), "unsigned": [("Content-Length", "0")]})],
       SDK_NODE)
def delete_with(t, how):
    t.empty(t.call("DELETE", f"/queues/{t.queue()}", **how), 204)


@case("BatchDeleteMessage", "DELETE with a body", DOCS, SDK_JAVA)
def delete_with_body(t):
    queue = t.queue()
    t.empty(t.delete_batch(queue, [t.handle(queue)]), 204)


@case("BatchDeleteMessage", "DELETE with a chunked body", HTTP)
def delete_with_chunked_body(t):
    queue = t.queue()
    body = f"<ReceiptHandles><ReceiptHandle>{t.handle(queue)}</ReceiptHandle></ReceiptHandles>"
    t.empty(t.call("DELETE", f"/queues/{queue}/messages", body, chunks=[10, 10]), 204)


@case("DeleteMessage", "a body beside `ReceiptHandle` in the query is ignored", OURS)
def delete_with_both(t):
    queue = t.queue()
    t.empty(t.call("DELETE", f"/queues/{queue}/messages?ReceiptHandle={t.handle(queue)}", "<ReceiptHandles/>"), 204)


# -- header names --

@cases("any", [
    ("header_lower", "header names in lower case", str.lower),
    ("header_upper", "header names in upper case", str.upper),
    ("header_title", "header names in Title-Case", str.title)], HTTP, SDK_NODE, SDK_GO)
def header_case(t, change):
    request = t.request("POST", f"/queues/{t.queue()}/messages", SEND, signed=[("x-mns-later", "1")])
    request.headers = [(change(name), value) for name, value in request.headers]
    t.succeeds(exchange(t, request)[1], 201)


@case("any", "no space after a header's colon", HTTP)
def header_without_space(t):
    data = bytes(t.request("GET", "/queues")).replace(b": ", b":")
    t.succeeds(exchange(t, data)[1], 200)


# -- targets --

@cases("GetQueueAttributes", [
    ("target_two_slashes", "`//queues/…` is signed and read as `/queues/…`", "//queues/{}", "/queues/{}"),
    ("target_many_slashes", "a run of slashes at the start counts as one", "////queues/{}", "/queues/{}"),
    ("target_absolute", "an absolute target is signed as its path",
     f"http://{ACCOUNT}.mns.cn-hangzhou.aliyuncs.com/queues/{{}}", "/queues/{}"),
    ("target_absolute_port", "an absolute target with a port", "http://somewhere:8080/queues/{}", "/queues/{}"),
    ("target_absolute_slashes", "an absolute target with two slashes", "http://somewhere//queues/{}", "/queues/{}"),
    ("target_trailing_slash", "a slash at the end is signed, and does not matter", "/queues/{}/", "/queues/{}/")],
       HTTP, SDK_NODE, SDK_ALI_MNS)
def target(t, sent, signs):
    queue = t.queue()
    answer = t.call("GET", sent.format(queue), signs=signs.format(queue))
    t.equal(t.succeeds(answer, 200).find("QueueName"), queue)


@case("BatchReceiveMessage", "an absolute target keeps its query", SDK_ALI_MNS)
def target_absolute_query(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    resource = f"/queues/{queue}/messages?numOfMessages=2&waitseconds=1"
    t.succeeds(t.call("GET", "http://somewhere" + resource, signs=resource), 200)


@case("ReceiveMessage", "a slash after `messages`", OURS)
def target_messages_slash(t):
    t.refuses(t.call("GET", f"/queues/{t.queue()}/messages/?waitseconds=0"), 404, "MessageNotExist")


@cases("BatchReceiveMessage", [
    ("query_any_case", "parameter names in any case", "?NUMOFMESSAGES=2&WaitSeconds=0"),
    ("query_any_order", "parameters in any order", "?waitseconds=0&numOfMessages=2"),
    ("query_unknown", "unknown parameters are ignored", "?later=1&numOfMessages=2&waitseconds=0&also"),
    ("query_escaped", "parameters may be percent-encoded", "?numOf%4Dessages=%32&waitseconds=0"),
    ("query_empty_parts", "empty parts of a query are ignored", "?&numOfMessages=2&&waitseconds=0&")], DOCS, OURS)
def query(t, text):
    queue = t.queue()
    t.succeeds(t.send_batch(queue, ["x"] * 3), 201)
    t.equal(len(t.succeeds(t.receive(queue, text), 200).find_all("MessageId")), 2)


@cases("any", [
    (name, f"`{verb} {path}`: there is no such resource, or not with this method", verb, path)
    for name, verb, path in (("no_resource_root", "GET", "/"), ("no_resource_other", "GET", "/stacks"),
                             ("no_resource_below_messages", "GET", "/queues/q/messages/1"),
                             ("no_method_on_list", "POST", "/queues"), ("no_method_patch", "PATCH", "/queues/q"),
                             ("no_resource_broken_escape", "GET", "/queues/%zz"),
                             ("no_resource_buy", "POST", "/commonbuy/openservice"))], DOCS)
def no_resource(t, verb, path):
    t.refuses(t.call(verb, path), 400, "InvalidRequestURL")


@case("any", "a query that is broken", DOCS)
def query_broken(t):
    t.refuses(t.receive(t.queue(), "?waitseconds=%"), 400, "InvalidQueryString")


@case("any", "a request beyond every limit is refused in the service's form, not cut off", OURS)
def body_too_large(t):
    answer = t.call("POST", f"/queues/{t.queue()}/messages", SEND + " " * 700000)
    t.refuses(answer, 400, "InvalidArgument")
    t.succeeds(t.call("GET", "/queues"), 200)


@case("any", "a chunked request beyond every limit is refused in the service's form", OURS)
def body_too_large_chunked(t):
    answer = t.call("POST", f"/queues/{t.queue()}/messages", SEND + " " * 700000, chunks=[65536] * 20)
    t.refuses(answer, 400, "InvalidArgument")
