"""Power cuts of the real broker while events are published.

    broker_cuts.py [--durability disk|os] [--cuts 500] [--seed 1]

Each round a broker starts on what the last cut left, publishers publish and repeat, and at a random write or sync the
power fails, while the broker opens its journal or later. At the end everything is read back by REPLAY as well.

disk: the journal opens; every acknowledged event is there, once; every event that a subscriber was shown is there under
      its number; numbers have no hole; the stream goes on.
os:   the journal opens; a new stream begins where something may be gone, and names its parent and how far that holds;
      what a subscriber was shown under a number that holds is there, or in a hole that is reported."""

import argparse
import random
import subprocess
import sys

import msgpack
import zmq

from power import TOOLS, Disk  # puts e2e/ on the path
from foreign_feed import decode
from pusher import Pusher, id_of
from stack import BIN, Stack

OPERATIONS = 300  # at most, from start to cut
CREDIT = 1 << 20
A_DISK = 25  # cuts, one after the other


class Journal:
    """What the disk holds, as it was read last."""

    def __init__(self):
        self.records, self.holes = {}, []  # number -> (stream, id); (from, to, why)

    def read(self, folder):
        done = subprocess.run([TOOLS / "journal_dump", folder, "0"], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr or f"journal_dump died by signal {-done.returncode}")
        self.records, self.holes = {}, []
        for line in done.stdout.splitlines():
            words = line.split()
            if words[0] == "hole":
                self.holes.append((int(words[1]), int(words[2]), words[3]))
            elif words[0] != "upto":
                first, stream, ids = int(words[0]), int(words[1]), words[2] if len(words) == 3 else ""
                for at in range(0, len(ids), 32):
                    self.records[first + at // 32] = stream, ids[at:at + 32]
        return self

    def in_hole(self, number):
        return any(first <= number <= last for first, last, _ in self.holes)


def judge_disk(journal, pusher):
    """@return what is wrong, a list."""
    wrong = [f"a hole: {hole}" for hole in journal.holes]
    ids = [identity for _, identity in journal.records.values()]
    there = set(ids)
    lost = [i for i in pusher.acked if id_of(i).hex() not in there]
    if lost:
        wrong.append(f"{len(lost)} acknowledged events are gone, the first {min(lost)}")
    if len(there) != len(ids):
        wrong.append(f"{len(ids) - len(there)} events are there twice")
    return wrong


def judge_heard(journal, pusher, holds):
    """@param holds  (stream, number) -> is it still true?"""
    false = [number for number, (stream, i) in pusher.heard.items()
             if holds(stream, number) and journal.records.get(number) != (stream, id_of(i).hex())]
    return [f"{len(false)} events that subscribers were shown are not so, the first {min(false)}"] if false else []


class Rounds:
    """Broker after broker on one folder."""

    def __init__(self, stack, durability, seed):
        self.stack, self.durability = stack, durability
        self.rng = random.Random(seed)
        self.disk, self.journal, self.pusher = Disk(stack.folder), Journal(), Pusher(seed)
        self.stream, self.lasts = 0, {}  # stream -> up to where it holds
        self.ready = self.operations = self.lost_records = self.holes = 0

    def some_time(self):
        opening = self.rng.random() < 0.15  # about a dozen writes and syncs
        return f"{self.rng.randrange(1, 12 if opening else OPERATIONS)}{self.rng.choice(['', '+'])}"

    def start(self, at=None, intake="tcp://127.0.0.1:*"):
        """@return the broker, or None when the power failed before it was ready."""
        self.broker = self.stack.start("broker", [
            BIN / "sluice-broker", "--feed", "tcp://127.0.0.1:*", "--intake", intake, "--query",
            "tcp://127.0.0.1:*", "--http", "off", "--data", self.disk.data / "journal", "--durability",
            self.durability, "--retain-bytes", "1G", "--dedup-count", "1000000"], env=self.disk.env(at))
        try:
            return self.broker.wait_ready()
        except RuntimeError:
            if self.broker.process.returncode != -9:
                raise
            return None

    def cut(self):
        self.stack.programs.remove(self.broker)
        self.broker.kill()
        done = self.disk.cut(self.rng.randrange(1 << 60))
        self.operations += done["operations"]
        self.lost_records += done["lost"] + done["torn"]

    def round(self):
        """@return what is wrong, a list."""
        broker, wrong = self.start(self.some_time()), []
        if broker is not None:
            self.ready += 1
            wrong = self.judge(broker)
            self.pusher.run(broker.endpoints, lambda: broker.process.poll() is not None)
        self.cut()
        return wrong

    def judge(self, broker):
        """Of what the last cuts left, before anything new comes."""
        journal = self.journal.read(self.disk.data / "journal")
        if self.durability == "disk":
            return judge_disk(journal, self.pusher) + judge_heard(journal, self.pusher, lambda stream, number: True)
        return self.judge_stream(broker, journal)

    def judge_replay(self):
        """What a subscriber gets from the beginning on."""
        with Query(self.broker) as query:
            replayed = {number: id_of(i).hex() for number, i in query.replay().items()}
        stored = {number: identity for number, (_, identity) in self.journal.records.items()}
        differ = [number for number in {*stored, *replayed} if stored.get(number) != replayed.get(number)]
        return [f"a replay differs in {len(differ)} numbers, the first {min(differ)}"] if differ else []

    def judge_stream(self, broker, journal):
        """A stream that ended holds up to where the next one begins, by what its child says."""
        with Query(broker) as query:
            stream, head, parents = query.tick()
        wrong = []
        if self.stream not in (0, stream):
            if self.stream not in parents:
                wrong.append(f"the new stream does not name the last one, {self.stream}, as a parent")
            unnamed = {old: min(last, head) for old, last in self.lasts.items()}  # more than a tick can name
            self.lasts = {**unnamed, **parents}
            wrong += [f"parent {old} ends at {last}, behind the head {head}" for old, last in parents.items() if last > head]
        self.stream = stream
        self.holes = max(self.holes, len(journal.holes))
        lasts = {**self.lasts, stream: head}
        return wrong + judge_heard(journal, self.pusher, lambda old, number: number <= lasts.get(old, 0) and
                                   not journal.in_hole(number))


class Query:
    """A subscriber's questions, by docs/protocol.md."""

    def __init__(self, broker):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, 20000)
        self.socket.connect(broker.endpoints["query"])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def tick(self):
        """@return (stream, head, {parent: last})"""
        self.socket.send(msgpack.packb([1, "TICK", 1]))
        _, header, _ = decode(self.socket.recv_multipart()[1:])
        return header["stream"], header["first"] - 1, dict((header["ext"] or {}).get("parents", ()))

    def replay(self):
        """Everything there is. @return {number: the event's id}"""
        found = {}
        self.socket.send(msgpack.packb([1, "REPLAY", 2, self.tick()[0], 0, None, [""], CREDIT]))
        while True:
            frames = self.socket.recv_multipart()
            answer = msgpack.unpackb(frames[0])
            if answer[1] == "DONE":
                return found
            if answer[1] == "LOST":
                continue
            assert answer[1] == "BATCH", answer
            _, header, events = decode(frames[1:])
            found.update((header["first"] + at, event["id"]) for at, event in enumerate(events))
            self.socket.send(msgpack.packb([1, "CREDIT", 2, sum(map(len, frames[1:]))]))


