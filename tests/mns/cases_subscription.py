"""Subscriptions: who gets what a topic is told."""

from suite import (ACCOUNT, DOCS, OURS, SDK_GO, SDK_JAVA, SDK_PYTHON, SECONDS, SEEN, Same, case, cases, children,
                   element)


def path(topic, name, query=""):
    return f"/topics/{topic}/subscriptions/{name}{query}"


def put(t, topic, name, query="", **values):
    return t.call("PUT", path(topic, name, query), element("Subscription", children(**values)))


def attributes(topic, endpoint, strategy="BACKOFF_RETRY", content_format="XML", tag=None):
    return [("SubscriptionName", "s"), ("Subscriber", ACCOUNT), ("TopicOwner", ACCOUNT), ("TopicName", topic),
            ("Endpoint", endpoint), ("NotifyStrategy", strategy), ("NotifyContentFormat", content_format),
            *([("FilterTag", tag)] if tag else []), ("CreateTime", SECONDS), ("LastModifyTime", SECONDS)]


def get(t, topic, *wanted, **changed):
    return t.shape(t.call("GET", path(topic, "s")), 200, "Subscription", attributes(topic, *wanted, **changed))


# -- Subscribe --

@case("Subscribe", "a new subscription: 201, no body; Location comes without a scheme", DOCS, SEEN)
def subscribe(t):
    topic = t.topic()
    answer = t.empty(t.subscribe(topic, "s", t.queue()), 201)
    t.equal(answer.header("Location"), f"127.0.0.1/topics/{topic}/subscriptions/s")


@case("Subscribe", "the same again: 204, with Location", DOCS, SDK_PYTHON)
def subscribe_again(t):
    topic, queue = t.topic_to_queue(FilterTag="red")
    answer = t.empty(t.subscribe(topic, "s", queue, FilterTag="red"), 204)
    t.equal(answer.header("Location"), f"127.0.0.1/topics/{topic}/subscriptions/s")


@cases("Subscribe", [
    (f"subscribe_other_{name}", f"again with another `{name}`: 409", {name: value})
    for name, value in (("FilterTag", "blue"), ("NotifyStrategy", "EXPONENTIAL_DECAY_RETRY"),
                        ("NotifyContentFormat", "JSON"), ("Endpoint", f"acs:mns:cn-hangzhou:{ACCOUNT}:queues/other"))],
       DOCS)
def subscribe_other(t, change):
    topic, queue = t.topic_to_queue()
    t.refuses(put(t, topic, "s", **{"Endpoint": t.endpoint(queue), **change}), 409, "SubscriptionAlreadyExist")


@case("Subscribe", "a topic that is not there", DOCS)
def subscribe_missing_topic(t):
    t.refuses(t.subscribe(t.name(), "s", "q"), 404, "TopicNotExist")


@cases("Subscribe", [
    ("subscription_name_120", "a name of 120 characters is taken", "y" * 120, 201, ""),
    ("subscription_name_255", "a name of 255 characters is taken", "y" * 255, 201, ""),
    ("subscription_name_256", "a name of 256 characters is too long", "y" * 256, 400, "SubscriptionNameLengthError"),
    ("subscription_name_hyphen_first", "a name may not begin with a hyphen", "-a", 400, "SubscriptionNameInvalid"),
    ("subscription_name_underscore", "an underscore is no part of a name", "a_b", 400, "SubscriptionNameInvalid"),
    ("subscription_name_non_ascii", "a name that is not ASCII, percent-encoded, is refused", "%E8%AE%A2", 400,
     "SubscriptionNameInvalid")], DOCS)
def subscription_name(t, name, status, code):
    answer = t.subscribe(t.topic(), name, "q")
    t.refuses(answer, status, code) if code else t.empty(answer, status)


@case("Subscribe", "100 subscriptions a topic are taken, one more is refused", DOCS, OURS)
def limit_of_subscriptions(t):
    topic = t.topic()
    for i in range(100):
        t.empty(t.subscribe(topic, f"s{i}", "q"), 201)
    t.refuses(t.subscribe(topic, "over", "q"), 400, "InvalidArgument")
    t.empty(t.call("DELETE", path(topic, "s7")), 204)
    t.empty(t.subscribe(topic, "over", "q"), 201)


