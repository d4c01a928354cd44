"""Topics, publishing, and what arrives in the queues that subscribed."""

import hashlib
import json
import xml.etree.ElementTree as ET

from cases_send import properties
from suite import (ACCOUNT, DOCS, ID, MILLISECONDS, OURS, SDK_PYTHON, SECONDS, SEEN, SENT, Same, case, cases, children,
                   element, local_name)


def put(t, name, query="", **values):
    return t.call("PUT", f"/topics/{name}{query}", element("Topic", children(**values)))


def attributes(name, size=65536, logging="False"):
    return [("TopicName", name), ("CreateTime", SECONDS), ("LastModifyTime", SECONDS),
            ("MaximumMessageSize", str(size)), ("MessageRetentionPeriod", "86400"), ("MessageCount", "0"),
            ("LoggingEnabled", logging)]


def get(t, name, *changed):
    return t.shape(t.call("GET", f"/topics/{name}"), 200, "Topic", attributes(name, *changed))


# -- topics themselves --

@case("CreateTopic", "a new topic: 201, Location is its URL, no body", DOCS)
def create_topic(t):
    name = t.name()
    answer = t.empty(put(t, name, MaximumMessageSize=2048), 201)
    t.equal(answer.header("Location"), f"http://127.0.0.1/topics/{name}")
    get(t, name, 2048)


@case("CreateTopic", "without a body every attribute has its default", DOCS)
def create_topic_defaults(t):
    name = t.name()
    t.empty(t.call("PUT", f"/topics/{name}"), 201)
    get(t, name)


@case("CreateTopic", "again with the same attributes: 204, with Location", DOCS, SEEN)
def create_topic_again(t):
    name = t.topic(MaximumMessageSize=2048)
    answer = t.empty(put(t, name, MaximumMessageSize=2048), 204)
    t.equal(answer.header("Location"), f"http://127.0.0.1/topics/{name}")


@case("CreateTopic", "with other attributes: 409", DOCS)
def create_topic_other(t):
    t.refuses(put(t, t.topic(), MaximumMessageSize=2048), 409, "TopicAlreadyExist")


@cases("CreateTopic", [
    (f"limit_topic_size_{place}", f"`MaximumMessageSize` {value} is {'taken' if good else 'refused'}: 1024 to 65536",
     value, good) for place, value, good in (("below", 1023, False), ("least", 1024, True), ("most", 65536, True),
                                             ("above", 65537, False))], DOCS)