def run_one_disk(durability, cuts, seed, say):
    """@return (violations, the rounds); after the last cut everything is looked at once more."""
    violations = 0
    with Stack() as stack:
        rounds = Rounds(stack, durability, seed)
        for number in range(cuts):
            for problem in rounds.round():
                violations += 1
                say(f"seed {seed} cut {number}: {problem}")
        for problem in rounds.judge(rounds.start()) + rounds.judge_replay():
            violations += 1
            say(f"seed {seed} at the end: {problem}")
    return violations, rounds


FIGURES = {
    "ready": lambda r: r.ready,
    "operations": lambda r: r.operations,
    "writes_lost": lambda r: r.lost_records,
    "acknowledged": lambda r: len(r.pusher.acked),
    "shown": lambda r: len(r.pusher.heard),
    "journalled": lambda r: len(r.journal.records),
    "holes": lambda r: r.holes,
    "streams": lambda r: 1 + len(r.lasts),
}


def run(durability, cuts, seed, say=lambda line: None):
    """So many cuts, A_DISK of them on each disk. @return (violations, figures)"""
    violations, figures = 0, dict.fromkeys(FIGURES, 0)
    for done in range(0, cuts, A_DISK):
        found, rounds = run_one_disk(durability, min(A_DISK, cuts - done), f"{seed}.{done // A_DISK}", say)
        violations += found
        for name, of in FIGURES.items():
            figures[name] += of(rounds)
    return violations, figures


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--durability", default="disk", choices=["disk", "os"])
    options.add_argument("--cuts", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    violations, figures = run(o.durability, o.cuts, o.seed, print)
    print(f"durability={o.durability} cuts={o.cuts} seed={o.seed}",
          *(f"{name}={value}" for name, value in figures.items()), f"violations={violations}")
    sys.exit(violations != 0)


if __name__ == "__main__":
    main()
