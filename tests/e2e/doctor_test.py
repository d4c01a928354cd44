"""`sluice mns doctor` gives the right cause: a test for each cause that it knows, and one that says so.

Causes that mns-local can show are shown by mns-local; the rest by a server that says what the test tells it to.
Nothing leaves the loopback: hosts of the service's own are reached through a proxy, which is a server of ours, or
have a label that is too long for any name server to be asked."""

import contextlib
import datetime
import email.utils
import json
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
import urllib.request

from mns_cli_test import clean_env
from scripted_mns import Scripted, answer, error
from stack import ACCOUNT, BIN, KEYS, REGION, ROOT, Stack, wait_for

HOST = f"{ACCOUNT}.mns.{REGION}.aliyuncs.com"
QUEUE_ENDPOINT = f"acs:mns:{REGION}:{ACCOUNT}:queues/"
NOW_MS = int(time.time() * 1000)


def doctor(*args, text="", env=None, **more):
    """Runs it with --json.  Returns (exit code, the lines of checks, the summary)."""
    done = subprocess.run([str(BIN / "sluice"), "mns", "doctor", "--json", *map(str, args)], input=text, text=True,
                          capture_output=True, timeout=60, env=env or clean_env(**KEYS, **more), check=False)
    if done.returncode == 2 or done.stderr:
        raise AssertionError(done.stderr)
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    return done.returncode, rows[:-1], rows[-1]


def block(topic="t", endpoint=None, events=("OnJobFailed",)):
    inner = {"Name": topic, "Events": list(events), **({"Endpoint": endpoint} if endpoint else {})}
    return {"Notification": {"Topic": inner}}


def source(**more):
    """A bridge's file with one source."""
    return json.dumps({"sources": [{"queue": "q", "region": REGION, "account": ACCOUNT, **more}]})


# -- a healthy service, one answer of which a test replaces

def attributes(**more):
    values = {"QueueName": "q", "DelaySeconds": 0, "MaximumMessageSize": 65536, "MessageRetentionPeriod": 345600,
              "VisibilityTimeout": 60, "CreateTime": 1, "LastModifyTime": 1, "PollingWaitSeconds": 0,
              "ActiveMessages": 0, "InactiveMessages": 0, "DelayMessages": 0, "LoggingEnabled": "False", **more}
    return answer(200, "<Queue>" + "".join(f"<{k}>{v}</{k}>" for k, v in values.items()) + "</Queue>")


def peeked(**more):
    values = {"MessageId": "A" * 32, "MessageBodyMD5": "0CC175B9C0F1B6A831C399E269772661", "MessageBody": "a",
              "EnqueueTime": NOW_MS, "FirstDequeueTime": 0, "DequeueCount": 0, "Priority": 8, **more}
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in values.items())
    return answer(200, f"<Messages><Message>{inner}</Message></Messages>")


def healthy(get=None, peek=None, delete=None):
    """A script: a queue q, and nothing in it."""
    def script(call):
        if call.verb == "DELETE":
            return delete or answer(400, error("ReceiptHandleError"))
        if call.path.endswith("/messages"):
            return peek or answer(404, error("MessageNotExist"))
        return get or attributes()
    return script


def certificate(folder):
    """A self-signed one for 127.0.0.1, and a server's context with it."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


class Doctor(unittest.TestCase):
    def assert_cause(self, cause, run, verdict="fail", others=()):
        """This cause, and no other but those, is what stands in the way."""
        code, rows, summary = run
        found = {row["Cause"]: row for row in rows if row["Cause"]}
        self.assertEqual(summary["Cause"], cause, found)
        self.assertEqual(set(found), {cause, *others})
        self.assertEqual((found[cause]["Verdict"], code), (verdict, 1 if verdict == "fail" else 0))
        self.assertTrue(found[cause]["Remedy"] and found[cause]["Detail"])
        return found[cause]["Detail"]

    def scripted(self, script, *args, **more):
        """The doctor's word on a server with this script."""
        with Scripted(script, **more) as server:
            return doctor("--endpoint", server.endpoint, "--queue", "q", *args)