def limit_topic_size(t, value, good):
    answer = put(t, t.name(), MaximumMessageSize=value)
    t.empty(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@cases("CreateTopic", [
    ("topic_name_120", "a name of 120 characters is taken", lambda t: t.name(120), 201, ""),
    ("topic_name_121", "a name of 121 characters is too long", lambda t: t.name(121), 400, "TopicNameLengthError"),
    ("topic_name_digit_first", "a name may begin with a digit", lambda t: t.name(first="7"), 201, ""),
    ("topic_name_hyphen_first", "a name may not begin with a hyphen", lambda t: t.name(first="-"), 400,
     "TopicNameInvalid"),
    ("topic_name_underscore", "an underscore is no part of a name", lambda t: t.name() + "_a", 400,
     "TopicNameInvalid"),
    ("topic_name_non_ascii", "a name that is not ASCII, percent-encoded, is refused",
     lambda t: t.name() + "%E4%B8%BB", 400, "TopicNameInvalid")], DOCS)
def topic_name(t, make, status, code):
    answer = t.call("PUT", f"/topics/{make(t)}")
    t.refuses(answer, status, code) if code else t.empty(answer, status)


@case("CreateTopic", "1,000 topics are taken, one more is refused", DOCS, OURS)
def limit_of_topics(t):
    t.other_server()
    for i in range(1000):
        t.empty(t.call("PUT", f"/topics/t{i}"), 201)
    t.refuses(t.call("PUT", "/topics/over"), 400, "InvalidArgument")


@case("SetTopicAttributes", "204, and only the attributes named change", DOCS)
def set_topic(t):
    name = t.topic(MaximumMessageSize=2048)
    t.empty(put(t, name, "?metaoverride=true", LoggingEnabled="True"), 204)
    get(t, name, 2048, "True")


@case("SetTopicAttributes", "a topic that is not there", DOCS)
def set_topic_missing(t):
    t.refuses(put(t, t.name(), "?metaoverride=true", LoggingEnabled="True"), 404, "TopicNotExist")


@case("SetTopicAttributes", "an attribute out of range is refused", DOCS)
def set_topic_above(t):
    t.refuses(put(t, t.topic(), "?metaoverride=true", MaximumMessageSize=65537), 400, "InvalidArgument")


@case("GetTopicAttributes", "every attribute, in order; retention is a day", DOCS, SDK_PYTHON)
def get_topic(t):
    get(t, t.topic())


@case("GetTopicAttributes", "a topic that is not there", DOCS)
def get_topic_missing(t):
    t.refuses(t.call("GET", f"/topics/{t.name()}"), 404, "TopicNotExist")


@case("ListTopic", "root `Topics`, entries with `TopicURL` and `TopicName`, page by page", DOCS)
def list_topic(t):
    prefix = t.name() + "-"
    names = [f"{prefix}{i}" for i in range(3)]
    for name in names:
        t.empty(t.call("PUT", f"/topics/{name}"), 201)
    got, marker = [], None
    for want, more in ((2, True), (1, False)):
        signed = [("x-mns-prefix", prefix), ("x-mns-ret-number", "2")] + ([("x-mns-marker", marker)] if marker else [])
        answer = t.call("GET", "/topics", signed=signed)
        entries = t.list_shape(answer, 200, "Topics", "Topic",
                               [("TopicURL", Same("http://127.0.0.1/topics/.+")), ("TopicName", Same(".+"))])
        marker = answer.find("NextMarker")
        t.equal((len(entries), marker is not None), (want, more))
        got += [entry["TopicName"] for entry in entries]
    t.equal(sorted(got), names)


@case("ListTopic", "an empty account gives an empty `Topics`", SDK_PYTHON)
def list_topic_empty(t):
    t.other_server()
    t.shape(t.call("GET", "/topics"), 200, "Topics", [])


@case("ListTopic", "`x-mns-ret-number` 1001 is refused", DOCS)
def list_topic_number(t):
    t.refuses(t.call("GET", "/topics", signed=[("x-mns-ret-number", "1001")]), 400, "InvalidArgument")


@case("DeleteTopic", "204, no body; the topic is gone and its subscriptions with it", DOCS)
def delete_topic(t):
    topic, queue = t.topic_to_queue()
    t.empty(t.call("DELETE", f"/topics/{topic}"), 204)
    t.refuses(t.call("GET", f"/topics/{topic}"), 404, "TopicNotExist")
    t.empty(t.call("PUT", f"/topics/{topic}"), 201)
    t.refuses(t.call("GET", f"/topics/{topic}/subscriptions/s"), 404, "SubscriptionNotExist")


@case("DeleteTopic", "one that is not there: 204", OURS)
def delete_topic_missing(t):
    t.empty(t.call("DELETE", f"/topics/{t.name()}"), 204)


# -- publishing --

def md5(body):
    return hashlib.md5(body.encode()).hexdigest().upper()


@case("PublishMessage", "201, root `Message` with `MessageId` and `MessageBodyMD5`", DOCS)
def publish(t):
    answer = t.shape(t.publish(t.topic(), "news"), 201, "Message", SENT)
    t.equal(answer.find("MessageBodyMD5"), md5("news"))


@case("PublishMessage", "a topic without subscriptions: succeeds and reaches nobody", OURS)
def publish_to_nobody(t):
    t.succeeds(t.publish(t.topic(), "news"), 201)


@case("PublishMessage", "a topic that is not there", DOCS)
def publish_missing_topic(t):
    t.refuses(t.publish(t.name(), "news"), 404, "TopicNotExist")


@cases("PublishMessage", [
    (f"publish_size_{size}", f"a body of {size} bytes is {'taken' if good else 'refused'}: 65536 at most", size, good)
    for size, good in ((1, True), (65535, True), (65536, True), (65537, False))], DOCS)
def publish_size(t, size, good):
    answer = t.publish(t.topic(), "x" * size)
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@cases("PublishMessage", [
    (f"publish_size_{size}_of_topic", f"where `MaximumMessageSize` is 1024, {size} bytes are "
     f"{'taken' if good else 'refused'}", size, good) for size, good in ((1024, True), (1025, False))], DOCS)
def publish_size_of_topic(t, size, good):
    answer = t.publish(t.topic(MaximumMessageSize=1024), "x" * size)
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@case("PublishMessage", "a message without `MessageBody` is refused", DOCS)
def publish_without_body(t):
    t.refuses(t.call("POST", f"/topics/{t.topic()}/messages", "<Message/>"), 400, "InvalidArgument")


@cases("PublishMessage", [
    ("publish_tag_16", "a tag of 16 characters is taken", "t" * 16, True),
    ("publish_tag_16_wide", "a tag of 16 characters that are not ASCII is taken", "\u4e2d" * 16, True),
    ("publish_tag_17", "a tag of 17 characters is refused", "t" * 17, False)], DOCS)
def publish_tag(t, tag, good):
    answer = t.publish(t.topic(), "news", MessageTag=tag)
    t.succeeds(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


@case("PublishMessage", "empty `MessageTag` and `MessageAttributes` are as if they were not there", "SDK for Node")
def publish_empty_children(t):
    topic, queue = t.topic_to_queue(NotifyContentFormat="JSON")
    t.succeeds(t.publish(topic, "news", MessageTag="", MessageAttributes=""), 201)
    assert "MessageTag" not in json.loads(t.receive(queue).find("MessageBody"))


# -- what arrives --

FIELDS = ["TopicOwner", "TopicName", "Subscriber", "SubscriptionName", "MessageId", "Message", "MessageMD5",
          "PublishTime"]


def wanted(topic, body, published, tag=None):
    fields = {"TopicOwner": ACCOUNT, "TopicName": topic, "Subscriber": ACCOUNT, "SubscriptionName": "s",
              "MessageId": published.find("MessageId"), "Message": body, "MessageMD5": md5(body),
              "PublishTime": MILLISECONDS}
    return {**fields, "MessageTag": tag} if tag else fields


def arrived(t, queue):
    answer = t.succeeds(t.receive(queue), 200)
    t.equal(answer.find("MessageBodyMD5"), md5(answer.find("MessageBody")), "MessageBodyMD5 of the envelope")
    return answer.find("MessageBody")


BODIES = [("plain", "news"), ("markup", "<a> & \"b\" ]]>"), ("non_ascii", "caf\u00e9 \u4e2d\u6587 \U0001f600"),
          ("json", '{"Category":"Job","Event":"OnJobFailed","Message":"\\"x\\""}'), ("lines", "a\nb\tc\\d")]


@cases("PublishMessage", [(f"envelope_json_{name}", "JSON: one flat object, all values strings, PublishTime too; the "
                           f"body ({name}) is a string in it", body) for name, body in BODIES], DOCS, SEEN)
def envelope_json(t, body):
    topic, queue = t.topic_to_queue(NotifyContentFormat="JSON")
    published = t.publish(topic, body)
    t.equal(json.loads(arrived(t, queue)), wanted(topic, body, published))


@cases("PublishMessage", [(f"envelope_xml_{name}", f"XML: root `Notification`, one child a field; the body ({name}) is "
                           "the text of `Message`", body) for name, body in BODIES], DOCS)
def envelope_xml(t, body):
    topic, queue = t.topic_to_queue(NotifyContentFormat="XML")
    published = t.publish(topic, body)
    root = ET.fromstring(arrived(t, queue))
    t.equal(local_name(root.tag), "Notification")
    t.equal({local_name(e.tag): e.text for e in root}, wanted(topic, body, published))
    t.equal([local_name(e.tag) for e in root], FIELDS)


@cases("PublishMessage", [(f"envelope_simplified_{name}", f"SIMPLIFIED: the body ({name}) and nothing else", body)
                          for name, body in BODIES], DOCS)
def envelope_simplified(t, body):
    topic, queue = t.topic_to_queue(NotifyContentFormat="SIMPLIFIED")
    t.succeeds(t.publish(topic, body), 201)
    t.equal(arrived(t, queue), body)


@case("PublishMessage", "the format is XML where the subscription names none", DOCS)
def envelope_default(t):
    topic, queue = t.topic_to_queue()
    t.succeeds(t.publish(topic, "news"), 201)
    assert arrived(t, queue).startswith("<?xml")


@cases("PublishMessage", [
    ("envelope_tag_json", "a tag stands in the JSON envelope", "JSON"),
    ("envelope_tag_xml", "a tag stands in the XML envelope", "XML")], DOCS)
def envelope_tag(t, content_format):
    topic, queue = t.topic_to_queue(NotifyContentFormat=content_format)
    published = t.publish(topic, "news", MessageTag="red")
    body = arrived(t, queue)
    got = json.loads(body) if body[0] == "{" else {local_name(e.tag): e.text for e in ET.fromstring(body)}
    t.equal(got, wanted(topic, "news", published, "red"))


@case("PublishMessage", "the queue's message has an id of its own, the envelope keeps the topic's", SEEN)
def envelope_ids(t):
    topic, queue = t.topic_to_queue(NotifyContentFormat="JSON")
    published = t.publish(topic, "news").find("MessageId")
    answer = t.receive(queue)
    t.equal(answer.find("MessageId"), ID)
    assert answer.find("MessageId") != published
    t.equal(json.loads(answer.find("MessageBody"))["MessageId"], published)


@case("PublishMessage", "`UserProperties` arrive as properties of the queue's message, outside the envelope", SEEN)
def envelope_properties(t):
    topic, queue = t.topic_to_queue(NotifyContentFormat="JSON")
    t.succeeds(t.call("POST", f"/topics/{topic}/messages",
                      element("Message", "<MessageBody>x</MessageBody>" + properties())), 201)
    answer = t.receive(queue)
    assert properties() in answer.text
    assert "trace" not in answer.find("MessageBody")


@case("PublishMessage", "a message of 64 KB arrives whole, its envelope beyond the queue's own limit", OURS)
def envelope_large(t):
    topic, queue = t.topic_to_queue(NotifyContentFormat="JSON")
    t.succeeds(t.publish(topic, "x" * 65536), 201)
    t.equal(len(json.loads(arrived(t, queue))["Message"]), 65536)


@case("PublishMessage", "every subscription gets its own copy", DOCS)
def publish_to_many(t):
    topic, queues = t.topic(), [t.queue() for _ in range(3)]
    for i, queue in enumerate(queues):
        t.succeeds(t.subscribe(topic, f"s{i}", queue, NotifyContentFormat="JSON"), 201)
    t.succeeds(t.publish(topic, "news"), 201)
    t.equal([json.loads(arrived(t, queue))["SubscriptionName"] for queue in queues], ["s0", "s1", "s2"])


@case("PublishMessage", "the delay of the subscribed queue holds", OURS)
def publish_to_delayed_queue(t):
    topic, queue = t.topic(), t.queue(DelaySeconds=60)
    t.succeeds(t.subscribe(topic, "s", queue), 201)
    t.succeeds(t.publish(topic, "news"), 201)
    t.equal(t.counts(queue), (0, 0, 1))


@case("PublishMessage", "an endpoint queue that is not there: the publish succeeds", OURS)
def publish_to_missing_queue(t):
    topic = t.topic()
    t.succeeds(t.subscribe(topic, "s", t.name()), 201)
    t.succeeds(t.publish(topic, "news"), 201)


# -- filters --

@cases("PublishMessage", [
    (f"filter_{name}", f"FilterTag {filter_tag or 'none'}, message tag {tag or 'none'}: "
     f"{'delivered' if passes else 'not delivered'}", filter_tag, tag, passes)
    for name, filter_tag, tag, passes in (
        ("equal", "red", "red", True), ("other", "red", "blue", False), ("case", "red", "Red", False),
        ("part", "red", "reddish", False), ("untagged", "red", None, False), ("none", None, "red", True),
        ("none_untagged", None, None, True), ("wide", "\u7ea2", "\u7ea2", True))], DOCS)
def filters(t, filter_tag, tag, passes):
    topic, queue = t.topic_to_queue(**({"FilterTag": filter_tag} if filter_tag else {}))
    t.succeeds(t.publish(topic, "news", **({"MessageTag": tag} if tag else {})), 201)
    t.equal(t.receive(queue).status, 200 if passes else 404)
