"""What does an event cost?  Counted, not timed: instructions by valgrind's callgrind, allocations by the program itself,
on the paths of guard.c, against budgets.txt.

    instructions_test.py             the test
    instructions_test.py --table     what was counted, beside the budgets"""

import collections
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", HERE.parents[1] / "build" / "release"))
GUARD = BUILD / "tests" / "guard"
TOLERANCE = 0.05
SAME = 0.005  # so close are two runs

# libc has a memcpy for each kind of CPU; all take the plain one, whatever the machine.  And nothing else of the
# environment, since where the stack begins depends on it.
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-AVX_Fast_Unaligned_Load,-BMI2,-ERMS,"
                      "-Prefer_ERMS,-Prefer_FSRM,-SSSE3,-SSE4_1,-SSE4_2:glibc.cpu.x86_non_temporal_threshold=0xc0000",
}

# What happens inside is libzmq's, and depends a little on real time: counted apart.
SOCKET_CALLS = {"zmq_send", "zmq_msg_send", "zmq_recv", "zmq_msg_recv", "zmq_getsockopt"}

Budget = collections.namedtuple("Budget", "instructions sockets libraries note")
Count = collections.namedtuple("Count", "instructions sockets ours libraries")  # each an event


def budgets():
    lines = (line for line in (HERE / "budgets.txt").read_text().splitlines() if line and line[0] != "#")
    rows = (line.split(maxsplit=4) for line in lines)
    return {name: Budget(*map(float, numbers), note) for name, *numbers, note in rows}


def paths():
    return subprocess.run([GUARD, "--list"], env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout.split()


def run(command):
    """What the guard says: {"steps": …, "events": …, "ours": …, "libraries": …}."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}\n{done.stderr}")
    return {key: int(value) for key, value in (word.split("=") for word in done.stdout.split())}


def read_callgrind(path):
    """@return instructions in all, and those within calls of sockets, from callgrind's file: `cfn=(id) name`, the name
    only at first, says who is called, and the line after `calls=` what that cost."""
    names, total, sockets, called = {}, 0, 0, None
    lines = iter(path.read_text().splitlines())
    for line in lines:
        key, _, value = line.partition("=")
        if key in ("fn", "cfn"):
            number, _, name = value.partition(" ")
            names.setdefault(number, name)
            called = names[number]
        elif key == "calls":
            cost = int(next(lines).split()[1])
            sockets += cost if called in SOCKET_CALLS else 0
        elif line.startswith("totals:"):
            total = int(line.split()[1])
    return total, sockets


def count(path, *waste):
    """Counts what a path costs an event."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "callgrind.out"
        said = run(["valgrind", "--tool=callgrind", "--toggle-collect=guard_counted", f"--callgrind-out-file={out}",
                    "--read-inline-info=no", "-q", GUARD, path, *waste])
        total, sockets = read_callgrind(out)
    events = said["events"]
    return Count((total - sockets) / events, sockets / events, said["ours"] / events, said["libraries"] / events)


def count_all(names):
    """One process a path, as many at a time as there are CPUs."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(names, pool.map(count, names)))


def cpu_has_avx2():
    return "avx2" in pathlib.Path("/proc/cpuinfo").read_text().split()


@unittest.skipUnless(cpu_has_avx2(), "the budgets are those of a CPU with AVX2: sums take more instructions without")
class Instructions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.budgets = budgets()
        cls.counts = count_all(list(cls.budgets))

    def test_every_path_has_a_budget(self):
        self.assertEqual(sorted(paths()), sorted(self.budgets))

    def test_every_path_keeps_its_budget(self):
        for name, budget in self.budgets.items():
            counted = self.counts[name]
            with self.subTest(path=name):
                self.assertLess(counted.instructions, budget.instructions * (1 + TOLERANCE), "instructions an event")
                self.assertLessEqual(counted.sockets, budget.sockets * (1 + TOLERANCE), "of libzmq's sockets")
                self.assertLessEqual(counted.libraries, budget.libraries * (1 + TOLERANCE), "libraries' allocations")
            if counted.instructions < budget.instructions * (1 - TOLERANCE):
                print(f"{name}: {counted.instructions:.0f} instructions an event, well below its {budget.instructions:.0f}: "
                      "lower the budget", file=sys.stderr)

    def test_our_code_allocates_nothing(self):
        self.assertEqual({name: counted.ours for name, counted in self.counts.items() if counted.ours > 0}, {})

    def test_a_second_run_counts_the_same(self):
        for name, again in count_all(list(self.budgets)).items():
            with self.subTest(path=name):
                first = self.counts[name].instructions
                self.assertAlmostEqual(again.instructions, first, delta=first * SAME)
                self.assertEqual(again.libraries, self.counts[name].libraries)

    def test_a_needless_copy_of_each_event_is_seen(self):
        counted = count("check", "--waste", "copy")
        self.assertGreater(counted.instructions, self.budgets["check"].instructions * (1 + TOLERANCE))

    def test_a_needless_allocation_for_each_event_is_seen(self):
        counted = count("check", "--waste", "allocation")
        self.assertEqual(counted.ours, 1)
        self.assertGreater(counted.instructions, self.budgets["check"].instructions * (1 + TOLERANCE))


def print_table():
    """What was counted; a path's budgets in brackets."""
    print("| path | instructions an event | in sockets | libraries' allocations | our own | what it is |")
    print("| --- | --- | --- | --- | --- | --- |")
    allowed = budgets()
    for name, counted in count_all(list(allowed)).items():
        budget = allowed[name]
        print(f"| {name} | {counted.instructions:,.1f} ({budget.instructions:,.0f}) | {counted.sockets:,.1f} "
              f"({budget.sockets:,.0f}) | {counted.libraries:.3g} ({budget.libraries:.3g}) | {counted.ours:.3g} | {budget.note} |")


if __name__ == "__main__":
    print_table() if "--table" in sys.argv else unittest.main()
