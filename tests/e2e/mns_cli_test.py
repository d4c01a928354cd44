"""`sluice mns …` against mns-local: every command, as text, as JSON, and on a terminal."""

import base64
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import tempfile
import unittest
import urllib.request

from scripted_mns import Scripted, answer, error
from stack import ACCOUNT, BIN, KEYS, REGION, ROOT, LineReader, Stack, wait_for

SLUICE, BRIDGE = BIN / "sluice", BIN / "sluice-bridge"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"


def clean_env(**more):
    """The test's own environment without what sluice or libmns would take from it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_MNS", "ALIBABA_CLOUD_"))}
    return {**kept, **more}


def run(*args, text="", env=None, timeout=60):
    """`sluice mns` to its end, without a terminal."""
    raw = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run([str(SLUICE), "mns", *map(str, args)], input=raw, capture_output=True, timeout=timeout,
                          env=env or clean_env(**KEYS), check=False)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


def md5(body):
    return hashlib.md5(body.encode()).hexdigest().upper()


class MnsCli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.addClassCleanup(cls.stack.__exit__, None, None, None)
        cls.stack.start_mns_local()
        cls.endpoint = cls.stack.mns_local.endpoints["endpoint"]
        cls.env = clean_env(**KEYS, SLUICE_MNS_ENDPOINT=cls.endpoint, SLUICE_MNS_ACCOUNT=ACCOUNT,
                            SLUICE_MNS_REGION=REGION)

    def mns(self, *args, code=0, **options):
        """Runs a command that ends with this code; returns what it printed."""
        done = run(*args, env={**self.env, **options.pop("env", {})}, **options)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        self.told = done.stderr
        if code == 0:
            self.assertNotIn("sluice mns", self.told.replace("note:", "").replace("sluice mns setup: ", ""))
        return done.stdout

    def objects(self, *args, **options):
        return [json.loads(row) for row in self.mns(*args, "--json", **options).splitlines()]

    def object(self, *args, **options):
        rows = self.objects(*args, **options)
        self.assertEqual(len(rows), 1)
        return rows[0]

    def on_terminal(self, *args):
        """What a terminal shows."""
        parent, child = pty.openpty()
        process = subprocess.Popen([str(SLUICE), "mns", *map(str, args)], stdin=subprocess.DEVNULL, stdout=child,
                                   env=self.env)
        os.close(child)
        shown = b""
        try:
            while piece := os.read(parent, 65536):
                shown += piece
        except OSError:
            pass  # the other side is closed
        os.close(parent)
        self.assertEqual(process.wait(30), 0)
        return shown.decode().replace("\r\n", "\n")

    def queue(self, name, *args):
        self.mns("queue", "create", name, *args)
        self.addCleanup(self.mns, "queue", "delete", name)
        return name

    def topic(self, name):
        self.mns("topic", "create", name)
        self.addCleanup(self.mns, "topic", "delete", name)
        return name

    def assert_error(self, code, request=True):
        """One error: code and status, message, request id; then one hint."""
        lines = self.told.splitlines()
        self.assertRegex(lines[0], rf"^sluice mns [a-z ]+: {code} \(\d\d\d\): \S.*" +
                         (r" \[request [0-9A-F]{24}\]$" if request else ""))
        self.assertRegex(lines[1], r"^  hint: \S")
        self.assertEqual(len(lines), 2, lines)

    # -- queues

    ATTRIBUTES = {"--delay": ("DelaySeconds", 7), "--maximum-message-size": ("MaximumMessageSize", 2048),
                  "--retention": ("MessageRetentionPeriod", 600), "--visibility-timeout": ("VisibilityTimeout", 45),
                  "--polling-wait": ("PollingWaitSeconds", 3)}

    def test_a_queue_is_created_shown_changed_and_deleted(self):
        options = [word for flag, (_, value) in self.ATTRIBUTES.items() for word in (flag, str(value))]
        self.assertEqual(self.mns("queue", "create", "life", *options, "--logging"), "created queue life\n")
        got = self.object("queue", "get", "life")
        for name, value in self.ATTRIBUTES.values():
            self.assertEqual(got[name], value, name)
        self.assertEqual((got["QueueName"], got["LoggingEnabled"], got["ActiveMessages"], got["InactiveMessages"],
                          got["DelayMessages"]), ("life", True, 0, 0, 0))
        self.assertRegex(got["CreateTime"], f"^{TIME}$")
        self.assertEqual(self.mns("queue", "set", "life", "--delay", 0, "--no-logging"), "changed queue life\n")
        changed = self.object("queue", "get", "life")
        self.assertEqual((changed["DelaySeconds"], changed["LoggingEnabled"], changed["VisibilityTimeout"]),
                         (0, False, 45))
        self.assertEqual(self.mns("queue", "delete", "life"), "deleted queue life\n")
        self.mns("queue", "get", "life", code=1)
        self.assert_error("QueueNotExist")

    def test_create_is_idempotent_as_the_service_is(self):
        self.queue("twice", "--retention", 600)
        self.assertEqual(self.object("queue", "create", "twice", "--retention", 600),
                         {"Result": "existed", "Kind": "queue", "Name": "twice",
                          "Location": f"{self.endpoint}/queues/twice"})
        self.assertEqual(self.mns("queue", "create", "twice", "--retention", 600), "existed queue twice\n")
        self.mns("queue", "create", "twice", "--retention", 700, code=1)
        self.assert_error("QueueAlreadyExist")
        self.assertIn("queue set", self.told)

    def test_lists_take_a_prefix_and_a_limit(self):
        for name in ("list-a", "list-b", "list-c", "other"):
            self.queue(name)
        self.assertEqual(self.mns("queue", "list", "--prefix", "list-"), "list-a\nlist-b\nlist-c\n")
        self.assertEqual(self.objects("queue", "list", "--prefix", "list-", "--limit", 2),
                         [{"QueueName": "list-a"}, {"QueueName": "list-b"}])
        long = self.objects("queue", "list", "--prefix", "list-", "--long")
        self.assertEqual([row["QueueName"] for row in long], ["list-a", "list-b", "list-c"])
        self.assertEqual(long[0], self.object("queue", "get", "list-a"))
        self.assertEqual(self.mns("queue", "list", "--prefix", "nothing"), "")

    def test_a_list_goes_on_to_its_last_page(self):
        def page(call):
            at = int(call.headers.get("x-mns-marker") or 0)
            count = min(int(call.headers["x-mns-ret-number"]), 400)  # fewer than asked: the service may
            names = [f"q-{i}" for i in range(at, min(at + count, 2500))]
            rows = "".join(f"<Queue><QueueURL>http://h/queues/{name}</QueueURL></Queue>" for name in names)
            more = f"<NextMarker>{at + count}</NextMarker>" if at + count < 2500 else ""
            return answer(200, f"<Queues>{rows}{more}</Queues>")

        for limit, pages in ((None, 7), (900, 3), (1, 1)):
            with Scripted(page) as server:
                args = ["--limit", limit] if limit else []
                names = run("queue", "list", "--endpoint", server.endpoint, *args).stdout.split()
                self.assertEqual(names, [f"q-{i}" for i in range(limit or 2500)])
                self.assertEqual(len(server.calls), pages)

    def test_a_list_that_leads_back_to_its_own_page_ends_with_one_error(self):
        def page(call):
            return answer(200, "<Queues><Queue><QueueURL>http://h/queues/same</QueueURL></Queue>"
                               "<NextMarker>again</NextMarker></Queues>")

        with Scripted(page) as server:
            done = run("queue", "list", "--endpoint", server.endpoint, timeout=20)
            self.assertEqual((done.returncode, done.stdout, len(server.calls)), (1, "same\nsame\n", 2))
            self.assertRegex(done.stderr, r"^sluice mns queue list: status 200: the list has no end: .*NextMarker.*\n"
                                          r"  hint: .*\n$")
            self.assertEqual(run("queue", "list", "--endpoint", server.endpoint, "--limit", 2).returncode, 0)

    def test_a_terminal_gets_a_table(self):
        self.queue("table-a", "--delay", 1)
        self.queue("table-bb", "--delay", 22)
        head, first, second = self.on_terminal("queue", "list", "--prefix", "table-", "--long").splitlines()
        self.assertEqual(head.split()[:5], ["QueueName", "ActiveMessages", "InactiveMessages", "DelayMessages",
                                            "DelaySeconds"])
        at = head.index("DelaySeconds")
        self.assertEqual((first[at:at + 3], second[at:at + 3]), ("1  ", "22 "))
        rows = self.on_terminal("queue", "get", "table-a").splitlines()
        self.assertIn("DelaySeconds            1", rows)
        self.assertEqual(self.on_terminal("queue", "create", "table-a", "--delay", 1), "existed queue table-a\n")

    def test_without_a_terminal_a_single_record_is_name_tab_value(self):
        self.queue("plain")
        rows = dict(row.split("\t") for row in self.mns("queue", "get", "plain").splitlines())
        self.assertEqual((rows["QueueName"], rows["VisibilityTimeout"], rows["LoggingEnabled"]),
                         ("plain", "30", "false"))
        self.assertEqual(set(rows), set(self.object("queue", "get", "plain")))

    def test_the_manual_lists_the_columns(self):
        manual = (ROOT / "docs" / "mns-commands.md").read_text()
        self.queue("columns", "--visibility-timeout", 60)
        self.topic("columns")
        self.mns("subscription", "create", "columns", "s", "columns")
        told = {"queue list --long": self.objects("queue", "list", "--long", "--limit", 1),
                "topic list --long": self.objects("topic", "list", "--long", "--limit", 1),
                "subscription list --long": self.objects("subscription", "list", "columns", "--long"),
                "send": self.objects("send", "columns", "x", "--delay", 1),
                "publish": self.objects("publish", "columns", "x"),
                "receive": self.objects("receive", "columns", "--wait", 5)}
        for command, rows in told.items():
            listed = re.search(rf"^\| `{command}`(?:, `peek`)? \| (.*?)(?: \(.*\))? \|$", manual, re.MULTILINE)[1]
            self.assertEqual(listed.split(", "), list(rows[0]), command)

    # -- topics and subscriptions

    def test_a_topic_is_created_shown_changed_and_deleted(self):
        self.assertEqual(self.mns("topic", "create", "news", "--maximum-message-size", 2048), "created topic news\n")
        self.assertEqual(self.mns("topic", "create", "news", "--maximum-message-size", 2048), "existed topic news\n")
        self.mns("topic", "create", "news", "--maximum-message-size", 4096, code=1)
        self.assert_error("TopicAlreadyExist")
        self.assertEqual(self.mns("topic", "set", "news", "--maximum-message-size", 4096, "--logging"),
                         "changed topic news\n")
        got = self.object("topic", "get", "news")
        self.assertEqual((got["TopicName"], got["MaximumMessageSize"], got["LoggingEnabled"],
                          got["MessageRetentionPeriod"]), ("news", 4096, True, 86400))
        self.assertIn("news\n", self.mns("topic", "list", "--prefix", "new"))
        self.assertEqual(self.objects("topic", "list", "--prefix", "news", "--long"), [got])
        self.assertEqual(self.mns("topic", "delete", "news"), "deleted topic news\n")
        self.mns("topic", "get", "news", code=1)
        self.assert_error("TopicNotExist")

    def test_a_subscription_is_created_shown_changed_and_deleted(self):
        self.topic("feed")
        self.assertEqual(self.mns("subscription", "create", "feed", "to-q", "some-queue", "--format", "JSON",
                                  "--strategy", "EXPONENTIAL_DECAY_RETRY", "--filter-tag", "red"),
                         "created subscription feed/to-q\n")
        got = self.object("subscription", "get", "feed", "to-q")
        self.assertEqual({k: got[k] for k in ("SubscriptionName", "TopicName", "Endpoint", "NotifyContentFormat",
                                              "NotifyStrategy", "FilterTag", "TopicOwner")},
                         {"SubscriptionName": "to-q", "TopicName": "feed", "NotifyContentFormat": "JSON",
                          "Endpoint": f"acs:mns:{REGION}:{ACCOUNT}:queues/some-queue", "FilterTag": "red",
                          "NotifyStrategy": "EXPONENTIAL_DECAY_RETRY", "TopicOwner": ACCOUNT})
        self.assertEqual(self.mns("subscription", "set", "feed", "to-q", "--strategy", "BACKOFF_RETRY"),
                         "changed subscription feed/to-q\n")
        self.assertEqual(self.object("subscription", "get", "feed", "to-q")["NotifyStrategy"], "BACKOFF_RETRY")
        self.mns("subscription", "create", "feed", "to-q", "another-queue", code=1)
        self.assert_error("SubscriptionAlreadyExist")
        self.mns("subscription", "create", "feed", "bad", "gopher://x", code=1)
        self.assert_error("EndpointInvalid")
        self.assertEqual(self.mns("subscription", "list", "feed"), "to-q\n")
        self.assertEqual(self.objects("subscription", "list", "feed", "--long")[0]["FilterTag"], "red")
        self.assertEqual(self.mns("subscription", "delete", "feed", "to-q"), "deleted subscription feed/to-q\n")
        self.assertEqual(self.mns("subscription", "list", "feed"), "")

    # -- messages

    def test_what_is_sent_is_received_and_deleted(self):
        self.queue("mail")
        sent = self.objects("send", "mail", "one", "zwei é", "three")
        self.assertEqual([row["MessageBodyMD5"] for row in sent], [md5("one"), md5("zwei é"), md5("three")])
        got = self.objects("receive", "mail", "--count", 16, "--delete")
        self.assertEqual([(row["MessageId"], row["MessageBody"]) for row in got],
                         list(zip((row["MessageId"] for row in sent), ("one", "zwei é", "three"))))
        self.assertEqual(set(got[0]), {"MessageId", "ReceiptHandle", "EnqueueTime", "FirstDequeueTime", "Priority",
                                       "NextVisibleTime", "DequeueCount", "MessageBodyMD5", "UserProperties",
                                       "MessageBody"})
        self.assertEqual(self.stack.mns.queue_counts("mail"), (0, 0))
        self.assertEqual(self.mns("receive", "mail"), "")
        self.assertEqual(self.objects("receive", "mail", "--wait", 1), [])

    def test_lines_of_standard_input_are_messages(self):
        self.queue("lines")
        for batch in ([], ["--batch"]):
            text = "".join(f"line {i}\n" for i in range(20)) + "\nlast without an end"
            self.assertEqual(len(self.objects("send", "lines", "-", *batch, text=text)), 21)
            got = self.objects("receive", "lines", "--count", 100, "--delete")
            self.assertEqual({row["MessageBody"] for row in got},
                             {f"line {i}" for i in range(20)} | {"last without an end"})

    def test_a_batch_is_never_more_than_64_KiB(self):
        self.queue("big")
        text = "".join(c * 20000 + "\n" for c in "abcde")
        self.assertEqual(len(self.objects("send", "big", "-", "--batch", text=text)), 5)
        self.assertEqual(len(self.objects("receive", "big", "--count", 5, "--delete")), 5)

    def test_a_send_that_fails_says_what_was_sent_before(self):
        self.queue("stop")
        done = self.mns("send", "stop", "-", text="good\n" + "x" * 70000 + "\nnever sent\n", code=1)
        self.assertEqual(len(done.splitlines()), 1)
        self.assertIn("InvalidArgument (400)", self.told)
        self.assertIn("stopped; sent before: 1", self.told)
        self.assertEqual(self.stack.mns.queue_counts("stop"), (1, 0))

    def test_base64_carries_any_bytes(self):
        self.queue("bytes")
        self.mns("send", "bytes", "-", text=b"a\x01\xff\n", code=1)
        self.assertIn("--base64", self.told)
        self.mns("send", "bytes", "-", "--base64", text=b"a\x01\xff\nplain\n")
        self.assertEqual([row["MessageBody"] for row in self.objects("peek", "bytes", "--count", 2)],
                         [base64.b64encode(b"a\x01\xff").decode(), base64.b64encode(b"plain").decode()])
        self.assertEqual([row["MessageBody"] for row in self.objects("receive", "bytes", "--count", 2, "--base64")],
                         [base64.b64encode(b"a\x01\xff").decode(), "plain"])

    def test_delay_and_priority_are_the_message_s_own(self):
        self.queue("order")
        later = self.object("send", "order", "later", "--delay", 600)
        self.assertTrue(later["ReceiptHandle"])
        self.mns("send", "order", "low", "--priority", 16)
        self.mns("send", "order", "high", "--priority", 1)
        got = self.objects("receive", "order", "--count", 16)
        self.assertEqual([(row["MessageBody"], row["Priority"]) for row in got], [("high", 1), ("low", 16)])
        self.assertEqual(self.object("queue", "get", "order")["DelayMessages"], 1)
        self.mns("delete", "order", later["ReceiptHandle"])
        self.assertEqual(self.object("queue", "get", "order")["DelayMessages"], 0)

    def test_peek_leaves_messages_as_they_are(self):
        self.queue("look")
        self.mns("send", "look", "a\tb\\c")
        for _ in range(2):
            row = self.object("peek", "look")
            self.assertEqual((row["MessageBody"], row["DequeueCount"], row["ReceiptHandle"]), ("a\tb\\c", 0, None))
        fields = self.mns("peek", "look").rstrip("\n").split("\t")
        self.assertEqual((len(fields), fields[9]), (10, "a\\tb\\\\c"))
        shown = self.on_terminal("peek", "look")
        self.assertRegex(shown, r"^MessageId +[0-9A-F]{32}\n")
        self.assertTrue(shown.endswith("\n\na\\x09b\\c\n\n"), shown)

    def test_handles_delete_and_hide(self):
        self.queue("handles", "--visibility-timeout", 600)
        self.mns("send", "handles", *map(str, range(20)))
        got = [row["ReceiptHandle"] for row in self.objects("receive", "handles", "--count", 20)]
        new = self.object("visibility", "handles", got[0], 1000)
        self.assertNotEqual(new["ReceiptHandle"], got[0])
        self.assertRegex(new["NextVisibleTime"], TIME)
        self.mns("delete", "handles", got[0], got[1], code=1)
        self.assertIn(f"not deleted: {got[0]}: ReceiptHandleError", self.told)
        self.assertEqual(self.mns("delete", "handles", new["ReceiptHandle"]),
                         f"deleted message {new['ReceiptHandle']}\n")
        rest = "".join(handle + "\n" for handle in got[2:])
        self.assertEqual(len(self.mns("delete", "handles", "-", text=rest).splitlines()), 18)
        self.assertEqual(self.stack.mns.queue_counts("handles"), (0, 0))
        self.mns("visibility", "handles", got[0], 1000, code=1)
        self.assert_error("(ReceiptHandleError|MessageNotExist)")

    def test_follow_shows_what_comes_until_it_is_interrupted(self):
        self.queue("follow")
        program = self.stack.start("follow", [SLUICE, "mns", "receive", "follow", "--follow", "--delete", "--json"],
                                   env=self.env)
        self.addCleanup(program.kill)
        reader = LineReader(program)
        for i in range(3):
            self.mns("send", "follow", f"number {i}")
            wait_for(lambda count=i + 1: len(reader.lines) == count, "the message")
        wait_for(lambda: self.stack.mns.queue_counts("follow") == (0, 0), "the deletes")
        program.process.send_signal(signal.SIGINT)
        self.assertEqual(program.process.wait(30), 0, program.log())
        self.assertEqual([json.loads(row)["MessageBody"] for row in reader.lines], [f"number {i}" for i in range(3)])

    def following(self, queue, endpoint=None):
        """`receive --follow --delete` of a queue, and a reader of its lines."""
        program = self.stack.start(queue, [SLUICE, "mns", "receive", queue, "--follow", "--delete", "--json"],
                                   env={**self.env, **({"SLUICE_MNS_ENDPOINT": endpoint} if endpoint else {})})
        self.addCleanup(program.kill)
        return program, LineReader(program)

    def interrupt(self, program):
        program.process.send_signal(signal.SIGINT)
        self.assertEqual(program.process.wait(5), 0, program.log())

    def faults(self, *rules):
        """Rules of mns-local, until the test ends."""
        url = f"{self.endpoint}/local/faults"
        body = json.dumps({"seed": 1, "faults": rules}).encode()
        urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=10).close()
        self.addCleanup(lambda: urllib.request.urlopen(urllib.request.Request(url, method="DELETE"),
                                                       timeout=10).close())

    def test_follow_goes_on_after_faults_that_pass_and_tells_them_once(self):
        self.queue("follow-faults")
        # 8 failures are three requests of the client's three attempts: two whole, and a part
        self.faults(*({"op": op, "next": 8, "action": "error", "code": "ServiceUnavailable", "status": 503}
                      for op in ("ReceiveMessage", "BatchReceiveMessage")))
        self.mns("send", "follow-faults", "behind the faults")
        program, reader = self.following("follow-faults")
        wait_for(lambda: len(reader.lines) == 1, "the message")
        self.assertEqual(json.loads(reader.lines[0])["MessageBody"], "behind the faults")
        wait_for(lambda: self.stack.mns.queue_counts("follow-faults") == (0, 0), "the delete")
        self.interrupt(program)
        self.assertEqual(program.log().count("ServiceUnavailable (503)"), 1, program.log())
        self.assertEqual(program.log().count("trying again until that has passed"), 1, program.log())

    def test_an_interrupt_ends_the_pause_that_the_service_asked_for(self):
        with Scripted(lambda call: answer(503, error("ServiceUnavailable"), **{"Retry-After": "600"})) as server:
            program, _ = self.following("busy", server.endpoint)
            program.wait_log("trying again")
            self.interrupt(program)
            self.assertEqual(len(server.calls), 1)

    def test_follow_ends_with_a_fault_that_stays(self):
        program, _ = self.following("nowhere-to-follow")
        self.assertEqual(program.process.wait(30), 1)
        self.assertIn("QueueNotExist (404)", program.log())

    def test_a_reader_that_leaves_ends_it_and_nothing_unseen_is_deleted(self):
        self.queue("gone")
        self.mns("send", "gone", *["x" * 60000] * 10)
        program = subprocess.Popen([str(SLUICE), "mns", "receive", "gone", "--count", "100", "--delete"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.env)
        program.stdout.read(10)
        program.stdout.close()
        self.assertEqual(program.wait(60), 1)
        self.assertEqual(sum(self.stack.mns.queue_counts("gone")), 10)

    def test_published_messages_reach_queues_by_their_tag(self):
        self.topic("paint")
        for tag in ("red", "blue"):
            self.queue(f"paint-{tag}")
            self.mns("subscription", "create", "paint", tag, f"paint-{tag}", "--format", "SIMPLIFIED",
                     "--filter-tag", tag)
        self.assertEqual(self.object("publish", "paint", "a wall", "--tag", "red")["MessageBodyMD5"], md5("a wall"))
        self.assertEqual(self.object("peek", "paint-red")["MessageBody"], "a wall")
        self.assertEqual(self.mns("peek", "paint-blue"), "")
        self.mns("publish", "paint", "-", "--base64", "--tag", "blue", text="one\ntwo\n")
        self.assertEqual([row["MessageBody"] for row in self.objects("peek", "paint-blue", "--base64", "--count", 16)],
                         ["one", "two"])

    def test_mail_and_sms_take_their_attributes(self):
        self.topic("alarm")
        self.mns("subscription", "create", "alarm", "by-mail", "mail:directmail:ops@example.com")
        self.mns("subscription", "create", "alarm", "by-sms", "sms:directsms:anonymous")
        self.mns("publish", "alarm", "it burns", "--mail-account", "noreply@example.com", "--mail-subject", "Fire",
                 "--mail-html", "--sms-sign", "Sluice", "--sms-template", "SMS_1", "--sms-receiver", "13800000000",
                 "--sms-params", '{"what":"fire"}')

        def messages(kind):
            with urllib.request.urlopen(f"{self.endpoint}/local/{kind}", timeout=10) as page:
                return json.load(page)["messages"]

        mail = json.dumps(wait_for(lambda: messages("mail"), "the mail"))
        sms = json.dumps(wait_for(lambda: messages("sms"), "the SMS"))
        for text in ("ops@example.com", "noreply@example.com", "Fire", "it burns"):
            self.assertIn(text, mail)
        for text in ("Sluice", "SMS_1", "13800000000", "fire"):
            self.assertIn(text, sms)
        self.mns("publish", "alarm", "x", "--mail-subject", "no account", code=2)
        self.assertIn("--mail-account", self.told)

    # -- the command line

    def test_a_mistake_is_one_sentence_and_code_2(self):
        for args, says in ((("frobnicate",), 'no command "frobnicate"'), (("queue", "frobnicate"), "no command"),
                           (("queue", "get"), "usage: sluice mns queue get [options] NAME"),
                           (("queue", "get", "a", "b"), "too much"),
                           (("queue", "create", "q", "--delay", "604801"), "--delay"),
                           (("queue", "create", "q", "--visibility-timeout", "0"), "--visibility-timeout"),
                           (("queue", "create", "q", "--retentoin", "99"), "did you mean --retention?"),
                           (("queue", "set", "q"), "nothing to set"),
                           (("subscription", "create", "t", "s", "q", "--format", "YAML"), "--format"),
                           (("send", "q"), "something is missing"),
                           (("visibility", "q", "h", "0"), "1 to 43200"),
                           (("visibility", "q", "h", "12x"), "1 to 43200"),
                           (("peek", "q", "--count", "17"), "--count"),
                           (("queue", "list", "--endpoint", "mns.example"), "neither http:// nor https://"),
                           (("queue", "list", "--endpoint", "http://a/b"), "has a path"),
                           (("queue", "list", "--access-key-secret=x"), "no such option")):
            with self.subTest(args=args):
                self.mns(*args, code=2)
                self.assertIn(says, self.told)
                self.assertEqual(len(self.told.splitlines()), 1)
        for args in ((), ("queue",)):
            done = run(*args)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("Usage: sluice mns", done.stderr)

    def test_every_level_has_help(self):
        top = run("--help").stdout
        words = re.findall(r"^  (\w+) ", top, re.MULTILINE)
        self.assertEqual(words[:3], ["queue", "topic", "subscription"])
        for group in words[:3]:
            inner = re.findall(r"^  (\w+) ", run(group, "--help").stdout, re.MULTILINE)
            self.assertEqual(inner, ["create", "list", "get", "set", "delete"])
            words += [f"{group} {word}" for word in inner]
        for word in words[3:]:
            done = run(*word.split(), "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith(f"Usage: sluice mns {word} [options]"), done.stdout[:80])
            self.assertIn("SLUICE_MNS_ENDPOINT", done.stdout)
            self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)

    def test_where_mns_is_must_be_said(self):
        done = run("queue", "list")
        self.assertEqual(done.returncode, 2)
        self.assertIn("SLUICE_MNS_ENDPOINT", done.stderr)
        done = run("queue", "list", "--endpoint", "http://1.mns.cn-hangzhou.aliyuncs.com", "--account", "2")
        self.assertEqual(done.returncode, 2)
        self.assertIn("says account 1, not 2", done.stderr)

    def test_options_may_stand_in_a_file(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(f'{{"endpoint": "{self.endpoint}"}} // ours')
            file.flush()
            self.assertEqual(run("queue", "list", "--prefix", "none", "--config", file.name).returncode, 0)

    def test_the_trace_shows_what_was_signed_and_no_secret(self):
        self.mns("queue", "list", "--trace")
        self.assertRegex(self.told, r"(?m)^trace: .*GET\|\|\|")
        self.assertNotIn(KEYS["ALIBABA_CLOUD_ACCESS_KEY_SECRET"], self.told)

    def test_no_keys_and_wrong_keys_are_told_with_a_hint(self):
        no_home = {"HOME": "/nonexistent"}
        done = run("queue", "list", "--endpoint", self.endpoint, env=clean_env(**no_home))
        self.assertEqual(done.returncode, 2)
        self.assertIn("ALIBABA_CLOUD_ACCESS_KEY_ID", done.stderr)
        self.mns("queue", "list", code=1, env={"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong"})
        self.assert_error("SignatureDoesNotMatch")
        self.mns("queue", "list", code=1, env={"ALIBABA_CLOUD_ACCESS_KEY_ID": "wrong"})
        self.assert_error("InvalidAccessKeyId")

    def test_a_credentials_file_that_is_named_counts_before_the_environment(self):
        wrong = clean_env(ALIBABA_CLOUD_ACCESS_KEY_ID="other", ALIBABA_CLOUD_ACCESS_KEY_SECRET="other")
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("[work]\ntype = access_key\n" + "".join(f"{name} = {value}\n" for name, value in
                                            zip(("access_key_id", "access_key_secret"), KEYS.values())))
            file.flush()
            os.chmod(file.name, 0o600)
            named = ("queue", "list", "--endpoint", self.endpoint, "--credentials-file", file.name)
            self.assertEqual(run(*named, "--profile", "work", env=wrong).returncode, 0)
            done = run(*named, "--profile", "play", env=wrong)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1))
            self.assertIn("play", done.stderr)
        self.assertEqual(run("queue", "list", "--endpoint", self.endpoint, env=wrong).returncode, 1)

    def test_a_role_that_is_named_counts_before_the_environment(self):
        with Scripted(lambda call: answer(404, "no such role", "text/plain")) as metadata:
            done = run("queue", "list", "--endpoint", self.endpoint, "--ecs-role", "nobody", "--ecs-metadata",
                       metadata.endpoint)
            self.assertTrue(metadata.calls)
        self.assertEqual(done.returncode, 1)
        self.assertIn("instance role", done.stderr)

    def test_a_server_that_is_not_there_is_told(self):
        with Scripted(lambda call: None) as server:
            endpoint = server.endpoint
        done = run("queue", "list", "--endpoint", endpoint, "--timeout", "2s")
        self.assertEqual(done.returncode, 1)
        self.assertIn("hint: `sluice mns doctor`", done.stderr)

    def test_what_a_server_says_is_shown_and_not_obeyed(self):
        rude = "<Error><Code>Rude</Code><Message>a\u009b2Jb</Message><RequestId>r</RequestId><HostId>h</HostId></Error>"
        with Scripted(lambda call: answer(400, rude)) as server:
            done = run("queue", "list", "--endpoint", server.endpoint)
        self.assertIn("Rude (400): a\\x9b2Jb", done.stderr)


class Setup(unittest.TestCase):
    """`sluice mns setup`, each test with an mns-local of its own."""

    BLOCK = {"Notification": {"Topic": {"Name": "batch", "Events": ["OnJobFailed", "OnTaskFailed"],
                                        "Endpoint": f"http://{ACCOUNT}.mns.{REGION}-internal.aliyuncs.com/"}}}

    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.stack.start_mns_local()
        self.endpoint = self.stack.mns_local.endpoints["endpoint"]

    def setup(self, *args, block=None, code=0, endpoint=True):
        args = [*args, "--endpoint", self.endpoint] if endpoint else args
        done = run("setup", "-", *args, text=json.dumps(block or self.BLOCK))
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def mns(self, *args):
        done = run(*args, "--endpoint", self.endpoint)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_bridge_takes(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(text)
            file.flush()
            done = subprocess.run([str(BRIDGE), "--check", "--config", file.name], text=True, capture_output=True,
                                  env=clean_env(**KEYS), check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "ok\n"), done.stderr)

    def everything(self):
        return [self.mns(*words) for words in (("queue", "list", "--long"), ("topic", "list", "--long"),
                                               ("subscription", "list", "batch", "--long"))]

    def test_a_notification_becomes_topic_queue_subscription_and_the_bridge_s_file(self):
        first = self.setup("--queue", "events")
        self.assertEqual(first.stderr.replace("sluice mns setup: ", "").splitlines(),
                         ["created topic batch", "created queue events",
                          f"created subscription batch/batch-to-events to acs:mns:{REGION}:{ACCOUNT}:queues/events, "
                          "format JSON"])
        source, = json.loads(first.stdout)["sources"]
        self.assertEqual(source, {"type": "queue", "queue": "events", "endpoint": self.endpoint, "account": ACCOUNT,
                                  "region": REGION, **self.BLOCK})
        self.assert_bridge_takes(first.stdout)
        self.mns("publish", "batch", "hello")
        envelope = json.loads(json.loads(self.mns("receive", "events", "--json"))["MessageBody"])
        self.assertEqual((envelope["Message"], envelope["TopicName"]), ("hello", "batch"))

    def test_a_push_gets_a_subscription_and_a_source_of_its_own(self):
        url = "http://127.0.0.1:9999/in?key=secret"
        first = self.setup("--push", url)
        self.assert_bridge_takes(first.stdout)
        queue, push = json.loads(first.stdout)["sources"]
        self.assertEqual((queue["queue"], push["type"], push["listen"], push["path"]),
                         ("batch", "push", "0.0.0.0:9999", "/in?key=secret"))
        rows = [row.split("\t") for row in self.mns("subscription", "list", "batch", "--long").splitlines()]
        self.assertEqual({(row[0], row[2], row[3]) for row in rows},
                         {("batch-to-batch", f"acs:mns:{REGION}:{ACCOUNT}:queues/batch", "JSON"),
                          ("batch-push", url, "JSON")})
        self.assertEqual(self.setup("--push", url).stdout, first.stdout)
        alone = self.setup("--push", url, "--no-queue", "--listen", "127.0.0.1:9998")
        self.assert_bridge_takes(alone.stdout)
        source, = json.loads(alone.stdout)["sources"]
        self.assertEqual((source["type"], source["listen"]), ("push", "127.0.0.1:9998"))
        over_tls = self.setup("--push", "https://127.0.0.1/in", "--push-subscription", "s")
        self.assertIn("tls-certificate", over_tls.stderr)
        self.assertIn("# in its path", self.setup("--push", "http://127.0.0.1/a#b", code=2).stderr)

    def test_a_second_run_changes_nothing_and_prints_the_same(self):
        first = self.setup()
        before = self.everything()
        again = self.setup()
        self.assertEqual(again.stdout, first.stdout)
        self.assertEqual(self.everything(), before)
        self.assertNotIn("created", again.stderr)
        self.assertEqual(again.stderr.count("kept"), 3)

    def test_the_bridge_s_file_is_input_too(self):
        first = self.setup("--queue", "events")
        self.assertEqual(self.setup(block=json.loads(first.stdout)).stdout, first.stdout)

    def test_a_block_is_found_in_a_whole_job(self):
        job = {"Name": "j", "Type": "DAG", "DAG": {"Tasks": {"a": {}}}, **self.BLOCK, "Priority": 1}
        self.assertIn('"queue": "batch"', self.setup(block=job).stdout)

    def test_a_queue_and_a_topic_that_are_there_are_kept_as_they_are(self):
        self.mns("queue", "create", "events", "--visibility-timeout", 45)
        self.mns("topic", "create", "batch", "--maximum-message-size", 2048)
        done = self.setup("--queue", "events")
        self.assertIn("kept topic batch", done.stderr)
        self.assertIn("kept queue events", done.stderr)
        noted = self.setup("--queue", "events", "--visibility-timeout", 90)
        self.assertIn("has VisibilityTimeout 45 and keeps it", noted.stderr)
        self.assertIn("VisibilityTimeout\t45\n", self.mns("queue", "get", "events"))

    def test_a_subscription_of_another_name_that_delivers_so_is_kept(self):
        self.setup("--queue", "events", "--subscription", "mine")
        self.assertIn("kept the subscription", self.setup("--queue", "events").stderr)
        self.assertEqual(self.mns("subscription", "list", "batch"), "mine\n")

    def clash(self, *args, says):
        before = self.everything()
        done = self.setup("--queue", "events", *args, code=1)
        self.assertIn(says, done.stderr)
        self.assertIn("nothing was changed", done.stderr)
        self.assertEqual((done.stdout, self.everything()), ("", before))

    def test_what_stands_in_the_way_is_told_and_nothing_is_changed(self):
        queue = f"acs:mns:{REGION}:{ACCOUNT}:queues/"
        self.mns("topic", "create", "batch")
        self.mns("subscription", "create", "batch", "batch-to-events", queue + "elsewhere", "--format", "JSON")
        self.clash(says=f"delivers to {queue}elsewhere, not to {queue}events")
        self.mns("subscription", "delete", "batch", "batch-to-events")
        self.mns("subscription", "create", "batch", "old", queue + "events", "--format", "SIMPLIFIED")
        self.clash(says="in format SIMPLIFIED, not JSON")
        self.mns("subscription", "delete", "batch", "old")
        self.mns("subscription", "create", "batch", "old", queue + "events", "--format", "JSON", "--filter-tag", "x")
        self.clash(says='only messages with the tag "x"')

    def test_another_format_can_be_asked_for(self):
        self.setup("--format", "XML")
        self.assertIn("XML", self.mns("subscription", "list", "batch", "--long"))
        self.assertEqual(self.setup(code=1).stdout, "")
        self.setup("--format", "XML")

    def test_a_failure_half_way_says_what_was_made(self):
        fault = {"seed": 1, "faults": [{"op": "Subscribe", "next": 9, "action": "error", "code": "AccessDenied",
                                        "status": 403}]}
        post = urllib.request.Request(f"{self.endpoint}/local/faults", json.dumps(fault).encode(), method="POST")
        urllib.request.urlopen(post, timeout=10).close()
        done = self.setup("--queue", "events", code=1)
        for text in ("created topic batch", "created queue events", "AccessDenied (403)", "run this again"):
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")
        gone = urllib.request.Request(f"{self.endpoint}/local/faults", method="DELETE")
        urllib.request.urlopen(gone, timeout=10).close()
        self.assertIn("kept queue events", self.setup("--queue", "events").stderr)

    def test_a_mistake_in_the_input_is_one_sentence_and_code_2(self):
        for text, says in (("", "is no JSON"), ('{"a": 1}', "holds no Notification"),
                           ('{"Notification": {"Topic": {"Name": "a b"}}}', "no topic name"),
                           (json.dumps({"sources": [{"queue": "q"}]}), "names no topic")):
            done = run("setup", "-", "--endpoint", self.endpoint, "--account", ACCOUNT, "--region", REGION, text=text)
            self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1), done.stderr)
            self.assertIn(says, done.stderr)
        done = run("setup", "/nowhere.json", "--endpoint", self.endpoint)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere.json: cannot be opened", done.stderr)


if __name__ == "__main__":
    unittest.main()
