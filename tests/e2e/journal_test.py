"""sluice journal stat|verify|export|backup: a broker's directory, beside the broker and after it."""

import json
import os
import pty
import struct
import subprocess
import unittest

import msgpack

from stack import BIN, Stack

SLUICE = BIN / "sluice"
EVENTS = 3000


def journal(*args):
    result = subprocess.run([str(SLUICE), "journal", *map(str, args)], capture_output=True, timeout=60, check=False)
    return result.returncode, result.stdout, result.stderr.decode()


def rows(text):
    return [json.loads(row) for row in text.splitlines()]


def flip(path, needle, offset=0):
    """One bit in the file, where this text stands for the last time (pages that were replaced may hold it, too)."""
    data = bytearray(path.read_bytes())
    found = 0
    at = data.find(needle)
    while at >= 0:
        data[at + offset] ^= 1
        found += 1
        at = data.find(needle, at + 1)
    path.write_bytes(data)
    return found


class Journal(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.__exit__, None, None, None)
        self.dir = self.stack.folder / "data"
        self.broker = self.stack.start_broker("--durability", "disk", "--data", self.dir)

    def publish(self, first=1, count=EVENTS):
        text = "".join(json.dumps({"Category": "Job", "Event": f"On{i % 3}", "JobId": f"job-{i}-"}) + "\n"
                       for i in range(first, first + count))
        done = subprocess.run([SLUICE, "pub", "--intake", self.broker.endpoints["intake"]], input=text, text=True,
                              capture_output=True, timeout=60, check=True)
        self.assertIn(f"{count} accepted", done.stdout)

    def test_stat_tells_the_same_as_the_broker_does(self):
        self.publish()
        code, told, said = journal("stat", self.dir)
        self.assertEqual((code, said), (0, ""))
        stat = json.loads(told)
        status = json.loads(subprocess.run([SLUICE, "status", "--query", self.broker.endpoints["query"]],
                                           capture_output=True, check=True, timeout=60).stdout)
        self.assertEqual((stat["events"], stat["lost_events"], stat["ended_in_order"]), (EVENTS, 0, False))
        self.assertEqual({key: stat[key] for key in ("stream", "next", "topics")},
                         {key: status[key] for key in ("stream", "next", "topics")})
        for key in ("oldest", "next", "records", "bytes", "oldest_time_ns", "newest_time_ns"):
            self.assertEqual(stat["journal"][key], status["journal"][key], key)
        self.broker.stop()
        self.assertTrue(json.loads(journal("stat", self.dir)[1])["ended_in_order"])

    def test_stat_on_a_terminal_is_arranged_for_eyes(self):
        self.publish()
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        subprocess.run([SLUICE, "journal", "stat", self.dir], stdout=theirs, check=True, timeout=60)
        os.close(theirs)
        self.assertRegex(os.read(ours, 65536).decode(), rf"(?m)^  numbers +1 to 3,000 \(3,000 events in \d+ batches\)\r?$")

    def test_export_prints_every_event_in_order(self):
        self.publish()
        code, told, said = journal("export", self.dir, "--numbers")
        self.assertEqual((code, said), (0, ""))
        events = rows(told)
        self.assertEqual([event["$number"] for event in events], list(range(1, EVENTS + 1)))
        self.assertEqual(sorted(event["JobId"] for event in events), sorted(f"job-{i}-" for i in range(1, EVENTS + 1)))
        unpacker = msgpack.Unpacker(timestamp=0)
        unpacker.feed(journal("export", self.dir, "--format", "msgpack")[1])
        self.assertEqual([event["JobId"] for event in unpacker], [event["JobId"] for event in events])
        clouds = rows(journal("export", self.dir, "--format", "cloudevents", "--to", 2)[1])
        self.assertEqual([event["data"]["JobId"] for event in clouds], [event["JobId"] for event in events[:2]])

    def test_export_of_a_part(self):
        self.publish()
        for args, numbers in ((["--from", 10, "--to", 12], range(10, 13)), (["--from", EVENTS], [EVENTS]),
                              (["--from", "-1h", "--to", 3], range(1, 4)), (["--to", "2020-01-01T00:00:00Z"], []),
                              (["--from", EVENTS + 1], [])):
            with self.subTest(args=args):
                code, told, _ = journal("export", self.dir, "--numbers", *args)
                self.assertEqual((code, [event["$number"] for event in rows(told)]), (0, list(numbers)))
        told = rows(journal("export", self.dir, "--topic", "Job.On1", "--topic", "Job.On2")[1])
        self.assertEqual((len(told), {event["Event"] for event in told}), (EVENTS * 2 // 3, {"On1", "On2"}))

    def test_what_retention_took_is_lost_to_who_asks_for_it_only(self):
        self.broker.stop()
        self.broker = self.stack.start_broker("--durability", "os", "--data", self.dir, "--retain-bytes", "1M")
        for first in range(1, 30 * 1000, 1000):
            self.publish(first, 1000)
        oldest = json.loads(journal("stat", self.dir)[1])["journal"]["oldest"]
        self.assertGreater(oldest, 1)
        lost = f"lost: numbers 1 to {oldest - 1}: RETENTION\n"
        for args, first, wanted in (([], oldest, (0, "")), (["--from", oldest], oldest, (0, "")),
                                    (["--from", 1], oldest, (1, lost)), (["--from", "-1h"], oldest, (1, lost))):
            with self.subTest(args=args):
                code, told, said = journal("export", self.dir, "--numbers", "--to", oldest, *args)
                self.assertEqual((code, said, [event["$number"] for event in rows(told)]), (*wanted, [first]))

    def test_verify_of_a_sound_journal_beside_its_broker(self):
        self.publish()
        code, told, said = journal("verify", self.dir)
        self.assertEqual((code, told), (0, b""))
        self.assertRegex(said, r"^3,000 events in \d+ batches, .*: sound\n$")

    def test_a_flipped_bit_is_found_and_nothing_wrong_is_exported(self):
        self.publish()
        self.broker.stop()
        whole = {event["JobId"]: event for event in rows(journal("export", self.dir, "--numbers")[1])}
        self.assertGreater(flip(self.dir / "journal.mdb", b"job-1500-"), 0)
        code, told, said = journal("verify", self.dir, "--json")
        self.assertEqual(code, 1)
        ranges = rows(told)
        lost = {number for gone in ranges for number in range(gone["from"], gone["to"] + 1)}
        self.assertIn(whole["job-1500-"]["$number"], lost)
        self.assertIn(f"damaged: {len(lost)} numbers in {len(ranges)} range", said.replace(",", ""))
        code, told, said = journal("export", self.dir, "--numbers")
        self.assertEqual((code, said.count("DAMAGE")), (1, len(ranges)))
        left = rows(told)
        self.assertEqual({event["$number"] for event in left}, set(range(1, EVENTS + 1)) - lost)
        self.assertTrue(all(event == whole[event["JobId"]] for event in left))

    def test_of_a_file_whose_structure_is_damaged_what_a_search_finds_is_told(self):
        self.publish()
        self.broker.stop()
        whole = {event["$number"]: event for event in rows(journal("export", self.dir, "--numbers")[1])}
        path = self.dir / "journal.mdb"
        data = bytearray(path.read_bytes())
        pages = range(2, len(data) // 4096)  # behind the two meta pages: number, padding, flags (branch 1, leaf 2)
        nodes = [page for page in pages if struct.unpack_from("<QHH", data, page * 4096)[::2] in ((page, 1), (page, 2))]
        self.assertTrue(nodes)
        for page in nodes:
            data[page * 4096 + 16:page * 4096 + 64] = os.urandom(48)
        path.write_bytes(data)
        code, told, said = journal("verify", self.dir, "--json")
        self.assertEqual(code, 1)
        self.assertEqual((rows(told)[0]["from"], rows(told)[0]["to"]), (None, None))
        self.assertIn("found by a search", said)
        code, told, said = journal("export", self.dir, "--numbers")
        self.assertEqual(code, 1)
        found = rows(told)
        self.assertGreater(len(found), 0)
        self.assertTrue(all(event == whole[event["$number"]] for event in found))
        self.assertIn("a search of the file", said)
        self.assertEqual(journal("stat", self.dir)[0], 1)
        self.assertEqual(journal("backup", self.dir, self.stack.folder / "copy")[0], 1)

    def test_nothing_is_brought_down_by_a_file_of_nonsense(self):
        self.publish(1, 10)
        self.broker.stop()
        path = self.dir / "journal.mdb"
        path.write_bytes(os.urandom(len(path.read_bytes())))
        for word in ("stat", "verify", "export"):
            code, told, said = journal(word, self.dir)
            self.assertEqual((word, code), (word, 1))
            self.assertTrue(told + said.encode())

    # -- backup

    def test_a_backup_holds_everything_and_a_broker_goes_on_from_it(self):
        self.publish()
        stream = json.loads(journal("stat", self.dir)[1])["stream"]
        whole = journal("export", self.dir, "--numbers")[1]
        copy = self.stack.folder / "copy"
        code, told, said = journal("backup", self.dir, copy)
        self.assertEqual((code, said), (0, ""))
        self.assertRegex(told.decode(), rf"^copied .* to {copy}: 3,000 events in \d+ batches, .*, up to number 3,000\n$")
        self.publish(EVENTS + 1, 100)  # the broker runs on
        self.assertEqual(journal("export", copy, "--numbers")[1], whole)
        self.assertEqual(journal("verify", copy)[0], 0)
        self.broker.stop()
        self.broker = self.stack.start_broker("--durability", "disk", "--data", copy)
        self.publish(1, 10)
        stat = json.loads(journal("stat", copy)[1])
        self.assertEqual((stat["parents"], stat["next"]), ([[stream, EVENTS]], EVENTS + 11))
        self.assertNotEqual(stat["stream"], stream)

    def test_a_backup_is_never_written_over_a_journal(self):
        self.publish(1, 10)
        copy = self.stack.folder / "copy"
        self.assertEqual(journal("backup", self.dir, copy)[0], 0)
        before = (copy / "journal.mdb").read_bytes()
        code, told, said = journal("backup", self.dir, copy)
        self.assertEqual((code, told, said), (1, b"", f"sluice journal backup: {copy}: there is a journal already\n"))
        self.assertEqual((copy / "journal.mdb").read_bytes(), before)

    def test_a_directory_without_a_journal(self):
        for word, *more in (["stat"], ["verify"], ["export"], ["backup", self.stack.folder / "copy"]):
            self.assertEqual(journal(word, self.stack.folder, *more),
                             (1, b"", f"sluice journal {word}: {self.stack.folder}: there is no journal\n"))

    def test_wrong_usage_is_exit_2(self):
        for args in (["stat"], ["stat", "a", "b"], ["verify"], ["backup", "d"], ["export", "d", "--from", "yesterday"],
                     ["export", "d", "--from", "now"], ["export", "d", "--topic", "Job.*.x"],
                     ["export", "d", "--numbers", "--format", "msgpack"]):
            with self.subTest(args=args):
                code, told, said = journal(*args)
                self.assertEqual((code, told, len(said.splitlines())), (2, b"", 1), said)


if __name__ == "__main__":
    unittest.main()
