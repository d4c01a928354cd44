"""Queues themselves: create, set, get, list, delete."""

from suite import ACCOUNT, DOCS, OURS, SDK_PHP, SDK_PYTHON, SECONDS, SEEN, Same, case, cases, children, element

DEFAULTS = {"DelaySeconds": "0", "MaximumMessageSize": "65536", "MessageRetentionPeriod": "345600",
            "VisibilityTimeout": "30", "PollingWaitSeconds": "0", "LoggingEnabled": "False"}


def attributes(name, **changed):
    """What a queue says of itself, in the service's order."""
    say = {**DEFAULTS, **{key: str(value) for key, value in changed.items()}}
    return [("QueueName", name), ("DelaySeconds", say["DelaySeconds"]),
            ("MaximumMessageSize", say["MaximumMessageSize"]),
            ("MessageRetentionPeriod", say["MessageRetentionPeriod"]),
            ("VisibilityTimeout", say["VisibilityTimeout"]), ("CreateTime", SECONDS), ("LastModifyTime", SECONDS),
            ("PollingWaitSeconds", say["PollingWaitSeconds"]), ("ActiveMessages", say.get("ActiveMessages", "0")),
            ("InactiveMessages", say.get("InactiveMessages", "0")), ("DelayMessages", say.get("DelayMessages", "0")),
            ("LoggingEnabled", say["LoggingEnabled"]), ("MessageType", "0"), ("EnableSSE", "False")]


def put(t, name, query="", **values):
    return t.call("PUT", f"/queues/{name}{query}", element("Queue", children(**values)))


def get(t, name, **changed):
    return t.shape(t.call("GET", f"/queues/{name}"), 200, "Queue", attributes(name, **changed))


# -- CreateQueue --

@case("CreateQueue", "a new queue: 201, Location is its URL, no body", DOCS)
def create_queue_new(t):
    name = t.name()
    answer = t.empty(put(t, name, VisibilityTimeout=45), 201)
    t.equal(answer.header("Location"), f"http://127.0.0.1/queues/{name}", "Location")
    get(t, name, VisibilityTimeout=45)


@case("CreateQueue", "the header is spelled `Location`, which one client looks up with exact case", "SDK for Java")
def create_queue_location_spelling(t):
    assert "Location" in [name for name, _ in put(t, t.name()).headers]


@case("CreateQueue", "the URL's host is the request's Host, port and all, so that it works for this client", OURS)
def create_queue_location_host(t):
    name = t.name()
    host = f"{ACCOUNT}.mns.cn-hangzhou.aliyuncs.com:8080"
    answer = t.empty(t.call("PUT", f"/queues/{name}", host=host), 201)
    t.equal(answer.header("Location"), f"http://{host}/queues/{name}")


@case("CreateQueue", "without a body every attribute has its default", DOCS)
def create_queue_defaults(t):
    name = t.name()
    t.empty(t.call("PUT", f"/queues/{name}"), 201)
    get(t, name)


@case("CreateQueue", "an empty `Queue` element: every attribute has its default", DOCS)
def create_queue_empty_element(t):
    name = t.name()
    t.empty(t.call("PUT", f"/queues/{name}", "<Queue/>"), 201)
    get(t, name)


@case("CreateQueue", "again with the same attributes: 204, with Location", DOCS, SEEN)
def create_queue_again(t):
    name = t.queue(VisibilityTimeout=45)
    answer = t.empty(put(t, name, VisibilityTimeout=45), 204)
    t.equal(answer.header("Location"), f"http://127.0.0.1/queues/{name}")


@case("CreateQueue", "absent attributes count as their defaults when compared", SEEN)
def create_queue_again_with_defaults_spelled_out(t):
    t.empty(put(t, t.queue(), **DEFAULTS), 204)


@case("CreateQueue", "with other attributes: 409, nothing changes", DOCS)
def create_queue_with_other_attributes(t):
    name = t.queue()
    t.refuses(put(t, name, VisibilityTimeout=31), 409, "QueueAlreadyExist")
    get(t, name)


@case("CreateQueue", "absent attributes are not unchanged ones: 409 where the queue has other than defaults", SEEN)
def create_queue_again_without_its_attributes(t):
    t.refuses(t.call("PUT", f"/queues/{t.queue(DelaySeconds=5)}"), 409, "QueueAlreadyExist")


@cases("CreateQueue", [
    (f"create_queue_logging_{text}", f"`LoggingEnabled` {text} is understood, and answered `{said}`", text, said)
    for text, said in (("True", "True"), ("true", "True"), ("FALSE", "False"))], DOCS, SDK_PHP)
