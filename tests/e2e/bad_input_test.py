"""Irregular notifications, one by one: what passes, what is changed, what becomes which dead letter.

The same tables, for people, are in docs/events.md.  Bodies are sent straight into a queue, so that the bytes in
the dead letter are the bytes that were sent."""

import base64
import hashlib
import json
import socket
import unittest
import urllib.parse
from xml.sax.saxutils import escape

from mns_http import MnsError
from stack import LineReader, Stack, metrics, wait_for

HEAD = '{"Category":"Job","Event":"OnJobFailed"'


def with_member(text):
    return f"{HEAD},{text}}}"


def b64(body):
    return base64.b64encode(body if isinstance(body, bytes) else body.encode()).decode()


def md5(text):
    return hashlib.md5(text.encode()).hexdigest().upper()


def members(message, **more):
    """What a topic wraps round a message; None leaves a member out."""
    all_of_them = {"TopicName": "t", "SubscriptionName": "s", "Message": message, **more}
    return {name: text for name, text in all_of_them.items() if text is not None}


def json_envelope(message, **more):
    return json.dumps(members(message, **more))


def xml_envelope(message, **more):
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in members(message, **more).items())
    return f'<?xml version="1.0"?><Notification xmlns="http://mns.aliyuncs.com/doc/v1/">{inner}</Notification>'


def filled(size):
    """A notification of exactly so many bytes."""
    return with_member('"fill":"' + "x" * (size - len(with_member('"fill":""'))) + '"')


BARE = HEAD + "}"

# What passes: body -> the fields behind the context, as JSON reads them.
PASSES = [
    (HEAD + "}", {}),
    ("\ufeff \r\n\t" + HEAD + "}\n", {}),
    (with_member('"n":"a\\u0000b"'), {"n": "a\0b"}),
    (with_member('"a\\u0000b":1'), {"a\0b": 1}),
    (with_member('"n":9007199254740993'), {"n": 2**53 + 1}),
    (with_member('"n":9223372036854775808'), {"n": 2**63}),
    (with_member('"n":-9223372036854775808'), {"n": -2**63}),
    (with_member('"n":18446744073709551615'), {"n": 2**64 - 1}),
    (with_member('"n":18446744073709551616'), {"n": "18446744073709551616"}),
    (with_member('"n":-9223372036854775809'), {"n": "-9223372036854775809"}),
    (with_member('"n":1e400'), {"n": "1e400"}),
    (with_member('"n":-1.5e3'), {"n": -1500.0}),
    (with_member('"id":"mine","source":1,"time":null'), {"body:id": "mine", "body:source": 1, "body:time": None}),
    (with_member('"$tag":"t"'), {"body:$tag": "t"}),
    (with_member('"n":1,"n":2'), {"n": 2}),
    (with_member('"o":{"k":1,"k":[2]}'), {"o": {"k": [2]}}),
    (with_member('"StartTime":"yesterday","ExitCode":"many"'), {"StartTime": "yesterday", "ExitCode": "many"}),
    (with_member('"EndTime":"","RetryCount":"","Message":""'), {"EndTime": None, "RetryCount": None, "Message": ""}),
    (with_member('"RetryCount":7,"Progress":"100"'), {"RetryCount": 7, "Progress": 100}),
    (with_member('"n":"\\ud83d\\ude00"'), {"n": "\U0001f600"}),
    (with_member('"a":' + "[" * 31 + "]" * 31), {"a": eval("[" * 31 + "]" * 31)}),
    (filled(65536), {"fill": "x" * (65536 - len(with_member('"fill":""')))}),
    (with_member('"n":0.1,"m":100000000000000000000000.5'), {"n": 0.1, "m": 1.0000000000000001e23}),
    (with_member('"v":[true,false,null,-7,1.5,"",{}]'), {"v": [True, False, None, -7, 1.5, "", {}]}),
    (with_member('"o":{"StartTime":"2015-06-03T11:06:51Z","ExitCode":"1","EndTime":"","id":2}'),
     {"o": {"StartTime": "2015-06-03T11:06:51Z", "ExitCode": "1", "EndTime": "", "id": 2}}),
    (with_member('"StartTime":"2015-06-03T11:06:51+08:00"'), {"StartTime": "2015-06-03T03:06:51Z"}),
    (with_member('"StartTime":"2015-06-03T11:06:51.123456789-00:30"'), {"StartTime": "2015-06-03T11:36:51.123456789Z"}),
    (with_member('"StartTime":"2015-06-03T11:06:51.5Z"'), {"StartTime": "2015-06-03T11:06:51.500Z"}),
    ('{"Category":"New","Event":"OnSomething","x":1}', {"x": 1}),
    (b64(BARE), {}),
    (json_envelope(BARE), {}),
    (json_envelope(BARE, MessageMD5=md5(BARE)), {}),
    (xml_envelope(BARE, MessageMD5=md5(BARE)), {}),
    (json_envelope(b64(BARE), MessageMD5=md5(b64(BARE))), {}),
    (b64(xml_envelope(json_envelope(BARE))), {}),
    (b64(json_envelope(b64(BARE))), {}),
]

