"""Broker, bridge and subscribers while disk, memory or descriptors fail: none of them ends, MNS keeps what could not be
taken, and all of it arrives afterwards.

    broker_faults.py [--scenario NAME] [--rounds 20] [--seed 1]

disk_full    a small file system runs full, a broker that was killed starts on it all the same, and it has room again
disk_errors  writes and syncs fail, or write half: once, some, or for a while; after some the broker is killed
memory       allocations of the broker's own code fail while it works
starting     one allocation after the other fails while it starts: it says so, or does without
descriptors  more peers than descriptors
bridge       allocations of the bridge's own code fail while it works
subscriber   allocations of libsluice fail while subscribers start, join and fetch what they lack
libzmq       an allocation of libzmq fails: libzmq ends the process; a new broker goes on, nothing is lost"""

import argparse
import errno
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

import msgpack
import zmq
from broker_cuts import Journal
from chain import SHORT, Chain, Faults
from foreign_feed import event_id
from runs import Broker, Feeder, Keeper, judge, verdicts
from stack import BIN, Stack, wait_for

SMALL_DISK_BYTES = "48m"
A_ROUND = 300  # messages
FULL = (errno.ENOSPC, errno.EIO)  # EIO: LMDB's word for the last write that went half in


class SmallDisk:
    """A file system of a few megabytes, mounted while it is used."""

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def __enter__(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK_BYTES}", "sluice-small", self.path], check=True)
        return self

    def __exit__(self, *exc):
        subprocess.run(["umount", "-l", self.path], check=True)  # lazily: after a failure the broker still runs


def fill(path):
    """Writes until there is no room."""
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error


def end_in_order(chain):
    """What a last start finds is what there was."""
    wrong = chain.everything_arrives()
    status = chain.broker.stop()
    return wrong + ([f"ended with {status}"] if status else [])


