"""Bad input on the broker's ports: one clear answer, a counter, and a broker that goes on."""

import os
import random
import socket
import struct
import unittest
import urllib.parse

import msgpack
import zmq

from foreign_feed import Publisher, Subscriber, event_id
from stack import Stack, metrics, wait_for

EVENT = {"Category": "Job", "Event": "OnJobFailed", "id": "x"}
TOPIC = "Job.OnJobFailed"


class Intake(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.broker = cls.stack.start_broker()

    @classmethod
    def tearDownClass(cls):
        assert cls.broker.stop() == 0, cls.broker.log()
        cls.stack.__exit__(None, None, None)

    def setUp(self):
        self.publisher = Publisher(self.broker.endpoints["intake"])
        self.addCleanup(self.publisher.close)

    def count(self, name):
        return metrics(self.broker.endpoints["http"])[f"sluice_broker_{name}_total"]

    def assert_alive(self):
        """A fresh publisher still gets its event through to a fresh subscriber."""
        subscriber = Subscriber(self.broker.endpoints["feed"], [TOPIC])
        publisher = Publisher(self.broker.endpoints["intake"])
        subscriber.join()
        publisher.hello()
        event = {**EVENT, "id": os.urandom(8).hex()}
        self.assertEqual(publisher.publish(TOPIC, [event])[1], "ACK")
        self.assertIn(event, subscriber.batch()[2])
        publisher.close()
        subscriber.close()

    def refused(self, code, *frames, hello=True):
        """Sends frames, expects this NAK, its counter, and that the right request still goes through."""
        if hello:
            self.publisher.hello()
        before = self.count(f"nak_{code.lower()}")
        answer = self.publisher.ask(*frames)
        self.assertEqual(answer[1:4:2], ["NAK", code], answer)
        self.assertTrue(answer[4])
        self.assertEqual(self.count(f"nak_{code.lower()}"), before + 1)
        return answer

    def dropped(self, counter, *frames):
        """Sends frames that name no request, expects no answer but the next one's, and the counter."""
        before = self.count(counter)
        self.publisher.socket.send_multipart(frames)
        self.publisher.hello()
        wait_for(lambda: self.count(counter) > before, counter)

    def test_a_pub_without_hello_is_told_to_say_it(self):
        self.refused("HELLO", *self.publisher.pub_frames(TOPIC, [EVENT], request=1), hello=False)

    def test_an_unknown_version_is_refused(self):
        _, *rest = self.publisher.pub_frames(TOPIC, [EVENT], request=1)
        self.refused("VERSION", msgpack.packb([9, "PUB", 1, 1, b"\1\0\0\0", None]), *rest)

    def test_ends_that_do_not_fit_are_refused_and_nothing_is_published(self):
        size = len(msgpack.packb(EVENT))
        for ends in (b"", struct.pack("<I", size - 1), struct.pack("<I", size + 1), struct.pack("<I", 0),
                     struct.pack("<I", 0xFFFFFFFF), b"\1\2\3", struct.pack("<2I", size, size)):
            with self.subTest(ends=ends.hex()):
                self.refused("FRAME", *self.publisher.pub_frames(TOPIC, [EVENT], request=1, ends=ends))
        self.assert_alive()

    def test_a_count_that_lies_is_refused(self):
        for count in (0, 2, 4096):
            with self.subTest(count=count):
                self.refused("FRAME", *self.publisher.pub_frames(TOPIC, [EVENT], request=1, count=count))

    def test_ids_of_another_length_are_refused(self):
        self.refused("FRAME", *self.publisher.pub_frames(TOPIC, [EVENT], b"short", request=1))

    def test_missing_and_extra_frames_are_refused(self):
        head, topic, events = self.publisher.pub_frames(TOPIC, [EVENT], request=1)
        self.refused("FRAME", head)
        self.refused("FRAME", head, topic)
        self.refused("FRAME", head, topic, b"")
        self.refused("FRAME", head, topic, events, b"more")

    def test_topics_that_are_not_a_publishers_are_refused(self):
        for topic in ("", "Job", "Job.", ".OnX", "Job.On X", "$tick", "~sync.0123456789abcdef", "$other.X",
                      "a.b.c", "J" * 65 + ".X", "Job.\x00"):
            with self.subTest(topic=topic):
                self.refused("TOPIC", *self.publisher.pub_frames(topic, [EVENT], request=1))

    def test_more_events_than_the_welcome_allows_are_refused(self):
        limit = self.publisher.hello()[6]
        self.refused("SIZE", *self.publisher.pub_frames(TOPIC, [EVENT] * (limit + 1), request=1))

    def test_after_a_nak_later_requests_wait_for_the_refused_one(self):
        self.publisher.hello()
        self.publisher.socket.send_multipart(self.publisher.pub_frames("bad topic", [EVENT], request=1))
        self.publisher.socket.send_multipart(self.publisher.pub_frames(TOPIC, [EVENT], request=2))
        self.assertEqual(self.publisher.answer()[1:4:2], ["NAK", "TOPIC"])
        self.assertEqual(self.publisher.answer()[1:4], ["NAK", 2, "ORDER"])
        self.assertEqual(self.publisher.ask(*self.publisher.pub_frames(TOPIC, [EVENT], request=1))[1:3], ["ACK", 1])
        self.assertEqual(self.publisher.ask(*self.publisher.pub_frames(TOPIC, [EVENT], request=2))[1:3], ["ACK", 2])

    def test_the_same_again_after_a_hello_is_recognised(self):
        identity = event_id("test", "resent")
        for accepted, duplicates in ((1, 0), (0, 1)):
            self.publisher.hello()
            self.assertEqual(self.publisher.publish(TOPIC, [EVENT], identity)[5:], [accepted, duplicates])

    def test_junk_without_a_request_number_is_dropped_and_counted(self):
        self.dropped("intake_junk", b"")
        self.dropped("intake_junk", b"\xc1")
        self.dropped("intake_junk", msgpack.packb("a string"))
        self.dropped("intake_junk", msgpack.packb([1]))
        self.dropped("intake_junk", b"\xdd\xff\xff\xff\xff")

    def refusals(self):
        """Requests that were answered NAK or dropped as junk."""
        return sum(value for name, value in metrics(self.broker.endpoints["http"]).items()
                   if name.startswith("sluice_broker_nak_") or name == "sluice_broker_intake_junk_total")

    def test_random_bytes_do_no_harm(self):
        dice = random.Random(1)
        before = self.refusals()
        for _ in range(500):
            frames = [dice.randbytes(dice.randrange(0, 64)) for _ in range(dice.randrange(1, 5))]
            self.publisher.socket.send_multipart(frames)
        wait_for(lambda: self.refusals() >= before + 500, "all of it to be counted")
        self.assert_alive()
        self.assertEqual(self.refusals(), before + 500)

    def test_a_giant_frame_costs_its_sender_the_connection_and_nobody_else_anything(self):
        other = Publisher(self.broker.endpoints["intake"])
        other.hello()
        self.publisher.hello()
        self.publisher.socket.send_multipart([bytes(64 << 20)])
        self.assertEqual(other.publish(TOPIC, [EVENT])[1], "ACK")
        other.close()
        self.assert_alive()

    def test_bytes_that_are_no_zeromq_are_shut_out_on_every_port(self):
        dice = random.Random(2)
        for port in ("feed", "intake", "query"):
            url = urllib.parse.urlsplit(self.broker.endpoints[port])
            for junk in (b"GET / HTTP/1.1\r\n\r\n", dice.randbytes(300), b"\x01\x00" + bytes(200), b"\xff" * 64):
                with self.subTest(port=port, junk=junk[:8].hex()):
                    with socket.create_connection((url.hostname, url.port), timeout=10) as raw:
                        raw.sendall(junk)
                        try:
                            while raw.recv(4096):  # ends when the broker hangs up
                                pass
                        except ConnectionResetError:
                            pass
        self.assert_alive()

    def test_a_subscriber_that_sends_junk_upstream_is_ignored(self):
        peer = zmq.Context.instance().socket(zmq.XSUB)
        peer.setsockopt(zmq.LINGER, 0)
        peer.connect(self.broker.endpoints["feed"])
        before = self.count("feed_junk")

        def sent():
            peer.send(b"\x07 not a subscription")
            return self.count("feed_junk") > before

        wait_for(sent, "the junk to be counted")
        peer.close()
        self.assert_alive()

    def test_an_unknown_question_gets_an_error(self):
        query = zmq.Context.instance().socket(zmq.DEALER)
        query.setsockopt(zmq.LINGER, 0)
        query.connect(self.broker.endpoints["query"])
        query.send(msgpack.packb([1, "REWIND", 5]))
        self.assertTrue(query.poll(10000))
        self.assertEqual(msgpack.unpackb(query.recv())[:4], [1, "ERROR", 5, "TYPE"])
        query.send(msgpack.packb([1, "STATUS", 6]))
        self.assertTrue(query.poll(10000))
        answer = msgpack.unpackb(query.recv())
        self.assertEqual(answer[:3], [1, "STATUS", 6])
        self.assertIn("stream", answer[3])
        query.send(msgpack.packb([1, "TICK", 7]))
        self.assertTrue(query.poll(10000))
        frames = query.recv_multipart()
        self.assertEqual(msgpack.unpackb(frames[0]), [1, "TICK", 7])
        self.assertEqual(frames[1], b"$tick")
        query.close()


if __name__ == "__main__":
    unittest.main()