# What becomes a dead letter: body -> reason.
DEAD = [
    ('{"Category":"Job"', "BrokenJson"),
    (HEAD + ",}", "BrokenJson"),
    (with_member('"n":01'), "BrokenJson"),
    (with_member('"n":NaN'), "BrokenJson"),
    (with_member('"n":-Infinity'), "BrokenJson"),
    (with_member('"n":+1'), "BrokenJson"),
    (with_member('"n":.5'), "BrokenJson"),
    (with_member('"n":0x10'), "BrokenJson"),
    (with_member("'n':1"), "BrokenJson"),
    (with_member('"n":"\\x"'), "BrokenJson"),
    (with_member('"n":"a\tb"'), "BrokenJson"),
    (HEAD + "} x", "TrailingBytes"),
    (HEAD + "}{}", "TrailingBytes"),
    (with_member('"n":"\\ud800"'), "BadUtf8"),
    (with_member('"n":"\\udc00\\ud800"'), "BadUtf8"),
    (with_member('"a":' + "[" * 32 + "]" * 32), "TooDeep"),
    (with_member('"a":' + "[" * 20000 + "]" * 20000), "TooDeep"),
    ('{"Event":"OnJobFailed"}', "NoCategory"),
    ('{"Category":1,"Event":"OnJobFailed"}', "NoCategory"),
    ('{"Category":"a.b","Event":"OnJobFailed"}', "NoCategory"),
    ('{"Category":"' + "x" * 65 + '","Event":"E"}', "NoCategory"),
    ('{"Category":"Job"}', "NoEvent"),
    ('{"Category":"Job","Event":null}', "NoEvent"),
    ('{"Category":"Job","Event":""}', "NoEvent"),
    ("not a notification", "NotANotification"),
    (base64.b64encode(b"\xff\xfe\x00").decode(), "NotANotification"),
    ("<Notification><Message>cut", "BrokenXml"),
    ("<Notification><Message>a</Wrong></Notification>", "BrokenXml"),
    ('<!DOCTYPE x [<!ENTITY e "e">]><Notification/>', "BrokenXml"),
    ("<Other/>", "NotANotification"),
    (" \t\n", "NotANotification"),
    ("[1,2", "NotANotification"),
    ("[1,2]", "NotAnObject"),
    ("17", "NotAnObject"),
    ("null", "NotAnObject"),
    ("true", "NotAnObject"),
    ('"a string"', "NotAnObject"),
    (json_envelope("[1,2]"), "NotAnObject"),
    (xml_envelope("17"), "NotAnObject"),
    (b64(b'{"Category":"Job","Event":"E","x":"\xff"}'), "BadUtf8"),
    (b64(b'{"Category":"Job","Event":"E","\xc3":1}'), "BadUtf8"),
    (with_member('"n":Infinity'), "BrokenJson"),
    (json_envelope(None, MessageId="m"), "BadEnvelope"),
    (json_envelope(None, MessageId="m", Message="").replace('"Message": ""', '"Message": 7'), "BadEnvelope"),
    (xml_envelope(None), "BadEnvelope"),
    (xml_envelope(BARE, TopicName=None), "BadEnvelope"),
    (json_envelope(BARE, MessageMD5=md5("another")), "BadDigest"),
    (xml_envelope(BARE, MessageMD5=md5("another")), "BadDigest"),
    (json_envelope(b64(BARE), MessageMD5=md5(BARE)), "BadDigest"),  # of the Message as it stands there
    (json_envelope(xml_envelope(json_envelope(json_envelope(BARE)))), "TooNested"),
    (json_envelope(xml_envelope(json_envelope(b64(BARE)))), "TooNested"),
    (with_member('"v":[' + ",".join(["1.5"] * 15500) + "]"), "TooLarge"),  # 4 bytes of JSON, 9 of msgpack
]


