"""What the runs share: programs that are killed and started again, a broker that stays where it was, and verdicts.

Ports are drawn below the range that the kernel gives to outgoing connections: while a program is down nobody else may
get its port, not even a peer that reconnects to it and, on loopback, would find itself."""

import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import time

import msgpack
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from stack import BIN, ROOT, Stack, wait_for  # noqa: E402, F401

PROGRAMS = pathlib.Path(os.environ.get("SLUICE_BUILD_DIR", ROOT / "build" / "release")) / "tests"
EPHEMERAL = 32768
RECORD = struct.Struct("<6Q16sII")  # history.h
EVENT, OPEN, LOST, STREAM, COMMIT, AWAY, JOINED, REPLAY = range(1, 9)


def free_ports(count):
    """Ports that are free now and that the kernel hands to nobody by itself."""
    drawn, taken = random.SystemRandom(), []
    try:
        while len(taken) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", drawn.randrange(15000, EPHEMERAL)))
                taken.append(probe)
            except OSError:
                probe.close()
        return [probe.getsockname()[1] for probe in taken]
    finally:
        for probe in taken:
            probe.close()


class Restartable:
    """A program, and how to start it again as a supervisor would. It may end only by `kill` or `stop`."""

    def __init__(self, stack, name, argv, **options):
        self.stack, self.name, self.argv, self.options = stack, name, argv, options
        self.kills = 0
        self.program = None

    def start(self):
        if self.program is not None:
            self.stack.programs.remove(self.program)
        self.program = self.stack.start(self.name, self.argv, **self.options)
        return self

    def wait_ready(self):
        self.program.wait_ready()
        return self

    def expect_alive(self):
        code = self.program.process.poll()
        if code is not None:
            raise AssertionError(f"{self.name} ended by itself with {code}: {self.program.log()[-2000:]}")

    def kill(self):
        self.expect_alive()
        self.program.kill()
        self.kills += 1

    def stop(self):
        code = self.program.stop(60)
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}: {self.program.log()[-2000:]}")


class Broker(Restartable):
    """A broker with a journal in the stack's folder, always at the same endpoints."""

    def __init__(self, stack, *args, host="127.0.0.1", under=()):
        ports = free_ports(4)
        self.feed, self.intake, self.query = (f"tcp://{host}:{port}" for port in ports[:3])
        self.http = f"http://{host}:{ports[3]}"
        super().__init__(stack, "broker", [*under, BIN / "sluice-broker", "--feed", self.feed, "--intake", self.intake,
                                           "--query", self.query, "--http", f"{host}:{ports[3]}",
                                           "--data", stack.folder / "journal", *args])
        stack.broker = self

    @property
    def endpoints(self):
        return {"feed": self.feed, "intake": self.intake, "query": self.query, "http": self.http}

    def head(self, timeout=30):
        """The last number that was given out and published, as a TICK says."""
        with zmq.Context.instance().socket(zmq.DEALER) as socket_:
            socket_.setsockopt(zmq.LINGER, 0)
            socket_.connect(self.query)
            socket_.send(msgpack.packb([1, "TICK", 1]))
            if not socket_.poll(timeout * 1000):
                raise TimeoutError("the query socket is silent")
            return msgpack.unpackb(socket_.recv_multipart()[2])[3] - 1


class Keeper(Restartable):
    """keeper.c on a history in the stack's folder; with `cursor` the broker keeps its place."""

    def __init__(self, stack, broker, name, *args, cursor=False, under=()):
        self.history = stack.folder / f"{name}.history"
        self.kind = "cursor" if cursor else "keeper"
        super().__init__(stack, name, [*under, PROGRAMS / "keeper", "--feed", broker.feed, "--query", broker.query,
                                       "--file", self.history, *(("--name", name) if cursor else ()), *args])

    def records(self):
        """All whole records as tuples: number, stream, sealed_ns, stored_ns, topic or until, event, id, kind, sum."""
        data = self.history.read_bytes()
        return RECORD.iter_unpack(data[:len(data) - len(data) % RECORD.size])

    def stored(self, newest=1):
        """The highest number among the newest records."""
        with open(self.history, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            whole = size - size % RECORD.size
            file.seek(max(0, whole - newest * RECORD.size))
            data = file.read(whole - file.tell())
        return max((record[0] for record in RECORD.iter_unpack(data) if record[7] == EVENT), default=0)

    def wait_stored(self, number, timeout=120):
        wait_for(lambda: self.expect_alive() or self.stored(1024) >= number, f"number {number} at {self.name}", timeout)


class Feeder:
    """feeder.c: events straight to the intake, with a ledger."""

    def __init__(self, stack, broker, name="feeder", under=(), **options):
        self.ledger = stack.folder / f"{name}.ledger"
        argv = [*under, PROGRAMS / "feeder", "--intake", broker.intake, "--ledger", self.ledger]
        for key, value in options.items():
            argv += [f"--{key}", value]
        self.program = stack.start(name, argv)

    def wait(self, timeout=600):
        """Waits for its end; returns its figures."""
        code = self.program.process.wait(timeout)
        if code != 0:
            raise AssertionError(f"feeder ended with {code}: {self.program.log()}")
        return figures(self.program.process.stdout.read().decode())


def figures(line):
    """`a=1 b=ff` as {"a": 1, "b": "ff"}."""
    pairs = (word.split("=", 1) for word in line.split() if "=" in word)
    return {key: int(value) if value.isdigit() and key != "hash" else value for key, value in pairs}


def verdicts(ledgers, keepers):
    """Holds histories against ledgers with histories.c: (the ledger's figures, a list of the keepers')."""
    argv = [PROGRAMS / "histories", "--ledger", *ledgers]
    for keeper in keepers:
        argv += [f"--{keeper.kind}", keeper.history]
    lines = subprocess.run([str(a) for a in argv], check=True, capture_output=True, text=True).stdout.splitlines()
    ledger, *rows = (figures(line) for line in lines)
    return ledger, rows


def expect(problems, what, row, **wanted):
    """Adds a sentence to `problems` for each figure that is not as wanted."""
    for key, value in wanted.items():
        if row[key] != value:
            problems.append(f"{what}: {key} is {row[key]}, not {value}")


def judge(ledger, keepers, rows, **also):
    """The rules that hold for every history; returns what is wrong."""
    problems = []
    expect(problems, "ledger", ledger, repeats=0)
    for keeper, row in zip(keepers, rows):
        expect(problems, keeper.name, row, missing=0, strangers=0, lost=0, streams=0, differ=0, hash=ledger["hash"], **also)
        if keeper.kind == "keeper":
            expect(problems, keeper.name, row, repeats=0, disorder=0)
        else:
            expect(problems, keeper.name, row, beyond=0)
            if row["repeats"] > row["allowed"]:
                problems.append(f"{keeper.name}: {row['repeats']} repeats, {row['allowed']} events since its commits")
    return problems


def finish(line, problems):
    """Prints the figures and what is wrong; returns the exit code."""
    print(line, flush=True)
    for problem in problems:
        print(f"  WRONG: {problem}", flush=True)
    return 1 if problems else 0
