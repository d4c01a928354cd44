"""SendMessage, BatchSendMessage."""

import hashlib

from suite import DOCS, HANDLE, OURS, SDK_GO, SDK_PYTHON, SDK_ALL, SEEN, SENT, case, cases, element


def md5(body):
    return hashlib.md5(body.encode()).hexdigest().upper()


@case("SendMessage", "201, root `Message` with `MessageId` and `MessageBodyMD5`, nothing else", DOCS)
def send(t):
    t.shape(t.send(t.queue(), "hello"), 201, "Message", SENT)


@case("SendMessage", "`MessageBodyMD5` is the documented example's, upper-case hex over the body as carried", DOCS)
def send_md5(t):
    answer = t.send(t.queue(), '{1:"a", 2:"b"}')
    t.equal(answer.find("MessageBodyMD5"), "F1E92841751D795AB325861034B5CB55")


@case("SendMessage", "the MD5 is taken after XML is unescaped, and Base64 is not decoded", DOCS)
def send_md5_layers(t):
    queue = t.queue()
    t.equal(t.send(queue, "a&b<c>").find("MessageBodyMD5"), md5("a&b<c>"))
    t.equal(t.send(queue, "aGVsbG8=").find("MessageBodyMD5"), md5("aGVsbG8="))


@case("SendMessage", "every message has an id of its own, 32 upper-case hex digits", SEEN)
def send_ids(t):
    queue = t.queue()
    ids = [t.shape(t.send(queue, "x"), 201, "Message", SENT).find("MessageId") for _ in range(20)]
    t.equal(len(set(ids)), 20)


@case("SendMessage", "a delayed message: `ReceiptHandle` too, by which it can be taken back before it shows", DOCS)
def send_delayed(t):
    queue = t.queue()
    answer = t.shape(t.send(queue, "x", DelaySeconds=60), 201, "Message", [*SENT, ("ReceiptHandle", HANDLE)])
    t.equal(t.counts(queue), (0, 0, 1))
    t.empty(t.delete(queue, answer.find("ReceiptHandle")), 204)
    t.equal(t.counts(queue), (0, 0, 0))


@case("SendMessage", "a delayed message cannot be received before its time, and can then", DOCS)
def send_delayed_shows(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x", DelaySeconds=1), 201)
    t.refuses(t.receive(queue), 404, "MessageNotExist")
    t.until(lambda: t.receive(queue).status, 200)


@case("SendMessage", "without `DelaySeconds` the queue's own delay holds; with it, the message's", DOCS)
def send_delay_of_queue(t):
    queue = t.queue(DelaySeconds=60)
    t.succeeds(t.send(queue, "x"), 201)
    t.succeeds(t.send(queue, "now", DelaySeconds=0), 201)
    t.equal(t.receive(queue).find("MessageBody"), "now")
    t.equal(t.counts(queue), (0, 1, 1))


@cases("SendMessage", [
    (f"send_delay_{name}", f"`DelaySeconds` {value} is {'taken' if good else 'refused'}: 0 to 604800", value, good)
    for name, value, good in (("below", -1, False), ("least", 0, True), ("most", 604800, True),
                              ("above", 604801, False), ("text", "soon", False))], DOCS)
def send_delay(t, value, good):
    answer = t.send(t.queue(), "x", DelaySeconds=value)
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@cases("SendMessage", [
    (f"send_priority_{name}", f"`Priority` {value} is {'taken' if good else 'refused'}: 1 to 16", value, good)
    for name, value, good in (("below", -1, False), ("least", 1, True), ("most", 16, True), ("above", 17, False),
                              ("text", "high", False))], DOCS)
def send_priority(t, value, good):
    queue = t.queue()
    answer = t.send(queue, "x", Priority=value)
    if good:
        t.succeeds(answer, 201)
        t.equal(t.receive(queue).find("Priority"), str(value))
    else:
        t.refuses(answer, 400, "InvalidArgument")


@case("SendMessage", "`Priority` 0 is what one client sends for \"not set\": 8", SDK_GO)
def send_priority_0(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x", Priority=0), 201)
    t.equal(t.receive(queue).find("Priority"), "8")


@case("SendMessage", "without `Priority`: 8", DOCS)
def send_priority_default(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "x"), 201)
    t.equal(t.receive(queue).find("Priority"), "8")


@case("SendMessage", "a queue that is not there", DOCS)
def send_missing_queue(t):
    t.refuses(t.send(t.name(), "x"), 404, "QueueNotExist")


# -- how large --

@cases("SendMessage", [
    (f"send_size_{size}", f"a body of {size} bytes is {'taken' if good else 'refused'}: 65536 at most", size, good)
    for size, good in ((1, True), (65535, True), (65536, True), (65537, False))], DOCS)
def send_size(t, size, good):
    queue = t.queue()
    answer = t.send(queue, "x" * size)
    if good:
        t.succeeds(answer, 201)
        t.equal(len(t.receive(queue).find("MessageBody")), size)
    else:
        t.refuses(answer, 400, "InvalidArgument")


@cases("SendMessage", [
    (f"send_size_{size}_of_queue", f"where `MaximumMessageSize` is 1024, {size} bytes are "
     f"{'taken' if good else 'refused'}", size, good) for size, good in ((1023, True), (1024, True), (1025, False))],
       DOCS)
def send_size_of_queue(t, size, good):
    answer = t.send(t.queue(MaximumMessageSize=1024), "x" * size)
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@case("SendMessage", "size is counted in bytes of UTF-8, after unescaping: 65536 ampersands are taken", DOCS)
def send_size_unescaped(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "&" * 65536), 201)
    t.equal(t.receive(queue).find("MessageBody"), "&" * 65536)


