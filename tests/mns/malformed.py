"""Whatever comes in, mns-local answers or hangs up, and serves on.

    malformed.py [--seconds S] [--seed N] [--case N]

Each case is made from the seed and its number alone, so that one that failed can be run again: bytes that
are no HTTP, requests with pieces cut, doubled or swapped, framing that contradicts itself, and signed requests
whose XML, names and parameters are anything.  In a build with sanitizers a bad read is a crash, hence a failure;
a leak shows in the exit code at the end."""

import argparse
import concurrent.futures
import errno
import itertools
import random
import socket
import sys
import time
import xml.etree.ElementTree as ET

from suite import KEYS, Stack, Tools
from wire import Request

THREADS = 4
ROUND = 200  # cases between two looks whether it still serves
ANSWER_S = 20  # to answer or hang up, once the client has said all it will
QUEUES, TOPICS = ("a", "b"), ("t",)  # they are there all the time; others come and go

ELEMENTS = ["Message", "Messages", "MessageBody", "DelaySeconds", "Priority", "Queue", "Topic", "Subscription",
            "Endpoint", "FilterTag", "NotifyStrategy", "NotifyContentFormat", "ReceiptHandles", "ReceiptHandle",
            "MessageTag", "MessageAttributes", "DirectMail", "DirectSMS", "UserProperties", "PropertyValue", "Name",
            "Value", "Type", "MaximumMessageSize", "VisibilityTimeout", "LoggingEnabled", "x:y", "\u00e9"]
TEXTS = ["", "0", "1", "16", "-1", "99999999999999999999", "true", "a&amp;b", "&#13;&#10;", "\U0001f600", "x" * 3000,
         "&unknown;", "<![CDATA[<&>]]>", "]]>", "\x00", "\ufffe", "acs:mns:r:1:queues/a", "http://127.0.0.1:1/", "{}",
         '{"Subject":1}', "mail:directmail:a@b.c", "sms:directsms:1380000", "STRING", "JSON", "BACKOFF_RETRY", "%00"]
CLEAN_TEXTS = [text for text in TEXTS if not any(c in text for c in ("]]>", "&unknown", "\x00", "\ufffe"))]
TARGETS = ["/queues", "/queues/a", "/queues/b", "/queues/{n}", "/queues/a/messages", "/queues/b/messages", "/topics",
           "/topics/t", "/topics/t/messages", "/topics/t/subscriptions", "/topics/t/subscriptions/{n}", "//queues/a",
           "http://h/queues/a/messages", "/queues/%61/messages", "/queues/a/messages/", "/local/faults", "/local/mail",
           "/", "*", "http://", "/queues/" + "q" * 300, "/%", "/queues/%ff%fe", "/a" * 200]
QUERIES = ["", "?", "?numOfMessages=16", "?numOfMessages=99", "?peekonly=true", "?waitseconds=0", "?waitseconds=30",
           "?ReceiptHandle=x", "?ReceiptHandle=%", "?VisibilityTimeout=1&ReceiptHandle=0-1-1-0",
           "?metaoverride=true", "?" + "&".join(["a=b"] * 40), "?=&=&==", "?%6eumOfMessages=2"]