def create_queue_logging(t, text, said):
    get(t, t.queue(LoggingEnabled=text), LoggingEnabled=said)


@case("CreateQueue", "`LoggingEnabled` that is neither true nor false is refused", DOCS)
def create_queue_logging_neither(t):
    t.refuses(put(t, t.name(), LoggingEnabled="yes"), 400, "InvalidArgument")


# -- limits of the attributes --

RANGES = {"DelaySeconds": (0, 604800), "MaximumMessageSize": (1024, 65536), "MessageRetentionPeriod": (60, 604800),
          "VisibilityTimeout": (1, 43200), "PollingWaitSeconds": (0, 30)}


@cases("CreateQueue", [
    (f"limit_{name}_{place}", f"`{name}` {value} is {'taken' if good else 'refused'}: {low} to {high}",
     name, value, good)
    for name, (low, high) in RANGES.items()
    for place, value, good in (("below", low - 1, False), ("least", low, True), ("most", high, True),
                               ("above", high + 1, False))], DOCS)
def limit_of_attribute(t, name, value, good):
    queue = t.name()
    answer = put(t, queue, **{name: value})
    if good:
        t.empty(answer, 201)
        get(t, queue, **{name: value})
    else:
        t.refuses(answer, 400, "InvalidArgument")
        t.refuses(t.call("GET", f"/queues/{queue}"), 404, "QueueNotExist")


@cases("CreateQueue", [
    ("attribute_not_a_number", "an attribute that is no number is refused", "many"),
    ("attribute_empty", "an attribute that is empty is refused", ""),
    ("attribute_fraction", "an attribute with a fraction is refused", "1.5"),
    ("attribute_huge", "an attribute beyond 64 bits is refused", "99999999999999999999999")], DOCS)
def attribute_malformed(t, text):
    t.refuses(put(t, t.name(), VisibilityTimeout=text), 400, "InvalidArgument")


@case("CreateQueue", "whitespace round a number does not matter", OURS)
def attribute_with_blanks(t):
    get(t, t.queue(VisibilityTimeout="\n  45\n"), VisibilityTimeout=45)


# -- names --

@cases("CreateQueue", [
    ("queue_name_one", "a name of one character is taken", lambda t: t.other_server() or "q", 201, ""),
    ("queue_name_120", "a name of 120 characters is taken", lambda t: t.name(120), 201, ""),
    ("queue_name_121", "a name of 121 characters is too long", lambda t: t.name(121), 400, "QueueNameLengthError"),
    ("queue_name_digit_first", "a name may begin with a digit", lambda t: t.name(first="7"), 201, ""),
    ("queue_name_hyphens", "a name may hold hyphens", lambda t: t.name() + "-a-", 201, ""),
    ("queue_name_hyphen_first", "a name may not begin with a hyphen", lambda t: t.name(first="-"), 400,
     "InvalidQueueName"),
    ("queue_name_underscore", "an underscore is no part of a name", lambda t: t.name() + "_a", 400,
     "InvalidQueueName"),
    ("queue_name_dot", "a dot is no part of a name", lambda t: t.name() + ".a", 400, "InvalidQueueName"),
    ("queue_name_blank", "an escaped blank is no part of a name", lambda t: t.name() + "%20a", 400,
     "InvalidQueueName"),
    ("queue_name_slash", "an escaped slash does not split the path; it is no part of a name",
     lambda t: t.name() + "%2Fmessages", 400, "InvalidQueueName"),
    ("queue_name_non_ascii", "a name that is not ASCII, percent-encoded, is refused",
     lambda t: t.name() + "%E9%98%9F", 400, "InvalidQueueName"),
    ("queue_name_escaped_letters", "letters may be percent-encoded",
     lambda t: t.name() + "%71%2D%75", 201, "")], DOCS)
def queue_name(t, make, status, code):
    answer = t.call("PUT", f"/queues/{make(t)}")
    t.refuses(answer, status, code) if code else t.empty(answer, status)


@case("CreateQueue", "names are case-sensitive", OURS)
def queue_name_case(t):
    name = t.name()
    t.empty(t.call("PUT", f"/queues/{name}a"), 201)
    t.empty(t.call("PUT", f"/queues/{name}A"), 201)