class BadInput(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.stack.start_mns_local()
        self.stack.start_broker("--max-bytes", "128k")
        self.stack.mns.create_queue("q")
        self.stack.start_bridge([self.stack.queue_source("q")])

    def read(self, pattern, count):
        reader = self.readers[pattern]
        wait_for(lambda: len(reader.lines) >= count, f"{count} events on {pattern!r}, saw {len(reader.lines)}")
        return {event["id"]: event for event in map(json.loads, reader.lines)}

    def test_every_irregular_body_has_its_fate(self):
        self.readers = {p: LineReader(self.stack.subscribe(p, args=["--numbers"])) for p in ("", "$dead.")}
        passes = {self.stack.mns.send("q", body): fields for body, fields in PASSES}
        dead = {self.stack.mns.send("q", body): (body, reason) for body, reason in DEAD}
        events, letters = self.read("", len(passes)), self.read("$dead.", len(dead))
        self.assertEqual(set(events), set(passes))
        self.assertEqual(set(letters), set(dead))
        for message_id, fields in passes.items():
            event = {k: v for k, v in events[message_id].items() if k[0] != "$"}
            with self.subTest(fields=str(fields)[:80]):
                self.assertEqual(dict(list(event.items())[5:]), fields)
        for message_id, (body, reason) in dead.items():
            letter = letters[message_id]
            with self.subTest(body=body[:60]):
                self.assertEqual((letter["Event"], letter["$topic"]), (reason, f"$dead.{reason}"))
                self.assertEqual(base64.b64decode(letter["Body"]), body.encode())
                self.assertTrue(letter["Detail"])
        self.check_counters(len(passes), len(dead))

    def check_counters(self, passed, dead):
        counted = metrics(self.stack.bridge.endpoints["http"])
        total = {name: sum(v for k, v in counted.items() if k.startswith(f"sluice_bridge_{name}_total"))
                 for name in ("received", "normalised", "dead_letters", "repeated_members", "renamed_members",
                              "untyped_fields", "inexact_integers", "unknown_events")}
        self.assertEqual((total["received"], total["normalised"], total["dead_letters"]),
                         (passed + dead, passed, dead))
        self.assertEqual([total[name] for name in ("repeated_members", "renamed_members", "untyped_fields",
                                                   "inexact_integers", "unknown_events")], [2, 4, 2, 3, 1])
        for reason in {reason for _, reason in DEAD}:
            label = f'reason="{reason}"'
            self.assertEqual(sum(v for k, v in counted.items() if "dead_letters_total{" in k and label in k),
                             sum(reason == expected for _, expected in DEAD), reason)
        wait_for(lambda: self.stack.mns.queue_counts("q") == (0, 0), "every message to be deleted")

    def test_a_body_that_is_no_utf8_is_refused_at_the_door(self):
        """XML cannot carry it, so such bytes reach the bridge inside Base64 only."""
        with self.assertRaises(MnsError) as refused:
            self.stack.mns.call("POST", "/queues/q/messages", b"<Message><MessageBody>\xff</MessageBody></Message>")
        self.assertEqual((refused.exception.status, refused.exception.code), (400, "MalformedXML"))
        self.assertEqual(self.stack.mns.queue_counts("q"), (0, 0))

    def test_http_cut_short_does_not_hurt_mns_local(self):
        url = urllib.parse.urlsplit(self.stack.mns_local.endpoints["endpoint"])
        head = b"POST /queues/q/messages HTTP/1.1\r\nHost: x\r\n"
        for junk in (head, head + b"Content-Length: 100\r\n\r\nabc", head + b"Content-Length: -1\r\n\r\n", b"\0" * 100,
                     head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET " + b"a" * 100000):
            with socket.create_connection((url.hostname, url.port), timeout=10) as raw:
                raw.sendall(junk)
            self.assertEqual(len(self.stack.mns.send("q", HEAD + "}")), 32)


if __name__ == "__main__":
    unittest.main()
