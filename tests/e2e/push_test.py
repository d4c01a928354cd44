"""The bridge's push source with the real programs: pushes signed here, forged here, and by mns-local.

A test counts events at a subscriber: whatever was answered 204 arrives, once, and nothing else does."""

import base64
import collections
import concurrent.futures
import json
import os
import signal
import socket
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from mns_push import Authority, CertificateServer, Sender, certificate, job, new_key
from stack import ACCOUNT, BIN, KEYS, REGION, LineReader, Stack, metrics, wait_for

PATH = "/notifications/d41d8cd98f00b204?from=mns"
FORMATS = ("SIMPLIFIED", "JSON", "XML")
SIMULATED = max(500, int(os.environ.get("SLUICE_TEST_EVENTS", "20000")) // 100)


class PushCase(unittest.TestCase):
    """A broker, a subscriber to everything, a key of MNS's, and an HTTPS server for its certificate."""

    @classmethod
    def setUpClass(cls):
        cls.key, cls.other_key = new_key(), new_key()  # making one takes a while
        cls.pem = certificate(cls.key, expired=True)   # as MNS's own is

    def setUp(self):
        self.stack = stack = Stack()
        self.addCleanup(stack.__exit__, None, None, None)
        self.authority = Authority(stack.folder)
        self.certificates = CertificateServer(self.authority, self.pem)
        self.addCleanup(self.certificates.stop)
        stack.start_broker()
        self.reader = LineReader(stack.subscribe("", "$dead."))

    def start_bridge(self, drain="10s", under=(), **more):
        source = {"type": "push", "name": "p", "listen": "127.0.0.1:0", "path": PATH, "region": REGION,
                  "account": ACCOUNT, "topic": "batch", "ca-file": str(self.authority.ca_file),
                  "certificate-hosts": [self.certificates.host], **more}
        self.bridge = self.stack.start_bridge([{k: v for k, v in source.items() if v is not None}], under, drain=drain)
        wait_for(lambda: self.counter("push_open") is not None and self.bridge_is_ready(), "the bridge to be ready")
        self.sender = Sender(self.key, self.bridge.endpoints["push"], PATH, self.certificates.url,
                             self.authority.ca_file)
        return self.bridge

    def bridge_is_ready(self):
        try:
            with urllib.request.urlopen(self.bridge.endpoints["http"] + "/readyz", timeout=10):
                return True
        except urllib.error.HTTPError:
            return False

    def counter(self, name, **labels):
        label = ",".join(f'{k}="{v}"' for k, v in {"source": "p", **labels}.items())
        return metrics(self.bridge.endpoints["http"]).get(f"sluice_bridge_{name}{{{label}}}")

    def events(self):
        return [json.loads(line) for line in self.reader.lines]

    def expect_jobs(self, count, timeout=60):
        """Each of job-0 … job-(count-1) once, and nothing else."""
        wait_for(lambda: len({e.get("JobId") for e in self.events()}) >= count, f"{count} jobs", timeout)
        self.assertEqual(collections.Counter(e.get("JobId") for e in self.events()),
                         {f"job-{n}": 1 for n in range(count)})

    def restart_broker(self):
        ports = {name: self.stack.broker.endpoints[name] for name in ("feed", "intake", "query")}
        self.stack.start_broker(*(word for name, at in ports.items() for word in (f"--{name}", at)))


class Genuine(PushCase):
    def test_each_format_is_published_once_however_often_it_comes(self):
        self.certificates.start()
        self.start_bridge()
        for n, content_format in enumerate(FORMATS):
            for _ in range(3):  # MNS's own retries after a lost answer; each is signed anew
                push = self.sender.push(job(n), content_format, message_id=f"{n:032X}")
                self.assertEqual(push.sign().send(), 204, content_format)
        self.assertEqual(push.send(), 204)  # the very same bytes
        self.expect_jobs(3)
        self.assertEqual({(e["id"], e["source"], e["time"]) for e in self.events()},
                         {(f"{n:032X}", f"acs:mns:{REGION}:{ACCOUNT}:/topics/batch", "2026-06-01T12:00:00.123Z")
                          for n in range(3)})
        self.assertEqual(self.counter("push_answered_total"), 10)
        self.assertEqual(len(self.certificates.asked), 1, "the certificate is kept")

    def test_a_pinned_certificate_needs_no_server(self):
        pinned = self.stack.folder / "pinned.pem"
        pinned.write_bytes(self.pem)
        self.start_bridge(**{"certificate": str(pinned), "certificate-hosts": None, "ca-file": None})
        self.assertEqual(self.sender.push(job(0)).sign().send(), 204)
        self.assertEqual(self.sender.push(job(1)).sign(self.other_key).send(), 403)
        self.expect_jobs(1)

    def test_pushes_come_over_tls(self):
        self.certificates.start()
        bridge = self.start_bridge(**{"tls-certificate": str(self.authority.certificate_file),
                                      "tls-key": str(self.authority.key_file)})
        self.assertTrue(bridge.endpoints["push"].startswith("https://127.0.0.1:"))
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            statuses = list(pool.map(lambda n: self.sender.push(job(n), FORMATS[n % 3]).sign().send(), range(60)))
        self.assertEqual(set(statuses), {204})
        self.expect_jobs(60)

    def test_the_largest_body_that_mns_takes_fits_in_every_format(self):
        self.certificates.start()
        self.start_bridge()
        filler = "<&\"\\" * 15000  # 60,000 bytes before anything is escaped
        text = json.dumps({"Category": "Job", "Event": "OnJobFailed", "JobId": "job-{}", "Message": filler})
        for n, content_format in enumerate(FORMATS):
            push = self.sender.push(text.replace("job-{}", f"job-{n}"), content_format)
            self.assertEqual(push.sign().send(), 204, content_format)
        self.expect_jobs(3)
        self.assertEqual({e["Message"] for e in self.events()}, {filler})

    def test_filter_and_dead_letters_are_those_of_a_queue(self):
        self.certificates.start()
        self.start_bridge(Notification={"Topic": {"Events": ["OnJobFailed"]}})
        self.assertEqual(self.sender.push('{"Category":"Job","Event":"OnJobFinished"}').sign().send(), 204)
        self.assertEqual(self.sender.push("no event", "JSON").sign().send(), 204)
        self.assertEqual(self.sender.push(job(0)).sign().send(), 204)
        wait_for(lambda: len(self.reader.lines) == 2, "a dead letter and an event")
        self.assertEqual({e["Event"] for e in self.events()}, {"NotANotification", "OnJobFailed"})
        self.assertEqual(self.counter("filtered_total"), 1)


class Forged(PushCase):
    def forgeries(self):
        """(name, a push that is not MNS's)"""
        def changed(**headers):
            push = self.sender.push(job(1)).sign()
            push.headers.update({k.replace("_", "-"): v for k, v in headers.items()})
            return push

        def before(content_format="SIMPLIFIED", key=None, drop=None, owner=ACCOUNT, cert_url=None, **headers):
            push = self.sender.push(job(1), content_format, owner=owner)
            push.headers.update({k.replace("_", "-"): v for k, v in headers.items()})
            if cert_url:
                push.headers["x-mns-signing-cert-url"] = base64.b64encode(cert_url.encode()).decode()
            if drop:
                del push.headers[drop]
            return push.sign(key)

        altered = self.sender.push(job(1)).sign()
        altered.body = altered.body.replace(b"job-1", b"job-2")
        elsewhere = self.sender.push(job(1))
        elsewhere.target = "/notifications/other"
        elsewhere.sign().target = PATH
        port = self.certificates.port
        yield "altered body", altered
        yield "signed for another path", elsewhere
        yield "altered header", changed(x_mns_message_id="F" * 32)
        yield "another key", before(key=self.other_key)
        yield "no signature", before_without(self.sender)
        yield "a stale date", before(Date="Mon, 01 Jun 2015 12:00:00 GMT")
        yield "no date", before(drop="Date")
        yield "no Content-MD5", before(drop="Content-MD5")
        yield "no certificate", before(drop="x-mns-signing-cert-url")
        yield "another account's topic", before(owner="666666666666")
        yield "another account's, by the envelope alone", foreign_envelope(self.sender)
        for url in (f"http://localhost:{port}/c.pem", f"https://localhost.evil.example:{port}/c.pem",
                    f"https://localhost:{port}@127.0.0.1/c.pem", f"https://127.0.0.1:{port}/c.pem",
                    f"https://localhost:{port + 1}/c.pem", "https://localhost/c.pem"):
            yield f"certificate from {url}", before(cert_url=url)

    def test_whatever_is_not_mns_is_refused_and_connects_to_nobody(self):
        self.certificates.start()
        self.start_bridge()
        self.assertEqual(self.sender.push(job(0)).sign().send(), 204)  # the certificate is there now
        asked = len(self.certificates.asked)
        count = 0
        for name, push in self.forgeries():
            with self.subTest(name):
                self.assertEqual(push.send(), 403)
            count += 1
        self.assertEqual(self.sender.push(job(1)).sign().send(), 204)
        self.expect_jobs(2)
        self.assertEqual(self.counter("push_refused_as_forged_total"), count)
        self.assertEqual(self.counter("forged_total", verdict="foreign_owner"), 2)
        # A signature that does not verify may mean a new key: one more look, at the same address.
        self.assertLessEqual(len(self.certificates.asked) - asked, 1)

    def test_what_is_no_push_is_told_so(self):
        self.start_bridge()
        push = self.sender.push(job(0))
        push.method = "GET"
        self.assertEqual(push.send(), 405)
        for target in ("/", "/notifications", PATH[:-1], PATH + "x", "/../../etc/passwd"):
            push = self.sender.push(job(0)).sign()
            push.target = target
            self.assertEqual(push.send(), 404, target)
        connection = self.sender.connect()
        connection.request("POST", PATH, headers={"Content-Length": str(1 << 20)})
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()
        self.assertEqual(self.certificates.asked, [])


def before_without(sender):
    push = sender.push(job(1)).sign()
    del push.headers["Authorization"]
    return push


def foreign_envelope(sender):
    """Genuine, of another customer's topic, from the days before the head named the owner."""
    push = sender.push(job(1), "JSON", owner="666666666666")
    for header in ("x-mns-topic-owner", "x-mns-topic-name", "x-mns-subscriber"):
        del push.headers[header]
    return push.sign()


class Crowd(PushCase):
    SLOW, FAST = 300, 300

    def test_slow_senders_hold_up_no_fast_one(self):
        self.certificates.start()
        self.start_bridge(connections=200)
        self.crowd()

    def test_fewer_descriptors_than_connections_do_not_let_the_slow_win(self):
        self.certificates.start()
        self.start_bridge(under=("sh", "-c", 'ulimit -n 200 && exec "$@"', "sh"))
        self.assertIn("BRIDGE-FILES", self.bridge.log())
        self.crowd()

    def crowd(self):
        """Slow senders, more than there are connections, beside fast ones."""
        at = urllib.parse.urlsplit(self.bridge.endpoints["push"])
        head = self.sender.push(job(0)).sign().head()
        stop = threading.Event()
        slow = []

        def dribble():
            """One byte each, as often as it goes; who is cut comes again."""
            while not stop.is_set():
                for n, sock in enumerate(slow):
                    try:
                        sock.send(head[:1] if n % 2 else head[1:2])
                    except OSError:
                        sock.close()
                        slow[n] = socket.create_connection((at.hostname, at.port))
                stop.wait(0.05)

        for n in range(self.SLOW):
            sock = socket.create_connection((at.hostname, at.port))
            sock.send(head[:n % len(head)])
            slow.append(sock)
        dribbler = threading.Thread(target=dribble)
        dribbler.start()
        try:
            with concurrent.futures.ThreadPoolExecutor(100) as pool:
                took = list(pool.map(self.deliver_timed, range(self.FAST)))
        finally:
            stop.set()
            dribbler.join()
            for sock in slow:
                sock.close()
        self.expect_jobs(self.FAST)
        self.assertLess(sorted(took)[self.FAST // 2], 4, "seconds, for half of them")
        self.assertGreater(metrics(self.bridge.endpoints["http"])['sluice_http_crowded_out_total{source="p"}'], 0)

    def deliver_timed(self, n):
        began = time.monotonic()
        self.sender.deliver(job(n), FORMATS[n % 3])
        return time.monotonic() - began

    def test_hundreds_at_once_are_answered(self):
        self.certificates.start()
        self.start_bridge()
        pushes = [self.sender.push(job(n)).sign() for n in range(500)]
        connections = [self.sender.connect() for _ in pushes]
        for connection, push in zip(connections, pushes):  # all are sent before the first is heard
            connection.request(push.method, push.target, push.body, push.headers)
        statuses = collections.Counter()
        for connection in connections:
            statuses[connection.getresponse().status] += 1
            connection.close()
        self.assertEqual(statuses, {204: 500})
        self.expect_jobs(500)


class Trouble(PushCase):
    def deliver_all(self, count, meanwhile):
        """Delivers as MNS does, and lets `meanwhile(statuses)` work.  @return the statuses seen."""
        statuses = collections.Counter()

        def one(n):
            seen = self.sender.deliver(job(n), FORMATS[n % 3])
            statuses.update(seen)
            return seen

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            results = [pool.submit(one, n) for n in range(count)]
            meanwhile()
            for result in results:
                result.result()
        return statuses

    def test_a_certificate_server_that_comes_late_loses_nothing(self):
        self.start_bridge()  # nobody serves certificates yet

        def come_up():
            wait_for(lambda: self.counter("push_unavailable_total") > 10, "pushes to be put off")
            wait_for(lambda: not self.bridge_is_ready(), "/readyz to tell of it")
            self.assertEqual(self.reader.lines, [])
            self.certificates.start()

        statuses = self.deliver_all(60, come_up)
        self.assertEqual(set(statuses), {204, 503})
        self.expect_jobs(60)
        wait_for(self.bridge_is_ready, "the bridge to be ready")

    def test_a_broker_that_stands_still_loses_nothing(self):
        self.certificates.start()
        self.start_bridge(**{"answer-within": "300ms"})
        self.assertEqual(self.sender.push(job(60)).sign().send(), 204)
        os.kill(self.stack.broker.process.pid, signal.SIGSTOP)

        def go_on():
            try:
                wait_for(lambda: self.counter("push_timeouts_total") > 20, "pushes that were not acknowledged")
            finally:
                os.kill(self.stack.broker.process.pid, signal.SIGCONT)

        statuses = self.deliver_all(60, go_on)
        self.assertEqual(set(statuses), {204, 503})
        self.expect_jobs(61)
        wait_for(lambda: self.counter("push_in_hand") == 0, "no push in hand")
        self.assertGreater(self.counter("push_acked_late_total"), 0)

    def test_a_broker_that_dies_loses_nothing(self):
        self.certificates.start()
        bridge = self.start_bridge(**{"answer-within": "300ms"})
        self.stack.broker.kill()

        def come_back():
            wait_for(lambda: self.counter("push_timeouts_total") > 20, "pushes that were not acknowledged")
            os.kill(bridge.process.pid, signal.SIGSTOP)  # until somebody listens to the new broker
            try:
                self.restart_broker()
                self.reader = LineReader(self.stack.subscribe("", "$dead."))
            finally:
                os.kill(bridge.process.pid, signal.SIGCONT)

        statuses = self.deliver_all(60, come_back)
        self.assertEqual(set(statuses), {204, 503})
        self.expect_jobs(60)

    def test_a_stop_answers_what_is_in_hand(self):
        self.certificates.start()
        bridge = self.start_bridge()
        self.assertEqual(self.sender.push(job(0)).sign().send(), 204)
        os.kill(self.stack.broker.process.pid, signal.SIGSTOP)
        try:
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                pushes = [pool.submit(self.sender.push(job(n)).sign().send) for n in range(1, 20)]
                wait_for(lambda: self.counter("push_open") == 19, "all to be parked")
                os.kill(bridge.process.pid, signal.SIGTERM)
                wait_for(lambda: self.sender.push(job(20)).sign().send() == 503, "new ones to be put off")
                os.kill(self.stack.broker.process.pid, signal.SIGCONT)
                self.assertEqual({push.result() for push in pushes}, {204})
        finally:
            os.kill(self.stack.broker.process.pid, signal.SIGCONT)
        self.assertEqual(bridge.process.wait(20), 0)
        self.expect_jobs(20)

    def test_keys_are_needed_for_queues_only(self):
        self.certificates.start()
        without = {key: "" for key in KEYS}
        path = self.stack.folder / "push.json"
        path.write_text(json.dumps({"broker": self.stack.broker.endpoints["intake"], "http": "127.0.0.1:0", "sources": [
            {"type": "push", "listen": "127.0.0.1:0", "topic": "t", "region": REGION, "account": ACCOUNT}]}))
        bridge = self.stack.start("bridge", [BIN / "sluice-bridge", "--config", path], env=without).wait_ready()
        self.assertEqual(list(bridge.endpoints), ["sources", "http", "push"])
        self.assertEqual(bridge.stop(), 0)

    def start_with_queue(self, **env):
        path = self.stack.folder / "queue.json"
        path.write_text(json.dumps({"broker": self.stack.broker.endpoints["intake"], "http": "127.0.0.1:0", "sources": [
            {"queue": "q", "endpoint": "http://127.0.0.1:9", "region": REGION, "account": ACCOUNT}]}))
        return self.stack.start("bridge", [BIN / "sluice-bridge", "--config", path],
                                env={"HOME": str(self.stack.folder), **{key: "" for key in KEYS}, **env})

    def test_a_queue_without_keys_is_told_so(self):
        bridge = self.start_with_queue()
        self.assertEqual(bridge.process.wait(20), 1)
        self.assertIn("no access key", bridge.log())

    def test_keys_from_a_file_will_do(self):
        credentials = self.stack.folder / "credentials"
        credentials.write_text("[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n")
        bridge = self.start_with_queue(ALIBABA_CLOUD_CREDENTIALS_FILE=str(credentials)).wait_ready()
        self.assertEqual(bridge.stop(), 0)


class Local(PushCase):
    """mns-local signs and pushes; the bridge has its certificate pinned, as it is served."""

    def start_local(self, *formats):
        stack = self.stack
        stack.start_mns_local("--time-scale", "100")
        local = stack.mns_local.endpoints["endpoint"]
        pinned = stack.folder / "mns-local.pem"
        with urllib.request.urlopen(local + "/local/certificate.pem", timeout=60) as answer:
            pinned.write_bytes(answer.read())
        self.start_bridge(**{"certificate": str(pinned), "certificate-hosts": None, "ca-file": None})
        for content_format in formats:
            topic = f"batch-{content_format.lower()}"
            stack.mns.create_topic(topic)
            stack.mns.subscribe(topic, "push", self.bridge.endpoints["push"] + PATH.replace("&", "&amp;"), content_format)

    def expect_ids(self, ids):
        wait_for(lambda: len(self.reader.lines) >= len(ids), f"{len(ids)} events", 120)
        self.assertEqual(collections.Counter(e["id"] for e in self.events()), collections.Counter(ids))

    def test_each_format_arrives_with_the_topics_own_id(self):
        self.start_local(*FORMATS)
        topics = {content_format: f"batch-{content_format.lower()}" for content_format in FORMATS}
        ids = {self.stack.mns.publish(topics[f], job(n)): topics[f] for n, f in enumerate(FORMATS * 10)}
        self.expect_ids(list(ids))
        self.assertEqual({e["id"]: e["source"].rsplit("/", 1)[-1] for e in self.events()}, ids)

    def test_a_workload_arrives_whole_though_the_broker_stands_still(self):
        self.start_local("JSON")
        ledger = self.stack.folder / "ledger.jsonl"
        simulator = self.stack.start("batch-sim", [
            BIN / "batch-sim", "--endpoint", self.stack.mns_local.endpoints["endpoint"], "--topic", "batch-json",
            "--count", SIMULATED, "--seed", "3", "--ledger", ledger])
        wait_for(lambda: self.counter("push_answered_total") > SIMULATED // 10, "some pushes", 60)
        os.kill(self.stack.broker.process.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: self.counter("push_open") > 0, "pushes without an answer")
        finally:
            os.kill(self.stack.broker.process.pid, signal.SIGCONT)
        self.assertEqual(simulator.process.wait(240), 0, simulator.log())
        self.expect_ids([json.loads(line)["id"] for line in ledger.read_text().splitlines()])


if __name__ == "__main__":
    unittest.main()