@cases("Subscribe", [
    (f"endpoint_{name}", f"endpoint `{endpoint}` is {'taken' if good else 'refused'}", endpoint, good)
    for name, endpoint, good in (
        ("queue", f"acs:mns:cn-hangzhou:{ACCOUNT}:queues/q", True),
        ("http", "http://127.0.0.1:9/notifications", True),
        ("https", "https://example.com/a?b=c", True),
        ("http_without_path", "http://127.0.0.1:9", True),
        ("mail", "mail:directmail:somebody@example.com", True),
        ("sms", "sms:directsms:13800000000", True),
        ("sms_anonymous", "sms:directsms:anonymous", True),
        ("other_scheme", "ftp://example.com/", False),
        ("text", "nowhere", False),
        ("nothing", "", False),
        ("queue_without_name", f"acs:mns:cn-hangzhou:{ACCOUNT}:queues/", False),
        ("topic", f"acs:mns:cn-hangzhou:{ACCOUNT}:topics/t", False),
        ("http_without_host", "http:///x", False),
        ("http_port", "http://127.0.0.1:70000/", False),
        ("mail_without_address", "mail:directmail:", False))], DOCS)
def endpoint(t, text, good):
    topic = t.topic()
    answer = put(t, topic, "s", Endpoint=text)
    if good:
        t.empty(answer, 201)
        get(t, topic, text)
    else:
        t.refuses(answer, 400, "EndpointInvalid")


@case("Subscribe", "region and account of a queue endpoint may be another's: two SDKs guess them from the host",
      SDK_JAVA, SDK_GO)
def endpoint_of_other_account(t):
    topic, queue = t.topic(), t.queue()
    t.empty(put(t, topic, "s", Endpoint=f"acs:mns:cn-beijing:127:queues/{queue}"), 201)
    t.succeeds(t.publish(topic, "news"), 201)
    t.succeeds(t.receive(queue), 200)


@case("Subscribe", "without `Endpoint` it is refused", DOCS)
def subscribe_without_endpoint(t):
    t.refuses(put(t, t.topic(), "s", FilterTag="red"), 400, "EndpointInvalid")


@cases("Subscribe", [
    (f"subscribe_{name}_{value}", f"`{name}` {value} is {'taken' if good else 'refused'}", name, value, good)
    for name, value, good in (
        ("NotifyStrategy", "BACKOFF_RETRY", True), ("NotifyStrategy", "EXPONENTIAL_DECAY_RETRY", True),
        ("NotifyStrategy", "SOMETIMES", False), ("NotifyContentFormat", "XML", True),
        ("NotifyContentFormat", "JSON", True), ("NotifyContentFormat", "SIMPLIFIED", True),
        ("NotifyContentFormat", "YAML", False))], DOCS)
def subscribe_choice(t, name, value, good):
    topic = t.topic()
    answer = t.subscribe(topic, "s", "q", **{name: value})
    if good:
        t.empty(answer, 201)
        t.equal(t.call("GET", path(topic, "s")).find(name), value)
    else:
        t.refuses(answer, 400, "InvalidArgument")


@cases("Subscribe", [
    ("filter_tag_16", "a FilterTag of 16 characters is taken", "t" * 16, True),
    ("filter_tag_16_wide", "a FilterTag of 16 characters that are not ASCII is taken", "\u4e2d" * 16, True),
    ("filter_tag_17", "a FilterTag of 17 characters is refused", "t" * 17, False)], DOCS)
def filter_tag(t, tag, good):
    answer = t.subscribe(t.topic(), "s", "q", FilterTag=tag)
    t.empty(answer, 201) if good else t.refuses(answer, 400, "InvalidArgument")


# -- SetSubscriptionAttributes --

@case("SetSubscriptionAttributes", "204, `NotifyStrategy` changes", DOCS)
def set_subscription(t):
    topic, queue = t.topic_to_queue(NotifyContentFormat="JSON", FilterTag="red")
    t.empty(put(t, topic, "s", "?metaoverride=true", NotifyStrategy="EXPONENTIAL_DECAY_RETRY"), 204)
    get(t, topic, t.endpoint(queue), "EXPONENTIAL_DECAY_RETRY", "JSON", "red")


@case("SetSubscriptionAttributes", "only `NotifyStrategy` may change: what else is named stays as it was", DOCS, OURS)
def set_subscription_others(t):
    topic, queue = t.topic_to_queue(FilterTag="red")
    t.empty(put(t, topic, "s", "?metaoverride=true", NotifyContentFormat="JSON", FilterTag="blue",
                Endpoint=t.endpoint("other")), 204)
    get(t, topic, t.endpoint(queue), tag="red")


@case("SetSubscriptionAttributes", "a strategy that is none", DOCS)
def set_subscription_bad(t):
    topic, _ = t.topic_to_queue()
    t.refuses(put(t, topic, "s", "?metaoverride=true", NotifyStrategy="SOMETIMES"), 400, "InvalidArgument")


