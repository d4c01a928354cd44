"""The short form of broker_faults.py."""

import unittest

import broker_faults


class BrokerFaults(unittest.TestCase):
    def check(self, scenario, rounds):
        self.assertEqual(broker_faults.run(scenario, rounds, seed=5), [])

    def test_a_full_disk_pauses_intake_and_loses_nothing(self):
        self.check("disk_full", 1)

    def test_failed_writes_and_syncs_lose_nothing(self):
        self.check("disk_errors", 4)

    def test_failed_allocations_end_nothing_and_lose_nothing(self):
        self.check("memory", 3)

    def test_a_start_without_memory_says_so_or_does_without(self):
        self.check("starting", 40)

    def test_more_peers_than_descriptors_harm_nobody_who_is_in(self):
        self.check("descriptors", 1)

    def test_failed_allocations_of_the_bridge_lose_nothing(self):
        self.check("bridge", 2)

    def test_failed_allocations_of_subscribers_lose_nothing(self):
        self.check("subscriber", 2)

    def test_what_ends_libzmq_loses_nothing(self):
        self.check("libzmq", 2)


if __name__ == "__main__":
    unittest.main()
