"""A subscriber that stops reading costs the others nothing, and sees afterwards exactly what it missed."""

import unittest

from foreign_feed import Publisher, Subscriber
from stack import Stack, metrics

TOPIC = "Job.OnJobRunning"
BATCH = 200
BATCHES = 600
FILL = "x" * 600


class Slow(unittest.TestCase):
    def test_a_stopped_subscriber_hurts_nobody_and_finds_its_gap(self):
        with Stack() as stack:
            stack.start_broker()
            feed = stack.broker.endpoints["feed"]
            healthy = [Subscriber(feed, [TOPIC]) for _ in range(3)]
            stopped = Subscriber(feed, [TOPIC], receive_hwm=2)
            for subscriber in (*healthy, stopped):
                subscriber.join()
            publisher = Publisher(stack.broker.endpoints["intake"])
            publisher.hello()
            self.publish_and_read(publisher, healthy)
            counted = metrics(stack.broker.endpoints["http"])
            self.assertGreater(counted["sluice_broker_feed_lossy_sends_total"], 0, "the stopped one was full")
            missed = self.wake(stopped)
            self.assertGreater(missed, 0)
            for subscriber in (*healthy, stopped):
                subscriber.close()
            publisher.close()

    def publish_and_read(self, publisher, healthy):
        """Each batch is read by every healthy subscriber before the next one goes out: none is ever behind."""
        number = 0
        for _ in range(BATCHES):
            events = [{"Category": "Job", "Event": "OnJobRunning", "n": number + i, "fill": FILL}
                      for i in range(BATCH)]
            answer = publisher.publish(TOPIC, events)
            self.assertEqual(answer[1], "ACK")
            for subscriber in healthy:
                self.read(subscriber, number)
            number += BATCH

    def read(self, subscriber, number):
        got = 0
        while got < BATCH:
            _, header, events = subscriber.batch()
            self.assertEqual(header["first"], number + got + 1)
            self.assertEqual(header["prev"], number + got)
            self.assertEqual(events[0]["n"], number + got)
            got += len(events)

    def wake(self, subscriber):
        """Reads on until a tick shows the stream's end; returns how many events the numbers say are missing."""
        last = missed = 0
        while True:
            topic, header, content = subscriber.receive()
            if header["count"]:
                missed += header["prev"] - last
                last = header["first"] + header["count"] - 1
            elif content.get(TOPIC) == BATCHES * BATCH:
                return missed + content[TOPIC] - last


if __name__ == "__main__":
    unittest.main()
