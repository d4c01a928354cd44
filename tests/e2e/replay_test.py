"""Whoever keeps the rules of docs/protocol.md has every event once and in order: across losses of a slow subscriber, across
the broker's death, and, where retention was quicker, with the exact range that is gone."""

import time
import unittest

from foreign_feed import Publisher
from foreign_query import CompleteSubscriber, Query
from stack import Stack, wait_for

TOPICS = ["Job.OnJobFailed", "Job.OnJobFinished", "Cluster.OnClusterDeleted"]


class Replay(unittest.TestCase):
    def setUp(self):
        self.stack = Stack().__enter__()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.taken = []

    def start(self, *args):
        self.stack.start_broker("--data", self.stack.folder / "data", *args)
        self.publisher = Publisher(self.stack.broker.endpoints["intake"])
        self.addCleanup(self.publisher.close)
        self.stream = self.publisher.hello()[3]

    def publish(self, first, last, per_request=10, padding=0):
        """Events whose `n` is the number that they will get."""
        while first <= last:
            upto = min(first + per_request - 1, last)
            events = [{"n": n, "pad": bytes(padding)} for n in range(first, upto + 1)]
            topic = TOPICS[first // per_request % 3]
            answer = self.publisher.publish(topic, events)
            self.assertEqual(answer[:2] + answer[3:5], [1, "ACK", first, upto])
            first = upto + 1

    def subscriber(self, prefixes=("Job.", "Cluster."), **more):
        endpoints = self.stack.broker.endpoints
        subscriber = CompleteSubscriber(endpoints["feed"], endpoints["query"], prefixes, self.take, **more)
        self.addCleanup(subscriber.close)
        return subscriber

    def take(self, number, topic, event):
        self.assertEqual(event["n"], number)
        self.taken.append((topic, number))

    def check_complete(self, last):
        """Each number once, and in order per topic."""
        self.assertEqual(sorted(number for _, number in self.taken), list(range(1, last + 1)))
        for topic in TOPICS:
            numbers = [number for of, number in self.taken if of == topic]
            self.assertEqual(numbers, sorted(numbers))

    def test_a_subscriber_that_comes_late_and_reads_slowly_has_everything(self):
        self.start("--durability", "os", "--hwm", "4", "--sndbuf", "4096", "--patience", "1ms")
        self.publish(1, 500)
        subscriber = self.subscriber(receive_hwm=4)
        subscriber.begin(self.stream, 0)
        self.publish(501, 9000, padding=500)  # nobody reads meanwhile: most of it is lost on the feed
        subscriber.run(lambda: subscriber.f >= 9000)
        self.check_complete(9000)
        self.assertEqual(subscriber.lost, [])
        self.assertGreater(subscriber.repairs, 1)

    def same_places(self):
        """Arguments for a broker that the next one takes the place of, so that sockets find it by themselves."""
        return [arg for name in ("feed", "query") for arg in (f"--{name}", f"ipc://{self.stack.folder}/{name}")]

    def test_a_subscriber_outlives_the_broker(self):
        args = ("--durability", "disk", *self.same_places())
        self.start(*args)
        subscriber = self.subscriber()
        subscriber.begin_at_time(None)
        for life in range(3):
            self.publish(1000 * life + 1, 1000 * life + 1000)
            if life < 2:
                subscriber.run(lambda: len(self.taken) >= 1000 * life + 100)
                self.stack.broker.kill()
                self.start(*args)
        subscriber.run(lambda: subscriber.f >= 3000)
        self.check_complete(3000)
        self.assertEqual((subscriber.lost, subscriber.streams), ([], []))

    def kill_within_a_replay(self, *args):
        """Returns a subscriber that had two batches of a replay, of which there were more than it gave credit for."""
        self.start(*args)
        self.publish(1, 3000, padding=500)
        subscriber = self.subscriber(watchdog_s=1)
        subscriber.begin_at_time(None)
        subscriber.run(lambda: subscriber.replayed >= 2)
        self.stack.broker.kill()
        self.assertLess(subscriber.f, 3000)
        return subscriber

    def test_a_broker_that_dies_within_a_replay_is_asked_again_and_what_is_live_waits(self):
        args = ("--durability", "disk", *self.same_places())
        subscriber = self.kill_within_a_replay(*args)
        self.start(*args)
        wait_for(lambda: subscriber.listen() or subscriber.rejoins, "the feed; the replay stands still")
        self.publish(3001, 4000)
        subscriber.run(lambda: subscriber.f >= 4000)
        self.check_complete(4000)
        self.assertEqual((subscriber.lost, subscriber.streams), ([], []))
        self.assertGreater(subscriber.asked_again, 0)
        self.assertGreater(subscriber.most_held, 0)

    def test_a_stream_that_changes_within_a_replay_ends_it(self):
        args = ("--durability", "memory", *self.same_places())
        subscriber = self.kill_within_a_replay(*args)
        self.start(*args)
        self.publish(1, 500)
        subscriber.run(lambda: subscriber.streams and subscriber.f >= 500)
        self.assertEqual((subscriber.lost, subscriber.streams), ([], [self.stream]))
        self.taken = self.taken[-500:]
        self.check_complete(500)

    def test_what_retention_took_is_told_to_the_number(self):
        self.start("--durability", "os", "--retain-bytes", "1M")
        self.publish(1, 4000, per_request=40, padding=1000)
        query = Query(self.stack.broker.endpoints["query"])
        self.addCleanup(query.close)
        lost, expected = [], 1
        for kind, *rest in query.replay(self.stream, 0, None, [""], credit=1):
            if kind == "DONE":
                break
            if kind == "LOST":
                lost.append(tuple(rest))
                self.assertEqual((rest[0], rest[2]), (expected, "RETENTION"))
                expected = rest[1] + 1
            else:
                self.assertEqual(rest[1]["first"], expected)
                expected += rest[1]["count"]
                if len(lost) == 1:
                    self.publish(4001, 8000, per_request=40, padding=1000)  # retention overtakes the replay
                    lost.append("overtaken")
        self.assertEqual((rest, expected), ([4000], 4001))
        self.assertEqual([lost[0][0], lost[1], lost[2][1]], [1, "overtaken", 4000])
        stream, after, upto, taken = query.ask("FIND", None)[3:7]
        self.assertEqual((stream, upto), (self.stream, 8001))
        self.assertEqual(taken, after)
        self.assertEqual(query.ask("FIND", time.time_ns())[6], 0)
        self.assertGreater(after, 4000)
        self.assertEqual(next(query.replay(stream, 4000, None, [""], credit=1)), ("LOST", 4001, after, "RETENTION"))


if __name__ == "__main__":
    unittest.main()
