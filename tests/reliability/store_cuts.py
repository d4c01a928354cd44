"""Power cuts and kills of the broker's journal alone, many a second.

    store_cuts.py [--durability disk|os] [--cuts 500] [--seed 1]

Each round opens the journal on what the last one left, reads everything, and commits until it is killed or the power
fails, while it opens or later. Every fourth end is a kill -9: what is not synced stays so, and the next cut may take it.
Every tenth round begins with an empty folder.

disk: the journal opens, everything that was called committed is there, the stream goes on.
os:   the same after a kill; after a power cut the journal opens, and what is missing is under a new stream that names
      its parent and how far it holds."""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

from power import TOOLS, Disk

OPERATIONS = 120  # at most, from start to end


class Round:
    """What one process said from its start to its end."""

    def __init__(self, disk, durability, rng):
        self.power = rng.random() < 0.75
        opening = rng.random() < 0.3  # about a dozen writes and syncs
        at = f"{rng.randrange(1, 12 if opening else OPERATIONS)}{rng.choice(['', '+'])}"
        done = subprocess.run([TOOLS / "store_writer", disk.data, durability], capture_output=True, text=True,
                              env=disk.env(at))
        words = [line.split() for line in done.stdout.splitlines()]
        self.wrong = [" ".join(line) for line in words if line[0] == "wrong"]
        if done.returncode != -9 and not self.wrong:
            self.wrong = [f"ended by itself: {done.returncode} {done.stderr.strip()}"]
        self.opened = next((line[1:] for line in words if line[0] == "open"), None)
        self.read = any(line[0] == "read" for line in words)
        self.damage = [" ".join(line) for line in words if line[0] == "hole" and line[3] == "damage"]
        self.committed = max((int(line[2]) for line in words if line[0] == "done"), default=0)
        if self.power:
            disk.cut(rng.randrange(1 << 60))


class Line:
    """What is known of the number line, and whether a start agrees with it."""

    def __init__(self, durability):
        self.disk = durability == "disk"
        self.stream = self.committed = 0
        self.powered_off = self.unheard = False  # since the last start that was heard

    def judge(self, r):
        """@return what is wrong, a list."""
        if r.opened is None:
            self.powered_off |= r.power
            self.unheard = True  # it may have begun a stream of its own
            return r.wrong
        stream, _, after = int(r.opened[0]), int(r.opened[1]), int(r.opened[2])
        parent = int(r.opened[4]), int(r.opened[5])
        wrong = list(r.wrong)
        must_hold = self.disk or not self.powered_off
        if must_hold and after - 1 < self.committed:
            wrong.append(f"committed {self.committed}, found {after - 1}")
        if must_hold and self.stream not in (0, stream):
            wrong.append("a new stream though nothing can be missing")
        if self.stream not in (0, stream) and not self.unheard and parent[0] != self.stream:
            wrong.append(f"the parent is {parent[0]}, not the last stream, {self.stream}")
        elif self.stream not in (0, stream) and not self.unheard and parent[1] != after - 1:
            wrong.append(f"parent {parent}, though numbers go on at {after}")
        if after - 1 < self.committed and stream == self.stream:
            wrong.append(f"numbers from {after} on are used again under the same stream")
        if r.damage and must_hold:
            wrong += r.damage
        self.stream, self.powered_off, self.unheard = stream, r.power, False
        self.committed = max(after - 1 if must_hold or r.read else 0, r.committed)
        return wrong


def run(durability, cuts, seed, say=lambda line: None):
    """@return (violations, numbers committed)"""
    rng = random.Random(seed)
    violations = power_cuts = numbers = 0
    with tempfile.TemporaryDirectory(prefix="sluice-power-") as folder:
        disk, line = Disk(pathlib.Path(folder)), Line(durability)
        while power_cuts < cuts:
            r = Round(disk, durability, rng)
            power_cuts += r.power
            numbers += max(0, r.committed - line.committed)
            for problem in line.judge(r):
                violations += 1
                say(f"cut {power_cuts}: {problem}")
            if r.wrong or rng.random() < 0.1:
                disk.forget()
                line = Line(durability)
    return violations, numbers


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--durability", default="disk", choices=["disk", "os"])
    options.add_argument("--cuts", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    violations, numbers = run(o.durability, o.cuts, o.seed, print)
    print(f"durability={o.durability} cuts={o.cuts} seed={o.seed} numbers={numbers} violations={violations}")
    sys.exit(violations != 0)


if __name__ == "__main__":
    main()
