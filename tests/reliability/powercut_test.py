"""Does the power cut take what was not synced, and nothing else? Small programs, each with what it did to a file."""

import collections
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

import lmdb_cuts
from power import Disk

SEEDS = 60
SECTOR = 512

PRELUDE = """
import os, signal
old, new = b"o" * 4096, b"n" * 4096
def file(name, flags=0):
    return os.open(name, os.O_RDWR | os.O_CREAT | flags, 0o644)
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


class PowerCut(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sluice-power-")
        self.addCleanup(folder.cleanup)
        self.disk = Disk(pathlib.Path(folder.name))

    def run_on_disk(self, program, at=None, ends=-signal.SIGKILL):
        """Runs the program under watch in the folder; it kills itself, or the power does."""
        done = subprocess.run([sys.executable, "-c", PRELUDE + textwrap.dedent(program)], cwd=self.disk.data,
                              env=self.disk.env(at), capture_output=True, text=True)
        self.assertEqual(done.returncode, ends, done.stderr)
        return done.stdout

    def contents(self, program, name="a", at=None):
        """What the file holds after the program and a cut, one for each seed; None: there is none."""
        self.disk.forget()
        self.run_on_disk(program, at)
        folder, found = self.disk.data.parent, []
        links = [path.name for path in folder.glob(self.disk.log.name + ".*")]
        with tempfile.TemporaryDirectory(prefix="sluice-power-", dir=folder) as aside:
            for name_of in ("data", *links):
                subprocess.run(["cp", "-a", folder / name_of, aside], check=True)
            for seed in range(SEEDS):
                self.disk.take_back(seed)
                path = self.disk.data / name
                found.append(path.read_bytes() if path.exists() else None)
                shutil.rmtree(self.disk.data)
                shutil.copytree(f"{aside}/data", self.disk.data)
                for link in links:
                    shutil.copy(f"{aside}/{link}", folder / link)
        return found

    SYNCED_OLD = """
        a = file("a")
        os.pwrite(a, old, 0)
        os.fsync(a)
        """

    # -- content ---------------------------------------------------------------------------------

    def test_what_is_not_synced_is_kept_or_lost_or_torn(self):
        found = self.contents(self.SYNCED_OLD + """
        os.pwrite(a, new, 0)
        die()
        """)
        self.assertIn(b"n" * 4096, found)
        self.assertIn(b"o" * 4096, found)
        torn = [content for content in found if len(set(content)) == 2]
        self.assertTrue(torn)
        for content in torn:
            for at in range(0, 4096, SECTOR):
                self.assertEqual(len(set(content[at:at + SECTOR])), 1, "a sector is whole or not at all")

    def test_what_is_synced_stays(self):
        for sync in ("os.fsync(a)", "os.fdatasync(a)", "os.fsync(os.dup(a))", "os.sync()"):
            with self.subTest(sync=sync):
                found = self.contents(self.SYNCED_OLD + f"""
        os.pwrite(a, new, 0)
        {sync}
        die()
        """)
                self.assertEqual(set(found), {b"n" * 4096})

    def test_a_write_after_the_sync_is_not_covered_by_it(self):
        found = self.contents(self.SYNCED_OLD + """
        os.lseek(a, 0, os.SEEK_SET)
        os.writev(a, [b"n" * 512, b"n" * 512])
        die()
        """)
        self.assertEqual({content[1024:] for content in found}, {b"o" * 3072})
        self.assertGreater(len(set(found)), 1)

    def test_the_sync_of_one_file_does_nothing_for_another(self):
        found = self.contents(self.SYNCED_OLD + """
        b = file("b")
        os.pwrite(a, new, 0)
        os.pwrite(b, new, 0)
        os.fsync(b)
        die()
        """)
        self.assertIn(b"o" * 4096, found)

    def test_a_write_through_o_dsync_is_durable_at_once_and_only_its_sectors(self):
        found = self.contents(self.SYNCED_OLD + """
        os.pwrite(a, new, 0)
        os.pwrite(file("a", os.O_DSYNC), b"d" * 120, 1024 + 16)
        die()
        """)
        for content in found:
            self.assertEqual(content[1040:1160], b"d" * 120)
            self.assertEqual(set(content[1024:1040] + content[1160:1536]), {ord("n")},
                             "the rest of the sector went to the disk with it")
        self.assertGreater(len({content[:1024] for content in found}), 1, "other sectors did not")

    def test_a_sector_shows_one_moment(self):
        found = self.contents(self.SYNCED_OLD + """
        os.pwrite(a, b"1" * 100, 0)
        os.pwrite(a, b"2" * 100, 50)
        die()
        """)
        moments = {b"o" * 150: 0, b"1" * 100 + b"o" * 50: 0, b"1" * 50 + b"2" * 100: 0}
        self.assertEqual({content[:150] for content in found}, set(moments))

    def test_a_file_that_grew_may_have_its_old_size_or_zeros(self):
        found = self.contents(self.SYNCED_OLD + """
        os.pwrite(a, new, 4096)
        die()
        """)
        sizes = collections.Counter(len(content) for content in found)
        self.assertIn(4096, sizes)
        self.assertIn(8192, sizes)
        self.assertTrue(any(b"\0" in content for content in found))
        self.assertEqual({content[:4096] for content in found}, {b"o" * 4096})

    def test_a_truncation_may_be_undone(self):
        found = self.contents(self.SYNCED_OLD + """
        os.ftruncate(a, 0)
        die()
        """)
        self.assertEqual(set(found), {b"", b"o" * 4096})

    # -- names -----------------------------------------------------------------------------------

    def test_a_new_file_may_vanish_until_it_is_synced(self):
        self.assertIn(None, self.contents('file("a"); die()'))
        self.assertNotIn(None, self.contents('os.fsync(file("a")); die()'))

    def test_a_rename_may_be_undone_until_the_folder_is_synced(self):
        renamed = """
        for name, content in (("a", old), ("b", new)):
            fd = file(name)
            os.write(fd, content)
            os.fsync(fd)
        os.rename("b", "a")
        """
        self.assertEqual(set(self.contents(renamed + "die()")), {b"o" * 4096, b"n" * 4096})
        self.assertEqual(set(self.contents(renamed + 'os.fsync(os.open(".", os.O_RDONLY)); die()')), {b"n" * 4096})

    def test_a_file_that_is_replaced_keeps_its_own_losses(self):
        found = self.contents("""
        for name in "ab":
            fd = file(name)
            os.write(fd, old)
            os.fsync(fd)
        os.pwrite(file("a"), b"A" * 4096, 0)
        os.pwrite(file("b"), b"B" * 4096, 0)
        os.rename("b", "a")
        die()
        """)
        kinds = {frozenset(content) for content in found}
        self.assertTrue({frozenset(b"A"), frozenset(b"B"), frozenset(b"o")} <= kinds, kinds)
        self.assertNotIn(frozenset(b"AB"), kinds)

    def test_a_second_link_may_be_undone_and_shares_the_content(self):
        program = self.SYNCED_OLD + """
        os.link("a", "b")
        os.pwrite(file("b"), new, 0)
        {}
        die()
        """
        self.assertIn(None, self.contents(program.format("pass"), name="b"))
        self.assertEqual(set(self.contents(program.format("os.fsync(a)"), name="b")), {b"n" * 4096})

    def test_a_removal_may_be_undone(self):
        found = self.contents(self.SYNCED_OLD + """
        os.unlink("a")
        die()
        """)
        self.assertEqual(set(found), {None, b"o" * 4096})

    # -- the moment ------------------------------------------------------------------------------

    def test_the_power_fails_at_the_operation_it_is_told(self):
        program = """
        a = file("a")
        for i in range(10):
            print(i, flush=True)
            os.pwrite(a, old, 4096 * i)
            os.fsync(a)
        """
        self.assertEqual(len(self.run_on_disk(program, at=1)), 0)  # before the file is made
        self.disk.cut(0)
        self.assertEqual(list(self.disk.data.iterdir()), [])
        self.disk.forget()
        self.assertEqual(self.run_on_disk(program, at=4).split()[-1], "1")  # open, write, sync, | write
        self.disk.cut(0)
        self.assertEqual((self.disk.data / "a").read_bytes(), b"o" * 4096)
        self.disk.forget()
        self.assertEqual(self.run_on_disk(program, at="5+").split()[-1], "1")  # its sync is done
        self.disk.cut(0)
        self.assertEqual((self.disk.data / "a").read_bytes(), b"o" * 8192)

    def test_what_a_child_writes_is_on_the_same_disk(self):
        found = self.contents(self.SYNCED_OLD + """
        if os.fork() == 0:
            os.pwrite(a, new, 0)
            os._exit(0)
        os.wait()
        die()
        """)
        self.assertIn(b"o" * 4096, found)

    def test_what_the_watch_cannot_see_makes_the_cut_refuse(self):
        for unseen in ("import mmap; m = mmap.mmap(a, 4096); m[0] = 1",
                       "import ctypes; ctypes.CDLL(None).fopen(b'b', b'w')"):
            with self.subTest(unseen=unseen):
                self.disk.forget()
                self.run_on_disk(self.SYNCED_OLD + f"""
        {unseen}
        die()
        """)
                with self.assertRaisesRegex(RuntimeError, "blind"):
                    self.disk.cut(0)


class PlainLmdb(unittest.TestCase):
    def test_lmdb_with_its_syncs_loses_nothing(self):
        violations, claims = lmdb_cuts.run("sync", 60, seed=3)
        self.assertEqual(violations, 0)
        self.assertGreater(claims, 1000)

    def test_a_missing_sync_is_found(self):
        for mode in ("nosync", "nometasync"):
            with self.subTest(mode=mode):
                violations, _ = lmdb_cuts.run(mode, 20, seed=3)
                self.assertGreater(violations, 5)


if __name__ == "__main__":
    unittest.main()
