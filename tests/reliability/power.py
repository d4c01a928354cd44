"""A disk whose power can fail: a folder whose writers run under libpowercut.so, and the cut."""

import os
import pathlib
import shutil
import subprocess
import sys
import uuid

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "e2e"))

TOOLS = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build" / "release")) / "tests"


class Disk:
    """`data` is what is on it; everything that runs with `env()` writes to it under watch."""

    def __init__(self, folder):
        self.data, self.log, self.boot_id = folder / "data", folder / "power.log", folder / "boot_id"
        self.data.mkdir()
        self.boot()

    def boot(self):
        self.boot_id.write_text(f"{uuid.uuid4()}\n")

    def env(self, at=None):
        """@param at  the operation at which the power fails, or "N+": right after it."""
        settings = {"LD_PRELOAD": str(TOOLS / "libpowercut.so"), "POWERCUT_DIR": str(self.data),
                    "POWERCUT_LOG": str(self.log), "POWERCUT_BOOT_ID": str(self.boot_id),
                    "ASAN_OPTIONS": "verify_asan_link_order=0"}  # a sanitizer is otherwise the first library
        if at is not None:
            settings["POWERCUT_AT"] = str(at)
        return settings

    def cut(self, seed):
        """The processes are dead: takes back what was not synced, boots anew. @return what was done, as numbers."""
        done = self.take_back(seed)
        self.forget_log()
        self.boot()
        return done

    def take_back(self, seed):
        """The same, but the log stays."""
        done = subprocess.run([TOOLS / "powercut", self.log, str(seed)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return {key: int(value) for key, value in (word.split("=") for word in done.stdout.split())}

    def forget_log(self):
        for path in self.log.parent.glob(self.log.name + "*"):
            path.unlink()

    def forget(self):
        """An empty disk."""
        self.forget_log()
        shutil.rmtree(self.data)
        self.data.mkdir()