class Way(Doctor):
    """URL, place, host, connection, TLS."""

    def test_url_missing(self):
        self.assert_cause("url_missing", doctor("-", text=json.dumps({"sources": [{"queue": "q"}]})))

    def test_url_malformed(self):
        for url, why in (("mns.example", "neither http://"), (f"http://{HOST}/queues", "has a path"),
                         ("http://a:99999", "port"), ("http://me@a", "user")):
            self.assertIn(why, self.assert_cause("url_malformed", doctor("--endpoint", url, "--queue", "q")))

    def test_place_unknown(self):
        with Scripted(healthy()) as server:
            text = json.dumps({"sources": [{"queue": "q", "endpoint": server.endpoint}]})
            self.assert_cause("place_unknown", doctor("-", text=text))

    def through_proxy(self, text, script=None):
        """As if MNS's own hosts were there: a server of ours takes what is asked of them."""
        with Scripted(script or healthy()) as server:
            run = doctor("-", text=text, http_proxy=server.endpoint)
            self.assertTrue(all(call.headers["Host"].endswith(".aliyuncs.com") for call in server.calls))
            return run

    def test_place_account(self):
        text = source(endpoint=f"http://{HOST}", account="999")
        self.assertIn(f"says {ACCOUNT}, the configuration says 999",
                      self.assert_cause("place_account", self.through_proxy(text)))
        text = source(endpoint=f"http://{HOST}", **block(endpoint=f"http://888.mns.{REGION}.aliyuncs.com/"))
        detail = self.assert_cause("place_account", self.through_proxy(text, healthy(get=attributes())),
                                   others=("refused",))  # the script knows no topics
        self.assertIn("the Notification says 888", detail)

    def test_place_region(self):
        text = source(endpoint=f"http://{HOST}", region="cn-beijing")
        self.assertIn("says cn-hangzhou, the configuration says cn-beijing",
                      self.assert_cause("place_region", self.through_proxy(text)))

    def test_a_proxy_takes_resolving_and_connecting_off_us(self):
        code, rows, _ = self.through_proxy(source(endpoint=f"http://{HOST}"))
        verdicts = {row["Check"]: row["Verdict"] for row in rows}
        self.assertEqual((code, verdicts["host"], verdicts["connect"], verdicts["queue"]), (0, "skip", "skip", "ok"))

    def test_host_unknown(self):
        host = "a" * 70 + ".example"  # a label of more than 63 characters: no name server is asked
        self.assertIn(host, self.assert_cause("host_unknown", doctor("--endpoint", f"http://{host}", "--queue", "q")))

    def test_host_internal(self):
        host = f"{ACCOUNT}.mns.{'r' * 60}-internal-vpc.aliyuncs.com"  # likewise
        self.assert_cause("host_internal", doctor("--endpoint", f"http://{host}", "--queue", "q"))

    def test_connection_refused(self):
        with Scripted(healthy()) as server:
            gone = server.endpoint
        self.assert_cause("connection_refused", doctor("--endpoint", gone, "--queue", "q"))

    def test_connection_timeout(self):
        with contextlib.ExitStack() as sockets:
            full = sockets.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(8):  # more than its backlog: the next one hears nothing
                waiting = sockets.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            endpoint = f"http://127.0.0.1:{full.getsockname()[1]}"
            run = doctor("--endpoint", endpoint, "--queue", "q", "--timeout", "300ms")
        self.assert_cause("connection_timeout", run)

    def test_connection_failed(self):
        self.assert_cause("connection_failed", doctor("--endpoint", "http://255.255.255.255", "--queue", "q"))

    def test_tls_ca_file(self):
        with tempfile.TemporaryDirectory() as folder:
            _, context = certificate(pathlib.Path(folder))
            self.assert_cause("tls_ca_file", self.scripted(healthy(), "--ca-file", "/nowhere.pem", tls=context))

    def test_tls_untrusted(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, context = certificate(pathlib.Path(folder))
            self.assertIn("self-signed", self.assert_cause("tls_untrusted", self.scripted(healthy(), tls=context)))
            code, _, summary = self.scripted(healthy(), "--ca-file", cert, tls=context)
            self.assertEqual((code, summary["Cause"]), (0, None))
            with Scripted(healthy(), tls=context) as server:
                run = doctor("--endpoint", f"https://localhost:{server.port}", "--queue", "q", "--ca-file", cert)
            self.assertIn("hostname mismatch", self.assert_cause("tls_untrusted", run))

    def test_tls_failed(self):
        with Scripted(healthy()) as server:
            run = doctor("--endpoint", server.endpoint.replace("http", "https"), "--queue", "q")
        self.assert_cause("tls_failed", run)


class Login(Doctor):
    """Keys, service, clock, signature."""

    NO_KEYS = {"HOME": "/nonexistent"}

    def with_env(self, *args, script=None, **env):
        with Scripted(script or healthy()) as server:
            return doctor("--endpoint", server.endpoint, "--queue", "q", *args, env=clean_env(**self.NO_KEYS, **env))

    def test_keys_missing(self):
        self.assert_cause("keys_missing", self.with_env())

    def test_keys_malformed(self):
        self.assertIn("secret", self.assert_cause("keys_malformed", self.with_env(ALIBABA_CLOUD_ACCESS_KEY_ID="x")))
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("no credentials\n")
            file.flush()
            self.assertIn(file.name, self.assert_cause("keys_malformed",
                                                       self.with_env("--credentials-file", file.name, **KEYS)))

    def test_keys_role(self):
        with Scripted(lambda call: answer(404, "no such role", "text/plain")) as metadata:
            self.assert_cause("keys_role", self.with_env("--ecs-role", "nobody", "--ecs-metadata", metadata.endpoint))

    def test_token_missing(self):
        self.assert_cause("token_missing", self.with_env(ALIBABA_CLOUD_ACCESS_KEY_ID="STS.abc",
                                                         ALIBABA_CLOUD_ACCESS_KEY_SECRET="secret"))

    def test_no_answer(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            run = doctor("--endpoint", endpoint, "--queue", "q", "--timeout", "500ms")
        self.assert_cause("no_answer", run)

    def test_connection_broken(self):
        self.assert_cause("connection_broken", self.scripted(lambda call: None))

    def test_not_mns(self):
        page = "<!DOCTYPE html><html><body>Welcome</body></html>"
        for status in (200, 403, 404):
            detail = self.assert_cause("not_mns", self.scripted(lambda call, s=status: answer(s, page, "text/html")))
            self.assertIn(f"status {status}", detail)

    def test_service_trouble(self):
        for status, code in ((503, "ServiceUnavailable"), (500, "InternalError"), (400, "QpsLimitExceeded")):
            said = answer(status, error(code))
            self.assertIn(code, self.assert_cause("service_trouble", self.scripted(lambda call, s=said: s)))

    @staticmethod
    def at(**skew):
        return lambda: email.utils.format_datetime(
            datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**skew), usegmt=True)

    def test_clock_off(self):
        expired = answer(408, error("TimeExpired"))
        detail = self.assert_cause("clock_off", self.scripted(lambda call: expired, date=self.at(hours=1)))
        self.assertRegex(detail, r"^this machine is (3599|360\d) s behind the service, which says TimeExpired$")
        detail = self.assert_cause("clock_off", self.scripted(lambda call: expired, date=self.at(hours=-1)))
        self.assertIn("ahead of", detail)

    def test_clock_drifts(self):
        detail = self.assert_cause("clock_drifts", self.scripted(healthy(), date=self.at(seconds=300)), "warn")
        self.assertRegex(detail, r"^this machine is (299|30\d) s behind the service$")

    def test_token_bad(self):
        for status, code, text in ((403, "AccessDenied", "The security token you provided has expired."),
                                   (403, "InvalidSecurityToken", "malformed"),
                                   (403, "InvalidAccessKeyId", "The Access Key or its SecurityToken does not exist")):
            said = answer(status, error(code, text))
            self.assertIn(code, self.assert_cause("token_bad", self.scripted(lambda call, s=said: s)))

    def test_refused(self):
        said = answer(400, error("InvalidVersionHeader"))
        self.assertIn("InvalidVersionHeader", self.assert_cause("refused", self.scripted(lambda call: said)))


class Service(Doctor):
    """What mns-local shows: keys, permission, queue, topic, subscription, backlog; each test has its own."""

    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.stack.start_mns_local()
        self.endpoint, self.mns = self.stack.mns_local.endpoints["endpoint"], self.stack.mns

    def look(self, *args, text=None, **env):
        text = text or source(endpoint=self.endpoint, **block())
        return doctor("-", *args, text=text, env=clean_env(**{**KEYS, **env}))

    def build(self, to="q", content_format="JSON", **attributes):
        """Topic t and queue q, joined."""
        self.mns.create_queue("q", **{"VisibilityTimeout": 60, **attributes})
        self.mns.create_topic("t")
        if to:
            self.mns.subscribe("t", "s", to if ":" in to else QUEUE_ENDPOINT + to, content_format)

    def sluice(self, *args, text=""):
        """What another command prints."""
        return subprocess.run([str(BIN / "sluice"), "mns", *map(str, args), "--endpoint", self.endpoint], input=text,
                              text=True, capture_output=True, env=clean_env(**KEYS), timeout=60, check=True).stdout

    def fault(self, *operations, **rule):
        rule = rule or {"action": "error", "code": "AccessDenied", "status": 403}
        rules = [{"op": op, "next": 100, **rule} for op in operations]
        request = urllib.request.Request(f"{self.endpoint}/local/faults", method="POST",
                                         data=json.dumps({"seed": 1, "faults": rules}).encode())
        urllib.request.urlopen(request, timeout=10).close()

    def test_a_healthy_chain_has_no_cause(self):
        self.build()
        code, rows, summary = self.look()
        self.assertEqual((code, summary["Cause"], summary["Failed"], summary["Warnings"]), (0, None, 0, 0))
        self.assertEqual({row["Check"] for row in rows if row["Verdict"] == "skip"}, {"tls", "probe"})
        self.assertEqual(self.mns.queue_counts("q"), (0, 0))

    def test_nothing_is_changed_without_probe(self):
        self.build()
        self.mns.send("q", "waiting")
        before = self.stack.mns.call("GET", "/queues/q")[1]
        self.look()
        after = self.stack.mns.call("GET", "/queues/q")[1]
        self.assertEqual([(e.tag, e.text) for e in before], [(e.tag, e.text) for e in after])
        _, root = self.mns.call("GET", "/queues/q/messages?peekonly=true")
        self.assertEqual([e.text for e in root if e.tag.endswith("DequeueCount")], ["0"])

    def test_the_text_names_check_cause_and_remedy(self):
        self.mns.create_queue("q")
        done = subprocess.run([str(BIN / "sluice"), "mns", "doctor", "-"], text=True, capture_output=True, check=False,
                              input=source(endpoint=self.endpoint, **block()), env=clean_env(**KEYS))
        lines = done.stdout.splitlines()
        self.assertEqual(done.returncode, 1)
        self.assertIn("fail  topic         there is no such topic: no t; there is none", lines)
        at = lines.index("fail  topic         there is no such topic: no t; there is none")
        self.assertRegex(lines[at + 1], "^ {20}-> correct its name")
        self.assertEqual(lines[-1], "1 failed, 0 warnings, 12 ok, 3 skipped: there is no such topic")

    def test_every_source_of_a_file_is_looked_at(self):
        self.build()
        sources = [json.loads(source(endpoint=self.endpoint, queue=queue))["sources"][0] for queue in ("q", "gone")]
        code, rows, summary = self.look(text=json.dumps({"sources": sources}))
        self.assertEqual((code, summary["Cause"]), (1, "queue_missing"))
        self.assertEqual({row["Source"] for row in rows}, {"sources[0] q", "sources[1] gone"})
        self.assertEqual({row["Source"] for row in rows if row["Cause"]}, {"sources[1] gone"})

    # -- login, permission

    def test_key_unknown(self):
        self.assert_cause("key_unknown", self.look(ALIBABA_CLOUD_ACCESS_KEY_ID="other"))

    def test_secret_wrong(self):
        self.assert_cause("secret_wrong", self.look(ALIBABA_CLOUD_ACCESS_KEY_SECRET="other"))

    def test_clock_off_as_mns_local_has_it(self):
        self.build()
        self.fault("GetQueueAttributes", action="clock")
        self.assertIn("TimeExpired", self.assert_cause("clock_off", self.look()))

    def test_denied(self):
        self.build()
        self.fault("GetQueueAttributes", "PeekMessage", "BatchPeekMessage", "DeleteMessage")
        self.assert_cause("denied", self.look())

    def test_denied_looking(self):
        self.build()
        self.fault("GetQueueAttributes")
        self.assert_cause("denied_looking", self.look(), "warn")

    def test_denied_deleting(self):
        self.build()
        self.fault("DeleteMessage")
        self.assert_cause("denied_deleting", self.look())

    # -- queue

    def test_queue_missing(self):
        self.build()
        detail = self.assert_cause("queue_missing", self.look("--queue", "Q"), others=("subscribed_elsewhere",))
        self.assertEqual(detail, "no Q; there are: q")

    def test_queue_nowhere(self):
        detail = self.assert_cause("queue_nowhere", self.look(text=source(endpoint=self.endpoint)))
        self.assertIn(f"account {ACCOUNT}, region {REGION}", detail)

    def test_visibility_short(self):
        self.build(VisibilityTimeout=5)
        self.assert_cause("visibility_short", self.look(), "warn")

    def test_retention_short(self):
        self.build(MessageRetentionPeriod=600)
        self.assert_cause("retention_short", self.look(), "warn")

    def test_delay_set(self):
        self.build(DelaySeconds=5)
        self.assert_cause("delay_set", self.look(), "warn")

    # -- topic, subscription, events

    def test_topic_missing(self):
        self.build(to=None)
        self.assertEqual(self.assert_cause("topic_missing", self.look("--topic", "T")), "no T; there are: t")

    def test_topic_hidden(self):
        self.build()
        self.fault("GetTopicAttributes", "ListSubscriptionByTopic")
        self.assert_cause("topic_hidden", self.look(), "warn")

    def test_not_subscribed(self):
        self.build(to=None)
        self.assert_cause("not_subscribed", self.look())

    def test_subscribed_elsewhere(self):
        self.build(to="another")
        self.assertIn(QUEUE_ENDPOINT + "another", self.assert_cause("subscribed_elsewhere", self.look()))

    def test_subscribed_account(self):
        self.build(to=f"acs:mns:{REGION}:999:queues/q")
        self.assertIn("999", self.assert_cause("subscribed_account", self.look()))

    def test_subscribed_region(self):
        self.build(to=f"acs:mns:cn-beijing:{ACCOUNT}:queues/q")
        self.assertIn("cn-beijing", self.assert_cause("subscribed_region", self.look()))

    def test_subscribed_twice(self):
        self.build()
        self.mns.subscribe("t", "s2", QUEUE_ENDPOINT + "q", "JSON")
        self.assert_cause("subscribed_twice", self.look(), "warn")

    def test_format_simplified(self):
        self.build(content_format="SIMPLIFIED")
        self.assert_cause("format_simplified", self.look(), "warn")

    def test_xml_is_no_cause(self):
        self.build(content_format="XML")
        self.assertEqual(self.look()[2]["Cause"], None)

    def test_filter_tag(self):
        self.build(to=None)
        self.mns.call("PUT", "/topics/t/subscriptions/s",
                      f"<Subscription><Endpoint>{QUEUE_ENDPOINT}q</Endpoint><FilterTag>red</FilterTag>"
                      "<NotifyContentFormat>JSON</NotifyContentFormat></Subscription>")
        self.assertIn('"red"', self.assert_cause("filter_tag", self.look()))

    def push(self, **more):
        push = {"type": "push", "endpoint": self.endpoint, "region": REGION, "account": ACCOUNT, **block(), **more}
        return self.look(text=json.dumps({"sources": [push]}))

    def test_strategy_short(self):
        self.build(to="http://127.0.0.1:1/notifications")
        self.assert_cause("strategy_short", self.push(), "warn")

    def test_a_push_source_needs_an_http_endpoint(self):
        self.build()
        self.assertIn("not the path that the source has; it feeds: acs:mns",
                      self.assert_cause("subscribed_elsewhere", self.push()))

    def test_a_push_source_needs_its_own_path(self):
        self.build(to="http://127.0.0.1:1/elsewhere")
        self.assertIn("not the path that the source has; it feeds: http://127.0.0.1:1/elsewhere",
                      self.assert_cause("subscribed_elsewhere", self.push(path="/in?key=x")))
        self.assert_cause("strategy_short", self.push(path="/elsewhere"), "warn")

    def test_event_unknown(self):
        self.build()
        text = source(endpoint=self.endpoint, **block(events=("OnJobFailed", "onJobFailed")))
        self.assertEqual(self.assert_cause("event_unknown", self.look(text=text), "warn"), "onJobFailed")

    # -- backlog, probe

    def test_backlog_throttled(self):
        run = self.scripted(healthy(get=attributes(ActiveMessages=10, InactiveMessages=4600)))
        self.assertIn("4600", self.assert_cause("backlog_throttled", run))

    def test_backlog_undeleted(self):
        self.build()
        self.mns.send("q", "again and again")
        self.fault("ReceiveMessage", action="twice")
        for _ in range(3):
            self.mns.call("GET", "/queues/q/messages")
        self.assertEqual(self.assert_cause("backlog_undeleted", self.look(), "warn"), "one was received 3 times")

    def test_backlog_unread(self):
        run = self.scripted(healthy(get=attributes(ActiveMessages=1), peek=peeked(EnqueueTime=NOW_MS - 3600_000)))
        self.assertRegex(self.assert_cause("backlog_unread", run, "warn"), r"^one has waited for 36\d\d s$")

    def test_a_probe_goes_all_the_way_and_others_are_given_back(self):
        self.build()
        self.mns.send("q", "another's")
        code, rows, _ = self.look("--probe")
        probe = rows[-1]
        self.assertEqual((code, probe["Check"], probe["Verdict"], probe["Detail"]),
                         (0, "probe", "ok", "published, received, deleted"))
        self.assertEqual(sum(self.mns.queue_counts("q")), 1)

    def test_probe_lost(self):
        self.build(DelaySeconds=600)
        code, rows, _ = self.look("--probe")
        self.assertEqual((code, [row["Cause"] for row in rows if row["Cause"]]), (0, ["delay_set", "probe_lost"]))

    def test_probe_behind(self):
        self.build()
        self.sluice("send", "q", "-", "--batch", text="another's\n" * 200)
        self.assertEqual(self.assert_cause("probe_behind", self.look("--probe"), "warn"), "160 others came first")
        wait_for(lambda: self.mns.queue_counts("q") == (201, 0), "all that were held to be given back")
        rows = [json.loads(row) for row in self.sluice("receive", "q", "--count", 300, "--json").splitlines()]
        counts = [row["DequeueCount"] for row in rows]  # with this receive
        self.assertEqual((counts.count(1), counts.count(2), len(counts)), (41, 160, 201))

    def test_probe_failed(self):
        self.build()
        self.fault("PublishMessage")
        self.assertIn("AccessDenied", self.assert_cause("probe_failed", self.look("--probe")))


class Table(unittest.TestCase):
    """The causes that it knows are those that are tested, and those that the manual lists."""

    @classmethod
    def setUpClass(cls):
        done = subprocess.run([str(BIN / "sluice"), "mns", "doctor", "--causes", "--json"], text=True, check=True,
                              capture_output=True, env=clean_env())
        cls.causes = [json.loads(row) for row in done.stdout.splitlines()]

    def test_each_cause_has_a_test(self):
        tested = {name for case in (Way, Login, Service) for name in dir(case)}
        self.assertGreater(len(self.causes), 40)
        self.assertEqual([row["Cause"] for row in self.causes if f"test_{row['Cause']}" not in tested], [])

    def test_the_manual_lists_each_cause(self):
        manual = (ROOT / "docs" / "mns-commands.md").read_text()
        listed = re.findall(r"^\| `(\w+)` \| (warn|fail) \| (.*?) \| (.*?) \|$", manual, re.MULTILINE)
        told = [(row["Cause"], row["Verdict"], row["Text"], row["Remedy"].replace("|", "\\|")) for row in self.causes]
        self.assertEqual(listed, told)


if __name__ == "__main__":
    unittest.main()