@case("CreateQueue", "1,000 queues are taken, one more is refused; with one deleted there is room again", DOCS, OURS)
def limit_of_queues(t):
    t.other_server()
    for i in range(1000):
        t.empty(t.call("PUT", f"/queues/q{i}"), 201)
    t.refuses(t.call("PUT", "/queues/over"), 400, "InvalidArgument")
    t.empty(t.call("PUT", "/queues/q999"), 204)
    t.empty(t.call("DELETE", "/queues/q5"), 204)
    t.empty(t.call("PUT", "/queues/over"), 201)


# -- SetQueueAttributes --

@case("SetQueueAttributes", "204, and only the attributes named change", DOCS)
def set_queue(t):
    name = t.queue(DelaySeconds=5, VisibilityTimeout=45)
    answer = t.empty(put(t, name, "?metaoverride=true", VisibilityTimeout=46, LoggingEnabled="true"), 204)
    t.equal(answer.header("Location"), "")
    get(t, name, DelaySeconds=5, VisibilityTimeout=46, LoggingEnabled="True")


@case("SetQueueAttributes", "a queue that is not there", DOCS)
def set_queue_missing(t):
    t.refuses(put(t, t.name(), "?metaoverride=true", VisibilityTimeout=46), 404, "QueueNotExist")


@cases("SetQueueAttributes", [
    (f"set_queue_{name}_above", f"`{name}` {high + 1} is refused, and nothing changes", name, high + 1)
    for name, (_, high) in RANGES.items()], DOCS)
def set_queue_above(t, name, value):
    queue = t.queue()
    t.refuses(put(t, queue, "?metaoverride=true", **{name: value}), 400, "InvalidArgument")
    get(t, queue)


@case("SetQueueAttributes", "a refusal changes none of the attributes beside the bad one", OURS)
def set_queue_all_or_nothing(t):
    queue = t.queue()
    t.refuses(put(t, queue, "?metaoverride=true", DelaySeconds=7, VisibilityTimeout=0), 400, "InvalidArgument")
    get(t, queue)


@case("SetQueueAttributes", "`metaoverride=false` is a CreateQueue", OURS)
def set_queue_false(t):
    t.refuses(put(t, t.queue(), "?metaoverride=false", VisibilityTimeout=46), 409, "QueueAlreadyExist")


# -- GetQueueAttributes --

@case("GetQueueAttributes", "every attribute, in the service's order, each once", SEEN, SDK_PYTHON)
def get_queue(t):
    get(t, t.queue())


@case("GetQueueAttributes", "a queue that is not there", DOCS)
def get_queue_missing(t):
    t.refuses(t.call("GET", f"/queues/{t.name()}"), 404, "QueueNotExist")


@case("GetQueueAttributes", "messages are counted as active, inactive or delayed", DOCS)
def get_queue_counts(t):
    name = t.queue()
    for i in range(4):
        t.succeeds(t.send(name, "x", DelaySeconds=60 if i == 3 else 0), 201)
    t.succeeds(t.receive(name), 200)
    get(t, name, ActiveMessages=2, InactiveMessages=1, DelayMessages=1)


@case("GetQueueAttributes", "times are Unix seconds, and LastModifyTime moves when attributes are set", DOCS)
def get_queue_times(t):
    name = t.queue()
    created = get(t, name).find("CreateTime")

    def modified_later():
        t.empty(put(t, name, "?metaoverride=true", DelaySeconds=1), 204)
        answer = get(t, name, DelaySeconds=1)
        t.equal(answer.find("CreateTime"), created, "CreateTime")
        return int(answer.find("LastModifyTime")) > int(created)
    t.until(modified_later, True)


# -- ListQueue --

PLAIN = [("QueueURL", Same("http://127.0.0.1/queues/.+")), ("QueueName", Same(".+"))]


def listed(t, wanted=PLAIN, **filters):
    signed = [("x-mns-" + name.replace("_", "-"), str(value)) for name, value in filters.items()]
    answer = t.call("GET", "/queues", signed=signed)
    entries = t.list_shape(answer, 200, "Queues", "Queue", wanted)
    return [entry["QueueURL"].rsplit("/", 1)[1] for entry in entries], answer.find("NextMarker")


def several(t, count):
    prefix = t.name() + "-"
    names = [f"{prefix}{i}" for i in range(count)]
    for name in names:
        t.empty(t.call("PUT", f"/queues/{name}"), 201)
    return prefix, names


@case("ListQueue", "root `Queues`, entries with `QueueURL` and `QueueName`, no `NextMarker` at the end", DOCS, SEEN)
def list_queue(t):
    prefix, names = several(t, 3)
    got, marker = listed(t, prefix=prefix)
    t.equal((sorted(got), marker), (names, None))


