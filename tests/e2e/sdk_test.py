"""Clients of several makers against one mns-local: the official SDK for Node, the community's ali-mns, libmns.

Each runs all it offers; then each reads what the others wrote."""

import itertools
import json
import os
import pathlib
import subprocess
import unittest
import xml.etree.ElementTree as ET

from mns_http import find
from stack import ACCOUNT, KEYS, REGION, ROOT, Stack, metrics

NODE = ROOT / "tests" / "node"
PROGRAMS = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build" / "release")) / "tests"

BODIES = ["hello", "na\u00efve caf\u00e9", "\u4e2d\u6587 \u0416 \U0001f600", "a & b < c > d \"'",
          " blanks \n\tround it ",
          '{"Category":"Job","Event":"OnJobFailed","Message":"\\"x\\""}', '<?xml version="1.0"?><a>b</a>', "aGVsbG8=",
          "two\r\nlines", "x" * 12000, "\u4e2d" * 4000, "last"]


class Sdk(unittest.TestCase):
    def setUp(self):
        stack = self.enterContext(Stack())
        self.endpoint = stack.start_mns_local().endpoints["endpoint"]
        self.mns = stack.mns
        # ali-mns knows no other way to a host of one's own; nothing may bypass it
        self.env = {**{k: v for k, v in os.environ.items() if k.lower() != "no_proxy"},
                    **{name: self.endpoint for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")}}

    def run_program(self, argv, stdin=b"", env=None):
        done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, timeout=120, env=env)
        self.assertEqual(done.returncode, 0, f"{argv[:3]}: {done.stdout.decode()}{done.stderr.decode()}")
        return done.stdout

    def node(self, script, *args, **options):
        return self.run_program(["node", "-r", NODE / "loopback.js", NODE / script, *args], **options)

    # -- each runs all it offers --

    def test_the_official_sdk_runs_its_flows(self):
        self.assertEqual(self.node("mns_sdk.js", self.endpoint, ACCOUNT, REGION, *KEYS.values()), b"sdk flows passed\n")

    def test_ali_mns_runs_its_flows(self):
        self.assertEqual(self.node("mns_ali.js", ACCOUNT, *KEYS.values(), env=self.env), b"ali-mns flows passed\n")
        # reports of usage would have come here too, unsigned; the one refusal is the wrong secret's
        self.assertEqual(metrics(self.endpoint)["sluice_mns_local_refused_total"], 1)

    def test_no_client_here_can_speak_to_another_machine(self):
        script = "require('http').get('http://192.0.2.1/')"
        self.assertEqual(subprocess.run(["node", "-r", NODE / "loopback.js", "-e", script], capture_output=True,
                                        timeout=60).returncode, 3)

    def test_libmns_runs_the_same_flows(self):
        self.assertEqual(self.run_program([PROGRAMS / "libmns_flow", self.endpoint, ACCOUNT, REGION, *KEYS.values()]),
                         b"libmns flows passed\n")

    # -- each reads what the others wrote --

    def peer(self, client, base64, *command, stdin=b""):
        """Lets a client write, publish or read."""
        if client == "libmns":
            argv = [PROGRAMS / "libmns_peer", self.endpoint, *KEYS.values(), "base64" if base64 else "plain"]
            return self.run_program([*argv, *command], stdin)
        encoding = ["--base64"] if base64 else []
        return self.node("mns_peer.js", client, self.endpoint, ACCOUNT, REGION, *KEYS.values(), *encoding, *command,
                         stdin=stdin, env=self.env if client == "ali-mns" else None)

    def put(self, client, base64, command, name, bodies):
        self.peer(client, base64, command, name, stdin=b"".join(body.encode() + b"\0" for body in bodies))

    def take(self, client, base64, queue, count):
        return self.peer(client, base64, "read", queue, str(count)).decode().split("\0")[:-1]

    def pairs(self):
        """(writer, reader, base64): ali-mns always encodes."""
        for writer, reader in itertools.product(("alicloud", "libmns", "ali-mns"), repeat=2):
            for base64 in (True,) if "ali-mns" in (writer, reader) else (False, True):
                yield writer, reader, base64

    def test_each_reads_from_a_queue_what_the_others_sent(self):
        for writer, reader, base64 in self.pairs():
            with self.subTest(writer=writer, reader=reader, base64=base64):
                queue = f"{writer}-{reader}-{base64}"
                self.mns.create_queue(queue)
                self.put(writer, base64, "write", queue, BODIES)
                self.assertEqual(self.take(reader, base64, queue, len(BODIES)), BODIES)
                self.assertEqual(self.mns.queue_counts(queue), (0, 0))

    def test_each_reads_from_a_queue_what_the_others_published_to_its_topic(self):
        for writer, reader, base64 in self.pairs():
            with self.subTest(writer=writer, reader=reader, base64=base64):
                name = f"{writer}-{reader}-{base64}"
                self.topic_with_queue(name, "SIMPLIFIED")
                self.put(writer, base64, "publish", name, BODIES)
                self.assertEqual(self.take(reader, base64, name, len(BODIES)), BODIES)

    def test_envelopes_hold_what_was_published_in_both_formats(self):
        # they are never encoded, so that a client that always decodes cannot read them
        fields = {"JSON": json.loads,
                  "XML": lambda text: {e.tag.rsplit("}", 1)[-1]: e.text for e in ET.fromstring(text)}}
        for writer, reader, form in itertools.product(("alicloud", "libmns"), ("alicloud", "libmns"), fields):
            with self.subTest(writer=writer, reader=reader, form=form):
                name = f"{writer}-{reader}-{form}"
                self.topic_with_queue(name, form)
                self.put(writer, False, "publish", name, BODIES)
                envelopes = [fields[form](text) for text in self.take(reader, False, name, len(BODIES))]
                self.assertEqual([e["Message"] for e in envelopes], BODIES)
                self.assertEqual({e["TopicName"] for e in envelopes}, {name})

    def topic_with_queue(self, name, content_format):
        self.mns.create_topic(name)
        self.mns.create_queue(name)
        self.mns.subscribe(name, "s", f"acs:mns:{REGION}:{ACCOUNT}:queues/{name}", content_format)

    # -- what none may take amiss --

    def test_messages_with_properties_are_not_taken_for_damaged(self):
        self.mns.create_queue("properties")
        properties = "<PropertyValue><Name>n</Name><Value>v</Value><Type>STRING</Type></PropertyValue>"
        message = f"<MessageBody>hello</MessageBody><UserProperties>{properties}</UserProperties>"
        for reader in ("alicloud", "libmns"):
            self.mns.call("POST", "/queues/properties/messages", f"<Message>{message}</Message>")
            _, root = self.mns.call("GET", "/queues/properties/messages?peekonly=true")
            self.assertEqual((find(root, "Name"), find(root, "Value")), ("n", "v"))
            self.assertEqual(self.take(reader, False, "properties", 1), ["hello"], reader)


if __name__ == "__main__":
    unittest.main()
