"""What an HTTP endpoint gets, and when it gets it again."""

import base64
import hashlib
import http.server
import json
import pathlib
import queue
import socket
import subprocess
import tempfile
import threading
import urllib.request
import xml.etree.ElementTree as ET

from suite import ACCOUNT, DOCS, ID, MILLISECONDS, OURS, SEEN, Same, case, cases, children, element, local_name
from wire import string_to_sign

WAIT_S = 30


class Receiver:
    """An endpoint on a free port that keeps what it gets, and answers with the statuses given, then 204."""

    def __init__(self, *statuses):
        self.got, answers = queue.Queue(), list(statuses)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(handler):
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.got.put((handler.path, list(handler.headers.items()), body))
                handler.send_response(answers.pop(0) if answers else 204)
                handler.send_header("Content-Length", "0")
                handler.send_header("Location", self.url("/elsewhere"))
                handler.end_headers()

            def log_message(handler, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path=""):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def push(self):
        """(target, headers, body) of the next push."""
        return self.got.get(timeout=WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def subscribe(t, receiver, path="/push", **more):
    topic = t.topic()
    body = element("Subscription", children(Endpoint=receiver.url(path), **more))
    t.empty(t.call("PUT", f"/topics/{topic}/subscriptions/s", body), 201)
    return topic


def header(headers, name):
    return next((value for key, value in headers if key.lower() == name.lower()), "")


@case("PublishMessage", "a POST to the endpoint's path and query, with the documented headers", DOCS, SEEN)
def push_request(t):
    with Receiver() as receiver:
        topic = subscribe(t, receiver, "/push?key=a%20b&c")
        published = t.publish(topic, "news")
        target, headers, _ = receiver.push()
        t.equal(target, "/push?key=a%20b&c")
        for name, wanted in (("User-Agent", "Aliyun Notification Service Agent"), ("x-mns-version", "2015-06-06"),
                             ("x-mns-request-id", Same("[0-9A-F]{24}")), ("x-mns-message-id", ID),
                             ("x-mns-topic-owner", ACCOUNT), ("x-mns-topic-name", topic), ("x-mns-subscriber", ACCOUNT),
                             ("x-mns-subscription-name", "s"), ("x-mns-publish-time", MILLISECONDS),
                             ("x-mns-message-tag", "")):
            t.equal(header(headers, name), wanted, name)
        t.equal(header(headers, "x-mns-message-id"), published.find("MessageId"))


@case("PublishMessage", "an endpoint without a path: `/notifications`", DOCS)
def push_without_path(t):
    with Receiver() as receiver:
        t.succeeds(t.publish(subscribe(t, receiver, ""), "news"), 201)
        t.equal(receiver.push()[0], "/notifications")


@case("PublishMessage", "the tag is a header, and in the envelope", DOCS)
def push_tag(t):
    with Receiver() as receiver:
        topic = subscribe(t, receiver, NotifyContentFormat="JSON", FilterTag="red")
        t.succeeds(t.publish(topic, "other", MessageTag="blue"), 201)
        t.succeeds(t.publish(topic, "news", MessageTag="red"), 201)
        _, headers, body = receiver.push()
        t.equal((header(headers, "x-mns-message-tag"), json.loads(body)["MessageTag"]), ("red", "red"))


def body_md5(t, headers, body):
    digits = hashlib.md5(body).hexdigest()
    t.equal(header(headers, "Content-MD5") in (digits.upper(), base64.b64encode(digits.encode()).decode()), True,
            "Content-MD5")


@case("PublishMessage", "XML, the default: `Notification`, of type text/xml;charset=utf-8", DOCS)
def push_xml(t):
    with Receiver() as receiver:
        topic = subscribe(t, receiver)
        published = t.publish(topic, "a & b")
        _, headers, body = receiver.push()
        t.equal(header(headers, "Content-Type"), "text/xml;charset=utf-8")
        body_md5(t, headers, body)
        root = ET.fromstring(body)
        fields = {local_name(e.tag): e.text for e in root}
        t.equal((local_name(root.tag), fields["Message"], fields["MessageId"]),
                ("Notification", "a & b", published.find("MessageId")))


@case("PublishMessage", "JSON: one flat object of strings", DOCS, SEEN)
def push_json(t):
    with Receiver() as receiver:
        topic = subscribe(t, receiver, NotifyContentFormat="JSON")
        t.succeeds(t.publish(topic, "a & b"), 201)
        _, headers, body = receiver.push()
        body_md5(t, headers, body)
        fields = json.loads(body)
        t.equal((fields["Message"], {type(value) for value in fields.values()}), ("a & b", {str}))


@case("PublishMessage", "SIMPLIFIED: the body alone, of type text/plain;charset=utf-8, the MD5 as hex digits", SEEN)
def push_simplified(t):
    with Receiver() as receiver:
        topic = subscribe(t, receiver, NotifyContentFormat="SIMPLIFIED")
        t.succeeds(t.publish(topic, "caf\u00e9 & b"), 201)
        _, headers, body = receiver.push()
        t.equal((body.decode(), header(headers, "Content-Type")), ("caf\u00e9 & b", "text/plain;charset=utf-8"))
        t.equal(header(headers, "Content-MD5"), hashlib.md5(body).hexdigest().upper())


@case("PublishMessage", "`Authorization` is the request's signature (RSA, SHA-1), by the key of the certificate named",
      DOCS)
def push_signature(t):
    with Receiver() as receiver, tempfile.TemporaryDirectory() as folder:
        t.succeeds(t.publish(subscribe(t, receiver, "/push?a=b"), "news"), 201)
        target, headers, _ = receiver.push()
        url = base64.b64decode(header(headers, "x-mns-signing-cert-url"), validate=True).decode()
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            certificate = answer.read()
        key, made = pathlib.Path(folder, "key.pem"), pathlib.Path(folder, "signature")
        key.write_bytes(subprocess.run(["openssl", "x509", "-pubkey", "-noout"], input=certificate, check=True,
                                       capture_output=True).stdout)
        made.write_bytes(base64.b64decode(header(headers, "Authorization"), validate=True))
        for text, verdict in ((string_to_sign("POST", target, headers), 0),
                              (string_to_sign("POST", "/other", headers), 1)):
            checked = subprocess.run(["openssl", "dgst", "-sha1", "-verify", key, "-signature", made],
                                     input=text.encode(), capture_output=True)
            t.equal(checked.returncode, verdict, f"openssl over {text!r}: {checked.stdout.decode()}")


@cases("PublishMessage", [
    (f"push_answer_{status}", f"an answer of {status}: {'delivered' if good else 'tried again'}", status, good)
    for status, good in ((200, True), (204, True), (299, True), (302, False), (403, False), (500, False))], DOCS)
def push_answer(t, status, good):
    t.other_server("--time-scale", "1000")
    with Receiver(status) as receiver:
        topic = subscribe(t, receiver)
        t.succeeds(t.publish(topic, "first"), 201)
        first = receiver.push()
        if good:
            t.succeeds(t.publish(topic, "second"), 201)
            assert b"second" in receiver.push()[2]
            return
        again = receiver.push()
        t.equal((again[0], again[2]), (first[0], first[2]))  # to the same place, a redirect or not
        for name, same in (("x-mns-message-id", True), ("x-mns-request-id", False)):
            t.equal(header(again[1], name) == header(first[1], name), same, f"the same {name}")


def dead(t):
    wire = t.wire()
    wire.send(b"GET /local/dead HTTP/1.1\r\nHost: x\r\n\r\n")
    return json.loads(wire.answer().body)["pushes"]


@cases("PublishMessage", [
    ("push_backoff", "BACKOFF_RETRY: three retries, then it is given up", "BACKOFF_RETRY", 4, "1000"),
    ("push_decay", "EXPONENTIAL_DECAY_RETRY: 176 retries, then it is given up", "EXPONENTIAL_DECAY_RETRY", 177,
     "1000000")], DOCS)
def push_gives_up(t, strategy, tries, scale):
    t.other_server("--time-scale", scale)
    with Receiver(*[500] * tries) as receiver:
        topic = subscribe(t, receiver, NotifyStrategy=strategy)
        t.succeeds(t.publish(topic, "news"), 201)
        t.until(lambda: len(dead(t)), 1, 60)
        t.equal((receiver.got.qsize(), dead(t)[0]["attempts"]), (tries, tries))


@case("PublishMessage", "an endpoint where nobody listens: the publish succeeds, the push is tried and given up", DOCS,
      OURS)
def push_nobody(t):
    t.other_server("--time-scale", "100000")
    topic = t.topic()
    with socket.socket() as taken:  # bound, so that nobody else takes the port, but not listening
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        body = element("Subscription", children(Endpoint=f"http://127.0.0.1:{port}/"))
        t.empty(t.call("PUT", f"/topics/{topic}/subscriptions/s", body), 201)
        t.succeeds(t.publish(topic, "news"), 201)
        t.until(lambda: len(dead(t)), 1, 60)