@case("ListQueue", "an empty account gives an empty `Queues`", SDK_PYTHON)
def list_queue_empty(t):
    t.other_server()
    t.equal(listed(t), ([], None))


@case("ListQueue", "without headers: all queues", DOCS)
def list_queue_all(t):
    t.other_server()
    prefix, names = several(t, 3)
    t.equal(sorted(listed(t)[0]), names)


@case("ListQueue", "`x-mns-prefix` selects by the name's start, exactly", DOCS)
def list_queue_prefix(t):
    prefix, names = several(t, 2)
    t.equal(listed(t, prefix=names[1])[0], names[1:])
    t.equal(listed(t, prefix=prefix.upper())[0], [])


@case("ListQueue", "`x-mns-ret-number` and `x-mns-marker` give each queue once, page by page", DOCS)
def list_queue_pages(t):
    prefix, names = several(t, 5)
    got, filters = [], {}
    for want in (2, 2, 1):
        page, marker = listed(t, prefix=prefix, ret_number=2, **filters)
        t.equal(len(page), want, "entries on the page")
        got, filters = got + page, {"marker": marker}
    t.equal((sorted(got), marker), (names, None))


@case("ListQueue", "a last page that is just full has no `NextMarker`, rather than an empty one", SDK_PYTHON)
def list_queue_full_page(t):
    prefix, names = several(t, 2)
    t.equal(listed(t, prefix=prefix, ret_number=2)[1], None)


@case("ListQueue", "`x-mns-with-meta: true` gives every attribute beside the URL", DOCS)
def list_queue_with_meta(t):
    prefix, names = several(t, 2)
    wanted = [("QueueURL", Same(".+")), *attributes(Same(".+"))]
    t.equal(len(listed(t, wanted, prefix=prefix, with_meta="true")[0]), 2)


@case("ListQueue", "`x-mns-with-meta: false` is as if it were not there", DOCS)
def list_queue_without_meta(t):
    t.equal(len(listed(t, prefix=several(t, 2)[0], with_meta="false")[0]), 2)


@cases("ListQueue", [
    (f"list_queue_number_{name}", f"`x-mns-ret-number` {number} is {'taken' if good else 'refused'}: 1 to 1000",
     number, good)
    for name, number, good in (("0", 0, False), ("1", 1, True), ("1000", 1000, True), ("1001", 1001, False),
                               ("text", "ten", False))], DOCS)
def list_queue_number(t, number, good):
    if good:
        listed(t, prefix=several(t, 2)[0], ret_number=number)
    else:
        t.refuses(t.call("GET", "/queues", signed=[("x-mns-ret-number", str(number))]), 400, "InvalidArgument")


@case("ListQueue", "1,000 a page by default: all queues that an account may have, in one answer", DOCS)
def list_queue_thousand(t):
    t.other_server()
    for i in range(1000):
        t.empty(t.call("PUT", f"/queues/q{i}"), 201)
    names, marker = listed(t)
    t.equal((len(set(names)), marker), (1000, None))
    t.equal(len(listed(t, ret_number=999)[0]), 999)


@case("ListQueue", "`/queues/` is the list too", OURS)
def list_queue_slash(t):
    t.succeeds(t.call("GET", "/queues/"), 200)


# -- DeleteQueue --

@case("DeleteQueue", "204, no body; the queue is gone", DOCS)
def delete_queue(t):
    name = t.queue()
    t.empty(t.call("DELETE", f"/queues/{name}"), 204)
    t.refuses(t.call("GET", f"/queues/{name}"), 404, "QueueNotExist")


@case("DeleteQueue", "its messages vanish: a new queue of that name is empty", DOCS, OURS)
def delete_queue_with_messages(t):
    name = t.queue()
    t.succeeds(t.send(name, "x"), 201)
    t.empty(t.call("DELETE", f"/queues/{name}"), 204)
    t.empty(t.call("PUT", f"/queues/{name}"), 201)
    t.equal(t.counts(name), (0, 0, 0))


@case("DeleteQueue", "one that is not there: 204", OURS)
def delete_queue_missing(t):
    t.empty(t.call("DELETE", f"/queues/{t.name()}"), 204)


@case("CreateQueue", "the name of a deleted queue is free at once, `QueueDeletedRecently` does not come", OURS)
def create_queue_after_delete(t):
    name = t.queue()
    t.empty(t.call("DELETE", f"/queues/{name}"), 204)
    t.empty(put(t, name, VisibilityTimeout=77), 201)