# Calls that get past the door: verb, target, root, children.
PROPERTIES = ["UserProperties", "PropertyValue", "Name", "Value", "Type"]
CALLS = [
    ("POST", "/queues/{q}/messages", "Message", ["MessageBody", "MessageBody", "DelaySeconds", "Priority",
                                                 *PROPERTIES]),
    ("POST", "/queues/{q}/messages", "Messages", ["Message", "MessageBody", "Priority", *PROPERTIES]),
    ("DELETE", "/queues/{q}/messages", "ReceiptHandles", ["ReceiptHandle"]),
    ("POST", "/topics/t/messages", "Message", ["MessageBody", "MessageBody", "MessageTag", "MessageAttributes",
                                               "DirectMail", "DirectSMS", *PROPERTIES]),
    ("PUT", "/queues/{n}", "Queue", ["DelaySeconds", "MaximumMessageSize", "VisibilityTimeout", "LoggingEnabled"]),
    ("PUT", "/queues/{q}?metaoverride=true", "Queue", ["PollingWaitSeconds", "VisibilityTimeout", "LoggingEnabled"]),
    ("PUT", "/topics/{n}", "Topic", ["MaximumMessageSize", "LoggingEnabled"]),
    ("PUT", "/topics/t/subscriptions/{n}", "Subscription", ["Endpoint", "FilterTag", "NotifyStrategy",
                                                            "NotifyContentFormat"]),
    ("GET", "/queues/{q}/messages?numOfMessages=16", "", []), ("DELETE", "/topics/t/subscriptions/{n}", "", []),
    ("DELETE", "/queues/{n}", "", []), ("DELETE", "/topics/{n}", "", [])]
VERBS = ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "G\x01T", "x" * 50, ""]


def xml(r, depth=0):
    name = r.choice(ELEMENTS)
    leaf = depth > 5 or r.random() < 0.4
    inner = r.choice(TEXTS) if leaf else "".join(xml(r, depth + 1) for _ in range(r.randrange(5)))
    end = name if r.random() < 0.97 else r.choice(ELEMENTS)
    return f"<{name}>{inner}</{end}>"


def mangle(r, data):
    """Flips, cuts, doubles and inserts."""
    data = bytearray(data)
    for _ in range(r.randrange(1, 8)):
        at, length = r.randrange(len(data) + 1), r.choice((1, 1, 2, 8, 60))
        way = r.randrange(4)
        if way == 0 and at < len(data):
            data[at] = r.randrange(256)
        elif way == 1:
            del data[at:at + length]
        elif way == 2:
            data[at:at] = data[at:at + length]
        else:
            data[at:at] = bytes(r.randrange(256) for _ in range(length))
    return bytes(data)


