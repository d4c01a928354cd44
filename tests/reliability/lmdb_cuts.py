"""Power cuts of plain LMDB: what was committed and synced is there; what a missing sync loses is found.

    lmdb_cuts.py [--mode sync|nosync|nometasync] [--cuts 500] [--seed 1]

Each cut starts the writer on what the last cut left, fails at a random operation, and asks whether the journal opens and
holds every number that the writer called durable. Exit 0: no violation."""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

from power import TOOLS, Disk

OPERATIONS = 400  # at most, from start to cut


def check(disk):
    """@return (first, last) on the disk, or what is wrong."""
    done = subprocess.run([TOOLS / "lmdb_writer", disk.data, "check"], capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip() or f"died by signal {-done.returncode}"
    return tuple(map(int, done.stdout.split())), None


def one_cut(disk, mode, rng):
    """@return (claimed, found, violation or None)"""
    at = f"{rng.randrange(1, OPERATIONS)}{rng.choice(['', '+'])}"
    done = subprocess.run([TOOLS / "lmdb_writer", disk.data, mode], capture_output=True, text=True, env=disk.env(at))
    if done.returncode != -9:
        raise RuntimeError(f"the writer ended by itself: {done.returncode} {done.stderr}")
    claimed = int(done.stdout.split()[-1]) if done.stdout else 0
    disk.cut(rng.randrange(1 << 60))
    found, problem = check(disk)
    if problem is None and found[1] < claimed:
        problem = f"claimed {claimed}, found {found[1]}"
    return claimed, found, problem


def run(mode, cuts, seed, say=lambda line: None):
    """@return (violations, records claimed in all); a journal that is damaged is begun anew."""
    rng = random.Random(seed)
    violations, durable, claims = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="sluice-power-") as folder:
        disk = Disk(pathlib.Path(folder))
        for number in range(cuts):
            claimed, found, problem = one_cut(disk, mode, rng)
            if problem is None and found[1] < durable:
                problem = f"{durable} survived the cut before, now there is {found[1]}"
            claims += max(0, claimed - durable)
            durable = found[1] if problem is None else 0
            if problem is not None:
                violations += 1
                say(f"cut {number}: {problem}")
                disk.forget()
    return violations, claims


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--mode", default="sync", choices=["sync", "nosync", "nometasync"])
    options.add_argument("--cuts", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    violations, claims = run(o.mode, o.cuts, o.seed, print)
    print(f"mode={o.mode} cuts={o.cuts} seed={o.seed} claimed={claims} violations={violations}")
    sys.exit(violations != 0)


if __name__ == "__main__":
    main()