@case("SendMessage", "size is counted in bytes of UTF-8: 21845 characters of three bytes are taken, 21846 not", DOCS)
def send_size_characters(t):
    queue = t.queue()
    t.succeeds(t.send(queue, "\u4e2d" * 21845), 201)
    t.refuses(t.send(queue, "\u4e2d" * 21846), 400, "InvalidArgument")


@case("SendMessage", "an empty body is refused", OURS)
def send_size_0(t):
    t.refuses(t.send(t.queue(), ""), 400, "InvalidArgument")


@case("SendMessage", "a message without `MessageBody` is refused", DOCS)
def send_without_body(t):
    t.refuses(t.call("POST", f"/queues/{t.queue()}/messages", "<Message><Priority>1</Priority></Message>"), 400,
              "InvalidArgument")


@case("SendMessage", "far over every limit: refused in the same form, not cut off", OURS)
def send_size_megabyte(t):
    t.refuses(t.send(t.queue(), "x" * 1000000), 400, "InvalidArgument")


# -- batches --

@case("BatchSendMessage", "201, root `Messages`, one `Message` of two children for each, in order", DOCS, SDK_PYTHON)
def batch_send(t):
    bodies = [f"message {i}" for i in range(5)]
    entries = t.list_shape(t.send_batch(t.queue(), bodies), 201, "Messages", "Message", SENT)
    t.equal([e["MessageBodyMD5"] for e in entries], [md5(body) for body in bodies])


@cases("BatchSendMessage", [
    (f"batch_send_{count}", f"a batch of {count} is {'taken' if good else 'refused'}: 1 to 16", count, good)
    for count, good in ((0, False), (1, True), (16, True), (17, False))], DOCS)
def batch_send_count(t, count, good):
    queue = t.queue()
    answer = t.send_batch(queue, ["x"] * count)
    if good:
        t.equal(len(t.list_shape(answer, 201, "Messages", "Message", SENT)), count)
    else:
        t.refuses(answer, 400, "InvalidArgument")
    t.equal(t.counts(queue), (count if good else 0, 0, 0))


@cases("BatchSendMessage", [
    (f"batch_send_total_{total}", f"{total} bytes in all are {'taken' if good else 'refused'}: 65536 at most",
     total, good) for total, good in ((65535, True), (65536, True), (65537, False))], DOCS)
def batch_send_total(t, total, good):
    answer = t.send_batch(t.queue(), ["x" * 4096] * 15 + ["x" * (total - 15 * 4096)])
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@case("BatchSendMessage", "each message has its own priority and delay; delayed ones have two children too",
      DOCS, SDK_PYTHON)
def batch_send_own_attributes(t):
    queue = t.queue()
    body = element("Messages", element("Message", "<MessageBody>a</MessageBody><Priority>9</Priority>") +
                   element("Message", "<MessageBody>b</MessageBody><Priority>2</Priority>") +
                   element("Message", "<MessageBody>c</MessageBody><DelaySeconds>60</DelaySeconds>"))
    answer = t.call("POST", f"/queues/{queue}/messages", body)
    t.equal(len(t.list_shape(answer, 201, "Messages", "Message", SENT)), 3)
    t.equal(t.receive(queue, "?numOfMessages=16").find_all("MessageBody"), ["b", "a"])
    t.equal(t.counts(queue), (0, 2, 1))


@case("BatchSendMessage", "one message that is invalid: all are refused, nothing is sent", OURS)
def batch_send_one_invalid(t):
    queue = t.queue()
    t.refuses(t.send_batch(queue, ["good", "", "good"]), 400, "InvalidArgument")
    t.equal(t.counts(queue), (0, 0, 0))


@case("BatchSendMessage", "a queue that is not there", DOCS)
def batch_send_missing_queue(t):
    t.refuses(t.send_batch(t.name(), ["x"]), 404, "QueueNotExist")


# -- what travels beside the body --

def properties(count=1, name="trace", value="42", kind="STRING"):
    entry = element("PropertyValue", element("Name", name) + element("Value", value) + element("Type", kind))
    return element("UserProperties", entry * count)


def send_with(t, queue, inner):
    return t.call("POST", f"/queues/{queue}/messages", element("Message", "<MessageBody>x</MessageBody>" + inner))