def with_key(verb, target, body, **how):
    resource = "/" + target.split("://h/", 1)[-1].lstrip("/") if target[0] in "/h" else target
    return Request(verb, target, body.encode(errors="replace"), key=KEYS["ALIBABA_CLOUD_ACCESS_KEY_ID"],
                   secret=KEYS["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], signs=resource, **how)


def signed(r, **how):
    """Any verb on anything, with any XML."""
    target = (r.choice(TARGETS) + r.choice(QUERIES)).replace("{n}", f"n{r.randrange(20)}")
    kept = target.rstrip("/").endswith(("/a", "/b", "/t", "/%61"))
    verb = r.choice(VERBS[:3] if kept else VERBS[:4])
    return with_key(verb, target, xml(r) if r.random() < 0.7 else "", **how)


def some_children(r, names, depth=0):
    """Texts, or more of the same."""
    parts = []
    for _ in range(r.choice((0, 1, 2, 3, 20))):
        name = r.choice(names)
        deeper = name in ("Message", "UserProperties", "PropertyValue", "MessageAttributes") and depth < 4
        inner = some_children(r, names, depth + 1) if deeper else r.choice(CLEAN_TEXTS)
        parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts)


def plausible(r, **how):
    """A call as it should be, but for what its XML says."""
    verb, target, root, names = r.choice(CALLS)
    target = target.replace("{n}", f"n{r.randrange(20)}").replace("{q}", r.choice(QUEUES))
    return with_key(verb, target, f"<{root}>{some_children(r, names)}</{root}>" if root else "", **how)


def noise(r):
    return bytes(r.randrange(256) for _ in range(r.randrange(2000)))


def broken_framing(r):
    request = signed(r)
    framing = r.choice([
        [("Content-Length", "-1")], [("Content-Length", "9" * 30)], [("Content-Length", "5"), ("Content-Length", "6")],
        [("Transfer-Encoding", "chunked"), ("Content-Length", "4")], [("Transfer-Encoding", "gzip, chunked")],
        [("Expect", "200-ok")], [("Content-Length", "0x10")], [("Transfer-Encoding", "chunked")]])
    request.headers = [h for h in request.headers if h[0] != "Content-Length"] + framing
    body = r.choice([b"", b"zz\r\n", b"ffffffffffffffffff\r\nx", b"-1\r\n", b"5\r\nhello\r\n0\r\n\r\n",
                     b"5;a=b\r\nhello", noise(r)])
    return request.head() + body


def big_head(r):
    request = signed(r)
    request.headers += [(f"x-mns-{i}" if r.random() < 0.5 else f"h{i}", "v" * r.choice((0, 10, 500)))
                        for i in range(r.randrange(200))]
    return bytes(request)


def odd_line(r):
    version = r.choice(["HTTP/1.1", "HTTP/9", "", "x"])
    return f"{r.choice(VERBS)} {r.choice(TARGETS)}{r.choice(QUERIES)} {version}\r\n\r\n".encode()


WAYS = [noise, odd_line, broken_framing, big_head, lambda r: mangle(r, bytes(signed(r))), lambda r: bytes(signed(r)),
        lambda r: bytes(plausible(r)), lambda r: bytes(plausible(r)), lambda r: mangle(r, bytes(plausible(r))),
        lambda r: bytes(plausible(r, chunks=[r.randrange(1, 50) for _ in range(5)])),
        lambda r: b"".join(bytes(plausible(r)) for _ in range(r.randrange(2, 6))),
        lambda r: bytes(signed(r))[:r.randrange(1, 400)]]


def answers_or_hangs_up(port, data, r):
    """Says it, perhaps in pieces, and that this is all; then hears everything out."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), ANSWER_S) as s:
        try:
            cut = r.randrange(len(data) + 1)
            s.sendall(data[:cut])
            s.sendall(data[cut:])
            s.shutdown(socket.SHUT_WR)
            while piece := s.recv(65536):
                heard += piece
        except OSError as error:
            if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                raise
            return
    if heard and not heard.startswith(b"HTTP/1."):
        raise AssertionError(f"no HTTP came back: {heard[:80]!r}")
    head, _, body = heard.partition(b"\r\n\r\n")
    if b"text/xml" in head and body.startswith(b"<") and heard.count(b"HTTP/1.") == 1 and not data.startswith(b"HEAD"):
        ET.fromstring(body)


def run_case(port, seed, number):
    r = random.Random(f"{seed}-{number}")
    data = r.choice(WAYS)(r)
    try:
        answers_or_hangs_up(port, data, r)
        return ""
    except Exception as error:
        return f"case {number}: {error!r} after {data[:400]!r}"


def still_serves(server):
    tools = Tools(server)
    queue = tools.queue()
    tools.succeeds(tools.send(queue, "hello"), 201)
    tools.equal(tools.receive(queue).find("MessageBody"), "hello")
    tools.close()


def run(options):
    failures, count = [], 0
    end = time.monotonic() + options.seconds
    with Stack() as stack, concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        server = stack.start_mns_local()
        port = int(server.endpoints["endpoint"].rsplit(":", 1)[1])
        for name in QUEUES:
            stack.mns.create_queue(name)
        for name in TOPICS:
            stack.mns.create_topic(name)
        rounds = [range(options.case, options.case + 1)] if options.case is not None else (
            range(start, start + ROUND) for start in itertools.count(0, ROUND))
        for numbers in rounds:
            done = list(pool.map(lambda n: run_case(port, options.seed, n), numbers))
            failures += [why for why in done if why]
            count += len(done)
            if server.process.poll() is not None:
                failures.append(f"mns-local died in {numbers}: {server.log()[-6000:]}")
                break
            still_serves(server)
            if failures or time.monotonic() > end:
                break
        if server.process.poll() is None and server.stop() != 0:
            failures.append(f"mns-local ended badly: {server.log()[-6000:]}")
    for why in failures:
        print(why)
    print(f"seed {options.seed}: {count - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or count == 0 else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
