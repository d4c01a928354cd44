"""What a conformance case is, and what it has at hand.

A case is a function or a table row: a name, the operation, the fact it shows, and what that fact
rests on.  Cases share one server and run side by side, so each makes queues and topics of its own:

    @case("SendMessage", "a delay over 7 days is refused", DOCS)
    def send_delay_above(t):
        t.refuses(t.send(t.queue(), "x", DelaySeconds=604801), 400, "InvalidArgument")
"""

import itertools
import re
import sys
import time
import pathlib
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from stack import ACCOUNT, KEYS, REGION, Stack  # noqa: E402
from wire import NAMESPACE, VERSION, Request, Wire  # noqa: E402

# What a fact rests on.
DOCS = "documentation"
SEEN = "recorded traffic"
SDK_ALL, SDK_NODE, SDK_ALI_MNS = "every SDK", "SDK for Node", "ali-mns"
SDK_PYTHON, SDK_GO, SDK_JAVA, SDK_PHP = "SDK for Python", "SDK for Go", "SDK for Java", "SDK for PHP"
HTTP = "HTTP/1.1"
XML = "XML 1.0"
OURS = "our choice"  # the service's own behaviour is not known

CASES = {}


class Case:
    def __init__(self, name, operation, fact, rests_on, run, group):
        self.name, self.operation, self.fact, self.rests_on = name, operation, fact, rests_on
        self.confirmed = OURS not in rests_on
        self.run, self.group = run, group


def add(name, operation, fact, rests_on, run, group):
    assert name not in CASES, f"two cases are called {name}"
    CASES[name] = Case(name, operation, fact, rests_on, run, group)


def case(operation, fact, *rests_on):
    """Makes the function under it a case of that name."""
    def register(run):
        add(run.__name__, operation, fact, rests_on, run, run.__module__.removeprefix("cases_"))
        return run
    return register


def cases(operation, rows, *rests_on):
    """Makes the function under it one case for each row (name, fact, arguments...)."""
    def register(run):
        for name, fact, *arguments in rows:
            add(name, operation, fact, rests_on, lambda t, a=tuple(arguments): run(t, *a),
                run.__module__.removeprefix("cases_"))
        return run
    return register


class Same:
    """Equal to every text that the pattern matches whole."""

    def __init__(self, pattern):
        self.pattern = re.compile(pattern)

    def __eq__(self, text):
        return isinstance(text, str) and self.pattern.fullmatch(text) is not None

    def __repr__(self):
        return f"/{self.pattern.pattern}/"


ID = Same(r"[0-9A-F]{32}")
MD5 = Same(r"[0-9A-F]{32}")
HANDLE = Same(r"[A-Za-z0-9_-]+")
SECONDS = Same(r"1[0-9]{9}")
MILLISECONDS = Same(r"1[0-9]{12}")

SENT = [("MessageId", ID), ("MessageBodyMD5", MD5)]
PEEKED = [("MessageId", ID), ("MessageBodyMD5", MD5), ("MessageBody", Same(r"(?s).*")),
          ("EnqueueTime", MILLISECONDS), ("FirstDequeueTime", Same("0|1[0-9]{12}")),
          ("DequeueCount", Same("[0-9]+")), ("Priority", Same("[0-9]+"))]
RECEIVED = [("MessageId", ID), ("MessageBodyMD5", MD5), ("MessageBody", Same(r"(?s).*")),
            ("ReceiptHandle", HANDLE), ("EnqueueTime", MILLISECONDS), ("FirstDequeueTime", MILLISECONDS),
            ("NextVisibleTime", MILLISECONDS), ("DequeueCount", Same("[1-9][0-9]*")), ("Priority", Same("[0-9]+"))]


def element(name, inner):
    return f"<{name}>{inner}</{name}>"


def children(**texts):
    return "".join(element(name, escape(str(text))) for name, text in texts.items())


def local_name(tag):
    return tag.rsplit("}", 1)[-1]