@case("SetSubscriptionAttributes", "a subscription that is not there", DOCS)
def set_subscription_missing(t):
    t.refuses(put(t, t.topic(), "s", "?metaoverride=true", NotifyStrategy="BACKOFF_RETRY"), 404,
              "SubscriptionNotExist")


@case("SetSubscriptionAttributes", "a topic that is not there", DOCS)
def set_subscription_missing_topic(t):
    t.refuses(put(t, t.name(), "s", "?metaoverride=true", NotifyStrategy="BACKOFF_RETRY"), 404, "TopicNotExist")


# -- GetSubscriptionAttributes --

@case("GetSubscriptionAttributes", "every attribute, in order; BACKOFF_RETRY and XML by default, no empty `FilterTag`",
      DOCS, SEEN)
def get_subscription(t):
    topic, queue = t.topic_to_queue()
    get(t, topic, t.endpoint(queue))


@case("GetSubscriptionAttributes", "`FilterTag` where one is", DOCS)
def get_subscription_tag(t):
    topic, queue = t.topic_to_queue(FilterTag="\u7ea2 & red")
    get(t, topic, t.endpoint(queue), tag="\u7ea2 & red")


@case("GetSubscriptionAttributes", "a subscription that is not there", DOCS)
def get_subscription_missing(t):
    t.refuses(t.call("GET", path(t.topic(), "s")), 404, "SubscriptionNotExist")


@case("GetSubscriptionAttributes", "a topic that is not there", DOCS)
def get_subscription_missing_topic(t):
    t.refuses(t.call("GET", path(t.name(), "s")), 404, "TopicNotExist")


# -- ListSubscriptionByTopic --

ENTRY = [("SubscriptionURL", Same("http://127.0.0.1/topics/.+/subscriptions/.+"))]


def listed(t, topic, **filters):
    signed = [("x-mns-" + name.replace("_", "-"), str(value)) for name, value in filters.items()]
    answer = t.call("GET", f"/topics/{topic}/subscriptions", signed=signed)
    entries = t.list_shape(answer, 200, "Subscriptions", "Subscription", ENTRY)
    return [entry["SubscriptionURL"].rsplit("/", 1)[1] for entry in entries], answer.find("NextMarker")


def with_three(t):
    topic = t.topic()
    for name in ("a1", "a2", "b1"):
        t.empty(t.subscribe(topic, name, "q"), 201)
    return topic


@case("ListSubscriptionByTopic", "root `Subscriptions`, entries with `SubscriptionURL` alone", DOCS)
def list_subscription(t):
    got, marker = listed(t, with_three(t))
    t.equal((sorted(got), marker), (["a1", "a2", "b1"], None))


@case("ListSubscriptionByTopic", "a topic without subscriptions: an empty `Subscriptions`", SDK_PYTHON)
def list_subscription_empty(t):
    t.equal(listed(t, t.topic()), ([], None))


@case("ListSubscriptionByTopic", "page by page, each once", DOCS)
def list_subscription_pages(t):
    topic = with_three(t)
    first, marker = listed(t, topic, ret_number=2)
    second, end = listed(t, topic, ret_number=2, marker=marker)
    t.equal((sorted(first + second), len(first), end), (["a1", "a2", "b1"], 2, None))


@case("ListSubscriptionByTopic", "`x-mns-prefix` selects", DOCS)
def list_subscription_prefix(t):
    t.equal(sorted(listed(t, with_three(t), prefix="a")[0]), ["a1", "a2"])


@case("ListSubscriptionByTopic", "a topic that is not there", DOCS)
def list_subscription_missing_topic(t):
    t.refuses(t.call("GET", f"/topics/{t.name()}/subscriptions"), 404, "TopicNotExist")


# -- Unsubscribe --

@case("Unsubscribe", "204, no body; nothing is delivered any more", DOCS)
def unsubscribe(t):
    topic, queue = t.topic_to_queue()
    t.empty(t.call("DELETE", path(topic, "s")), 204)
    t.refuses(t.call("GET", path(topic, "s")), 404, "SubscriptionNotExist")
    t.succeeds(t.publish(topic, "news"), 201)
    t.equal(t.counts(queue), (0, 0, 0))


@case("Unsubscribe", "one that is not there: 204", OURS)
def unsubscribe_missing(t):
    t.empty(t.call("DELETE", path(t.topic(), "s")), 204)


@case("Unsubscribe", "a topic that is not there", DOCS, OURS)
def unsubscribe_missing_topic(t):
    t.refuses(t.call("DELETE", path(t.name(), "s")), 404, "TopicNotExist")
