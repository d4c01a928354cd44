"""The short form of the power cuts: of the broker, some of them with MNS and the bridge, and of its journal alone."""

import unittest

import bridge_cuts
import broker_cuts
import store_cuts


class PowerCuts(unittest.TestCase):
    def test_the_broker_keeps_what_it_acknowledged_and_what_it_showed(self):
        violations, figures = broker_cuts.run("disk", 20, seed=11, say=print)
        self.assertEqual(violations, 0)
        self.assertGreater(figures["acknowledged"], 1000)

    def test_mns_gives_up_only_what_the_disk_has(self):
        violations, messages = bridge_cuts.run(6, seed=11, say=print)
        self.assertEqual(violations, 0)
        self.assertGreater(messages, 50)

    def test_what_the_os_had_not_written_is_under_a_new_stream(self):
        violations, figures = broker_cuts.run("os", 6, seed=11, say=print)
        self.assertEqual(violations, 0)
        self.assertGreater(figures["streams"], 2)

    def test_the_journal_alone_keeps_what_it_committed(self):
        for durability in ("disk", "os"):
            with self.subTest(durability=durability):
                violations, numbers = store_cuts.run(durability, 40, seed=11, say=print)
                self.assertEqual(violations, 0)
                self.assertGreater(numbers, 1000)


if __name__ == "__main__":
    unittest.main()