class Tools:
    """What a case has at hand: calls, things of its own, and judgements."""

    numbers = itertools.count(1)

    def __init__(self, server):
        self.server = server
        self.port = int(server.endpoints["endpoint"].rsplit(":", 1)[1])
        self.wires, self.stacks = [], []
        self.main = None

    def close(self):
        for wire in self.wires:
            wire.close()
        for stack in self.stacks:
            stack.__exit__(None, None, None)

    # -- calls --

    def wire(self):
        """A connection of its own."""
        wire = Wire(self.port)
        self.wires.append(wire)
        return wire

    def request(self, verb, target, body=b"", **how):
        return Request(verb, target, body, **{"key": KEYS["ALIBABA_CLOUD_ACCESS_KEY_ID"],
                                              "secret": KEYS["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], **how})

    def call(self, verb, target, body=b"", **how):
        """One exchange on the case's kept-alive connection."""
        self.main = self.main or self.wire()
        self.main.send(self.request(verb, target, body, **how))
        return self.common(self.main.answer())

    def other_server(self, *args):
        """A server of the case's own, for what would disturb others; this case calls it from now on."""
        stack = Stack()
        self.stacks.append(stack)
        self.server = stack.start_mns_local(*args)
        self.port, self.main = int(self.server.endpoints["endpoint"].rsplit(":", 1)[1]), None

    # -- things of the case's own --

    def name(self, length=0, first="c"):
        """A name nobody else has, of that many characters if told."""
        name = f"{first}{next(self.numbers)}x"
        return name + "y" * (length - len(name))

    def queue(self, **attributes):
        name = self.name()
        self.succeeds(self.call("PUT", f"/queues/{name}", element("Queue", children(**attributes))), 201)
        return name

    def topic(self, **attributes):
        name = self.name()
        self.succeeds(self.call("PUT", f"/topics/{name}", element("Topic", children(**attributes))), 201)
        return name

    def subscribe(self, topic, name, queue, **more):
        body = element("Subscription", children(Endpoint=self.endpoint(queue), **more))
        return self.call("PUT", f"/topics/{topic}/subscriptions/{name}", body)

    def topic_to_queue(self, **more):
        """(topic, queue): what goes into one comes out of the other."""
        topic, queue = self.topic(), self.queue()
        self.succeeds(self.subscribe(topic, "s", queue, **more), 201)
        return topic, queue

    def endpoint(self, queue):
        return f"acs:mns:{REGION}:{ACCOUNT}:queues/{queue}"

    def send(self, queue, body, **more):
        return self.call("POST", f"/queues/{queue}/messages",
                         element("Message", element("MessageBody", escape(body)) + children(**more)))

    def send_batch(self, queue, bodies, **more):
        inner = "".join(element("Message", element("MessageBody", escape(body)) + children(**more)) for body in bodies)
        return self.call("POST", f"/queues/{queue}/messages", element("Messages", inner))

    def receive(self, queue, query=""):
        return self.call("GET", f"/queues/{queue}/messages{query}")

    def publish(self, topic, body, **more):
        return self.call("POST", f"/topics/{topic}/messages",
                         element("Message", element("MessageBody", escape(body)) + children(**more)))

    def handle(self, queue, body="x"):
        """The receipt handle of a message just sent and received."""
        self.succeeds(self.send(queue, body), 201)
        return self.succeeds(self.receive(queue), 200).find("ReceiptHandle")

    def delete(self, queue, handle):
        return self.call("DELETE", f"/queues/{queue}/messages?ReceiptHandle={handle}")

    def delete_batch(self, queue, handles):
        inner = "".join(element("ReceiptHandle", handle) for handle in handles)
        return self.call("DELETE", f"/queues/{queue}/messages", element("ReceiptHandles", inner))

    def hide(self, queue, handle, seconds):
        return self.call("PUT", f"/queues/{queue}/messages?ReceiptHandle={handle}&VisibilityTimeout={seconds}")

    def counts(self, queue):
        answer = self.call("GET", f"/queues/{queue}")
        return tuple(int(answer.find(name)) for name in ("ActiveMessages", "InactiveMessages", "DelayMessages"))

    def until(self, ask, wanted, timeout_s=20):
        """Asks until it is so."""
        deadline = time.monotonic() + timeout_s
        while True:
            got = ask()
            if got == wanted:
                return
            assert time.monotonic() < deadline, f"still {got!r}, not {wanted!r}"
            time.sleep(0.02)

    # -- judgements --

    def equal(self, got, wanted, what=""):
        assert wanted == got, f"{what + ': ' if what else ''}{got!r}, not {wanted!r}"

    def common(self, answer):
        """What every answer carries."""
        self.equal(answer.header("Content-Type"), "text/xml;charset=utf-8", "Content-Type")
        self.equal(answer.header("x-mns-version"), VERSION, "x-mns-version")
        self.equal(answer.header("x-mns-request-id"), Same("[0-9A-F]{24}"), "x-mns-request-id")
        self.equal(answer.header("Server"), "AliyunMQS", "Server")
        self.equal(answer.header("Date"), Same(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"), "Date")
        if answer.body:
            self.root_as_documented(answer)
        return answer

    def root_as_documented(self, answer):
        """Prolog, then the root in the slashless namespace, which no client can do without; no CDATA."""
        root = local_name(answer.xml().tag)
        start = f'<?xml version="1.0" ?>\n<{root} xmlns="{NAMESPACE}">'
        self.equal(answer.text[:len(start)], start, "the answer's start")
        assert "<![CDATA[" not in answer.text, answer.text
        self.equal(len(re.findall("<[^<>]*xmlns", answer.text)), 1, "namespaces declared")

    def succeeds(self, answer, status):
        self.equal(answer.status, status, f"status of {answer!r}")
        return answer

    def empty(self, answer, status):
        """A success that says nothing."""
        self.equal(self.succeeds(answer, status).body, b"", "body")
        return answer

    def shape(self, answer, status, root, wanted):
        """Root and children, names and texts, in this order and nothing else."""
        self.succeeds(answer, status)
        element_ = answer.xml()
        self.equal(local_name(element_.tag), root, "root")
        self.equal([(local_name(e.tag), e.text or "") for e in element_], wanted, f"children of {root}")
        return answer

    def list_shape(self, answer, status, root, entry, wanted):
        """A list of entries, each with these children; returns them as dicts."""
        self.succeeds(answer, status)
        top = answer.xml()
        self.equal(local_name(top.tag), root, "root")
        entries = [e for e in top if local_name(e.tag) == entry]
        rest = [local_name(e.tag) for e in top if local_name(e.tag) != entry]
        assert rest in ([], ["NextMarker"]), f"{rest} beside {entry}"
        for e in entries:
            self.equal([(local_name(c.tag), c.text or "") for c in e], wanted, f"children of {entry}")
        return [{local_name(c.tag): c.text or "" for c in e} for e in entries]

    def refuses(self, answer, status, code):
        """An error with all four children, which two SDKs cannot do without."""
        host = f"http://{ACCOUNT}.mns.{REGION}.aliyuncs.com"
        self.shape(answer, status, "Error", [("Code", code), ("Message", Same(r"(?s).+")),
                                             ("RequestId", answer.header("x-mns-request-id")), ("HostId", host)])
        return answer
