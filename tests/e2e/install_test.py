"""The installed programs run from any prefix: they find their libraries beside themselves."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from stack import ROOT

BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build" / "release"))
PROGRAMS = ["batch-sim", "mns-local", "sluice", "sluice-bench", "sluice-bridge", "sluice-broker"]


class Install(unittest.TestCase):
    def test_every_installed_program_starts(self):
        environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        with tempfile.TemporaryDirectory(prefix="sluice-install-") as prefix:
            subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
            installed = pathlib.Path(prefix, "bin")
            self.assertEqual(sorted(path.name for path in installed.iterdir()), PROGRAMS)
            for program in PROGRAMS:
                with self.subTest(program=program):
                    done = subprocess.run([installed / program, "--version"], env=environment, capture_output=True,
                                          text=True, timeout=60)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertTrue(done.stdout)


if __name__ == "__main__":
    unittest.main()