@cases("SendMessage", [
    (f"send_property_{kind}", f"`UserProperties` of type {kind} come back with the message", kind, value)
    for kind, value in (("STRING", "caf\u00e9 &amp; &lt;tea&gt;"), ("NUMBER", "-4.2"), ("BOOLEAN", "true"),
                        ("BINARY", "AAEC/w=="))], DOCS)
def send_property(t, kind, value):
    queue = t.queue()
    t.shape(send_with(t, queue, properties(value=value, kind=kind)), 201, "Message", SENT)
    answer = t.succeeds(t.receive(queue), 200)
    assert properties(value=value, kind=kind) in answer.text, answer.text


@case("SendMessage", "`SystemProperties` come back with the message", DOCS)
def send_system_property(t):
    queue = t.queue()
    inner = ("<SystemProperties><SystemPropertyValue><Name>traceparent</Name><Value>00-a-b-01</Value>"
             "<Type>STRING</Type></SystemPropertyValue></SystemProperties>")
    t.succeeds(send_with(t, queue, inner), 201)
    assert inner in t.receive(queue).text


@cases("SendMessage", [
    ("send_properties_50", "50 properties are taken", properties(50), True),
    ("send_properties_51", "51 properties are refused", properties(51), False),
    ("send_property_name_256", "a property's name of 256 bytes is taken", properties(name="n" * 256), True),
    ("send_property_name_257", "a property's name of 257 bytes is refused", properties(name="n" * 257), False),
    ("send_property_value_4096", "a property's value of 4096 bytes is taken", properties(value="v" * 4096), True),
    ("send_property_value_4097", "a property's value of 4097 bytes is refused", properties(value="v" * 4097), False),
    ("send_property_type", "a property of a type that is none is refused", properties(kind="DATE"), False)], OURS)
def send_property_limits(t, inner, good):
    answer = send_with(t, t.queue(), inner)
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@case("SendMessage", "with properties `MessageBodyMD5` is still the MD5 of the body alone", OURS)
def send_property_md5(t):
    t.equal(send_with(t, t.queue(), properties()).find("MessageBodyMD5"), md5("x"))


@case("BatchSendMessage", "properties belong to their message", DOCS)
def batch_send_properties(t):
    queue = t.queue()
    inner = element("Message", "<MessageBody>a</MessageBody>") + element("Message", "<MessageBody>b</MessageBody>" +
                                                                        properties())
    t.succeeds(t.call("POST", f"/queues/{queue}/messages", element("Messages", inner)), 201)
    first, second = t.receive(queue, "?numOfMessages=2").text.split("</Message>")[:2]
    t.equal(("PropertyValue" in first, "PropertyValue" in second), (False, True))


@case("SendMessage", "`MessageGroupId` and other newer children are taken and ignored", DOCS, OURS)
def send_newer_children(t):
    t.succeeds(send_with(t, t.queue(), "<MessageGroupId>g</MessageGroupId><Later>1</Later>"), 201)


# -- bodies --

@cases("SendMessage", [
    ("body_markup", "`&`, `<`, `>` and quotes come back as they were sent", "a & b < c > d ]]> \" '"),
    ("body_non_ascii", "text that is not ASCII comes back as it was sent", "na\u00efve caf\u00e9 \u4e2d\u6587 \u0416"),
    ("body_emoji", "characters beyond the first plane come back as they were sent", "\U0001f600\U00020000"),
    ("body_json", "JSON comes back as it was sent", '{"Category":"Job","Event":"OnJobFailed","Message":"\\"x\\""}'),
    ("body_xml", "XML within the body comes back as it was sent", '<?xml version="1.0"?><a b="c">d</a>'),
    ("body_base64", "Base64 is neither decoded nor encoded", "aGVsbG8="),
    ("body_blanks", "whitespace round the body belongs to it", "  x \n"),
    ("body_tabs_and_lines", "tabs and line ends come back as they were sent", "a\tb\nc"),
    ("body_blank_only", "a body of blanks alone is a body", "   "),
    ("body_last_characters", "the last characters that XML can carry come back", "\ue000\ufffd\U0010ffff")], SDK_ALL)
def body_comes_back(t, body):
    queue = t.queue()
    t.equal(t.send(queue, body).find("MessageBodyMD5"), md5(body))
    answer = t.receive(queue)
    t.equal((answer.find("MessageBody"), answer.find("MessageBodyMD5")), (body, md5(body)))


@case("SendMessage", "a carriage return sent as a reference comes back, as a reference", "XML 1.0")
def body_carriage_return(t):
    queue = t.queue()
    t.succeeds(t.call("POST", f"/queues/{queue}/messages",
                      "<Message><MessageBody>a&#13;&#10;b</MessageBody></Message>"), 201)
    answer = t.receive(queue)
    t.equal(answer.find("MessageBody"), "a\r\nb")
    assert "a&#13;" in answer.text