def disk_full(rng, rounds, stack):
    with SmallDisk(stack.folder / "small") as disk:
        chain = Chain(stack, disk.path / "journal")
        chain.start_broker()
        chain.start_bridge()
        for _ in range(rounds):
            chain.publish(rng.randrange(A_ROUND // 5, A_ROUND))
            wait_for(lambda: chain.alive() and chain.left() == 0, "a journal that has something to serve")
            fill(disk.path / "filler")
            chain.publish(A_ROUND, size=3000)
            wait_for(lambda: chain.alive() and chain.count("journal_errno") in FULL, "a full disk")
            chain.feed_goes_on()
            chain.replay_goes_on()
            wait_for(lambda: chain.alive() and chain.count("journal_closed_ms") >= 200, "a second failure")
            assert chain.left() > 0 and chain.gave_up_too_much() == 0
            chain.broker.kill()
            chain.start_broker()  # what is kept is served again, though nothing new has room
            chain.feed_goes_on()
            stored = len(Journal().read(disk.path / "journal").records)
            assert chain.replay_goes_on() >= stored > 0  # a small group may still find room
            (disk.path / "filler").unlink()
            wait_for(lambda: chain.alive() and chain.left() == 0, "the queue to be empty", 60)
        wrong = end_in_order(chain)
        chain.start_broker()
        wrong += chain.everything_arrives()
        chain.broker.kill()
        return wrong


def disk_errors(rng, rounds, stack):
    faults = Faults(stack.folder / "faults", stack.folder / "data")
    chain = Chain(stack, stack.folder / "data", faults)
    chain.start_broker()
    chain.start_bridge()
    for _ in range(rounds):
        chain.publish(rng.randrange(1, A_ROUND))
        fault = rng.choice((faults.write, faults.write, faults.sync))
        error = rng.choice((errno.EIO, errno.ENOSPC, SHORT if fault is faults.write else errno.EIO))
        fired = fault.fired
        fault.strike(rng.choice((1, 2, 5, 20)), error, every=rng.choice((1, 1, 2, 3)), after=rng.randrange(6))
        chain.publish(rng.randrange(1, A_ROUND))
        wait_for(lambda: fault.fired > fired or probe(chain), "a fault")
        assert chain.gave_up_too_much() == 0
        if rng.random() < 0.2:
            chain.broker.kill()
            fault.heal()
            chain.start_broker()
        fault.heal()
        wait_for(lambda: chain.alive() and chain.left() == 0, "the queue to be empty", 60)
    print(f"disk_errors: {faults.write.fired} writes and {faults.sync.fired} syncs failed")
    return end_in_order(chain)


def probe(chain):
    """One more message, and so one more write and sync."""
    chain.alive()
    chain.publish(1)
    return False


def memory(rng, rounds, stack):
    faults = Faults(stack.folder / "faults")
    chain = Chain(stack, stack.folder / "data", faults)
    chain.start_broker()
    chain.start_bridge()
    for _ in range(rounds):
        fail_for_a_while(chain, faults, rng)
    assert faults.allocate.fired > 0
    print(f"memory: {faults.allocate.fired} of {faults.allocate.seen} allocations failed")
    return end_in_order(chain)


def fail_for_a_while(chain, faults, rng):
    """A share of the allocations, while messages come and all kinds of peers want what needs memory."""
    storm = Storm(chain, rng)
    faults.allocate.strike(every=rng.choice((1, 1, 2, 3, 7)), after=rng.randrange(5))
    for _ in range(5):
        storm.blow()
        chain.publish(rng.randrange(1, A_ROUND // 5))
    storm.wait_for_answers()
    faults.allocate.heal()
    storm.close()
    wait_for(lambda: chain.alive() and chain.left() == 0, "the queue to be empty", 60)
    chain.feed_goes_on()
    chain.replay_goes_on()


class Storm:
    """Publishers with new topics and large events, replays, cursors, questions: nobody insists on an answer."""

    def __init__(self, chain, rng):
        self.chain, self.rng, self.request, self.sockets = chain, rng, 0, []

    def socket(self, name, kind=zmq.DEALER):
        socket = zmq.Context.instance().socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(self.chain.endpoints[name])
        self.sockets.append(socket)
        return socket

    def blow(self):
        publisher, query = self.socket("intake"), self.socket("query")
        publisher.send(msgpack.packb([1, "HELLO", 0, f"storm-{self.rng.random()}"]))
        for request in range(1, 4):
            topic, size = f"Storm.On{self.rng.randrange(300)}", self.rng.choice((10, 5000, 300000))
            name = str(self.rng.random())
            event = msgpack.packb({"Category": "Storm", "Event": topic[6:], "id": name, "Padding": "x" * size})
            head = [1, "PUB", request, 1, struct.pack("<I", len(event)), event_id("storm", name)]
            publisher.send_multipart([msgpack.packb(head), topic.encode(), event])
        for question in (["STATUS"], ["TICK"], ["FIND", None], ["CURSOR.OPEN", f"c{self.rng.randrange(50)}", ["Job."]]):
            self.request += 1
            query.send(msgpack.packb([1, question[0], self.request, *question[1:]]))
        subscriber = self.socket("feed", zmq.SUB)
        subscriber.setsockopt(zmq.SUBSCRIBE, f"~sync.{self.rng.randrange(1 << 60):016x}".encode())

    def wait_for_answers(self):
        """Of those who get one: when it has been quiet for a while, the storm is through."""
        poller = zmq.Poller()
        for socket in self.sockets:
            poller.register(socket, zmq.POLLIN)
        while ready := poller.poll(200):
            for socket, _ in ready:
                socket.recv_multipart()

    def close(self):
        for socket in self.sockets:
            socket.close()


def starting(rng, rounds, stack):
    """@param rounds  how many of the first allocations fail, each in a start of its own."""
    wrong, faults = [], Faults(stack.folder / "faults")
    said = ready = 0
    argv = [BIN / "sluice-broker", "--feed", "tcp://127.0.0.1:*", "--intake", "tcp://127.0.0.1:*", "--query",
            "tcp://127.0.0.1:*", "--http", "127.0.0.1:0", "--data", stack.folder / "data"]
    for number in range(rounds):
        faults.allocate.seen = 0
        faults.allocate.strike(1, after=number)
        program = stack.start("broker", argv, env=faults.env)
        line = program.process.stdout.readline()
        if line:
            ready += 1
            program.stop()
        status = program.process.wait(20)
        text = program.log()
        if line and status == 0:
            continue
        said += 1
        if status not in (1, 2) or "sluice-broker: " not in text:
            wrong.append(f"allocation {number + 1}: status {status}, said {text[-200:]!r}")
        program.kill()
        stack.programs.remove(program)
        if faults.allocate.fired == 0:
            break
    print(f"starting: {said} starts said why not, {ready} did without")
    return wrong


def descriptors(rng, rounds, stack):
    chain = Chain(stack, stack.folder / "data")
    chain.start_broker(under=("prlimit", "--nofile=96:96"))
    chain.start_bridge()
    failed = 0
    for _ in range(rounds):
        crowd = []
        for name in rng.choices(list(chain.endpoints), k=200):
            crowd.append(socket.create_connection(("127.0.0.1", int(chain.endpoints[name].rsplit(":", 1)[1]))))
        chain.publish(A_ROUND)
        chain.alive()
        for peer in crowd:
            peer.close()
        wait_for(lambda: chain.alive() and chain.count("accepts_failed_total") > failed, "a connection without a descriptor")
        failed = chain.count("accepts_failed_total")
        wait_for(lambda: chain.alive() and chain.left() == 0, "the queue to be empty", 60)
        chain.feed_goes_on()
    return end_in_order(chain)


def bridge(rng, rounds, stack):
    faults = Faults(stack.folder / "faults")
    chain = Chain(stack, stack.folder / "data")
    chain.start_broker()
    bridge_process = chain.start_bridge(faults)
    for _ in range(rounds):
        faults.allocate.strike(every=rng.choice((1, 2, 3, 7, 50)), after=rng.randrange(20))
        chain.publish(rng.randrange(1, A_ROUND))
        faults.allocate.heal()
        wait_for(lambda: bridge_alive(bridge_process) and chain.left() == 0, "the queue to be empty", 90)
    assert faults.allocate.fired > 0
    print(f"bridge: {faults.allocate.fired} of {faults.allocate.seen} allocations failed")
    return end_in_order(chain)


def bridge_alive(program):
    assert program.process.poll() is None, f"the bridge ended: {program.process.returncode}"
    return True


def subscriber(rng, rounds, stack):
    """Who is joined and follows allocates nothing any more: so each round begins with new ones."""
    broker = Broker(stack).start().wait_ready()
    faults = Faults(stack.folder / "faults", of="libsluice")
    under = ("env", *(f"{key}={value}" for key, value in faults.env.items()))
    keepers = [Keeper(stack, broker, "keeper-1", under=under), Keeper(stack, broker, "cursor-1", cursor=True, under=under),
               Keeper(stack, broker, "cursor-2", "--order", "topic", cursor=True, under=under)]
    ledgers, refused = [], 0
    for number in range(rounds):
        for keeper in keepers:
            faults.allocate.strike(rng.choice((1, 2, 5, 20)), every=rng.choice((1, 2, 3)), after=rng.randrange(60))
            keeper.start()
            if not joins_or_says_why(keeper):
                refused += 1
                faults.allocate.heal()
                keeper.start().wait_ready()
            faults.allocate.heal()
        feeder = Feeder(stack, broker, f"feeder-{number}", events=A_ROUND * 20, rate=20000, seed=rng.randrange(1 << 30))
        ledgers.append(feeder.ledger)
        broker.kill()
        broker.start().wait_ready()
        feeder.wait()
        for keeper in keepers:
            keeper.wait_stored(broker.head())
            keeper.kill()
    assert faults.allocate.fired > 0
    print(f"subscriber: {faults.allocate.fired} of {faults.allocate.seen} allocations failed, {refused} starts said so")
    broker.stop()
    ledger, rows = verdicts(ledgers, keepers)
    return judge(ledger, keepers, rows)


def joins_or_says_why(keeper):
    """@return did it join? Else it said that there is no memory."""
    stdout = keeper.program.process.stdout
    assert select.select([stdout], [], [], 30)[0], f"{keeper.name} neither joins nor ends"
    if stdout.readline():
        return True
    code = keeper.program.process.wait(10)
    assert code == 1 and "subscription: out of memory" in keeper.program.log(), (code, keeper.program.log()[-500:])
    return False


def libzmq(rng, rounds, stack):
    faults = Faults(stack.folder / "faults", of="libzmq")
    chain = Chain(stack, stack.folder / "data", faults)
    chain.start_broker()
    chain.start_bridge()
    aborted = 0
    for _ in range(rounds):
        chain.publish(rng.randrange(1, A_ROUND))
        faults.allocate.strike(1, after=rng.randrange(50))
        deadline = time.monotonic() + 5
        while chain.broker.process.poll() is None and time.monotonic() < deadline and faults.allocate.fired == aborted:
            chain.publish(10)
        faults.allocate.heal()
        if chain.broker.process.poll() is not None or faults.allocate.fired > aborted:
            chain.broker.kill()
            assert chain.broker.process.returncode in (-signal.SIGABRT, -signal.SIGKILL)
            chain.start_broker()
        aborted = faults.allocate.fired
    assert aborted > 0
    print(f"libzmq: {aborted} failed allocations")
    return end_in_order(chain)


SCENARIOS = {function.__name__: function for function in (
    disk_full, disk_errors, memory, starting, descriptors, bridge, subscriber, libzmq)}


def run(name, rounds, seed):
    """@return what is wrong, a list."""
    with Stack() as stack:
        return SCENARIOS[name](random.Random(f"{name} {seed}"), rounds, stack)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--scenario", choices=SCENARIOS)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    o = options.parse_args()
    if o.scenario in (None, "disk_full") and os.geteuid() != 0:
        sys.exit("broker_faults.py: disk_full mounts a small file system, which needs root; --scenario NAME runs one other")
    wrong = []
    for name in [o.scenario] if o.scenario else SCENARIOS:
        begun = time.monotonic()
        found = run(name, o.rounds, o.seed)
        print(f"{name}: rounds={o.rounds} seed={o.seed} wrong={len(found)} {time.monotonic() - begun:.0f} s", flush=True)
        wrong += found
    for problem in wrong:
        print(problem)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
