"""A bad wire between broker and subscriber: 1 % loss, 50 ms delay, and cuts. No gap goes unnoticed.

    feeder --> broker  ==far== [tun_relay.py: loss, delay, cuts] ==near==  keeper

The keeper's watchdog is 500 ms. From its history: how long after a cut it counted the connection as dead, and how long
after the mend it had stored everything that the broker had sealed until then. At the end it must have each event once.

    wire_run.py --cuts 20 --cut-s 10 --rate 2000 --seed 1"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
import types

from runs import (AWAY, EVENT, JOINED, Broker, Feeder, Keeper, Stack, finish, judge, verdicts, wait_for)
from relay import Relay

WATCHDOG_MS = 500
NOTICED_WITHIN_S, COMPLETE_WITHIN_S = 1.0, 3.0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--cut-s", type=float, default=10)
    parser.add_argument("--rest-s", type=float, default=5, help="of whole wire after each cut, and up to half of it more")
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--delay-ms", type=float, default=50, help="from the broker to the subscriber")
    parser.add_argument("--back-ms", type=float, default=0, help="from the subscriber to the broker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slack-s", type=float, default=0,
                        help="added to what completeness may take, where others use the machine too")
    parser.add_argument("--wire", choices=("tun", "tcp"), default="tun")
    parser.add_argument("--durability", choices=("disk", "os"), default="disk")
    options = parser.parse_args()
    if options.wire == "tun" and not may_tun():
        sys.exit("wire_run.py: a wire that loses and delays needs root, /dev/net/tun and nsenter; --wire tcp has cuts only")
    return options


class TunWire:
    """tun_relay.py at work."""

    kind = "tun"

    def __init__(self, stack, options):
        script = pathlib.Path(__file__).with_name("tun_relay.py")
        self.program = stack.start("wire", [sys.executable, script, "--loss", options.loss, "--delay-ms",
                                            options.delay_ms, "--back-ms", options.back_ms, "--seed", options.seed], stdin=subprocess.PIPE).wait_ready()
        self.places = self.program.endpoints
        self.host = self.places["far_address"]
        self.kind = f"tun/{self.places['congestion']}"

    def under(self, end):
        """What a program's command begins with when it runs at that end."""
        return ("nsenter", f"--net=/proc/{self.places['pid']}/fd/{self.places[end]}", "--")

    def through(self, endpoint):
        return endpoint

    def tell(self, word):
        """`cut` or `mend`; returns when, in Unix nanoseconds."""
        self.program.process.stdin.write(word.encode() + b"\n")
        self.program.process.stdin.flush()
        return int(self.program.process.stdout.readline().split()[1])

    def end(self):
        self.program.process.stdin.close()
        return self.program.process.stdout.readline().decode().strip()


class TcpWire:
    """By hand, where no namespace or TUN device may be made: relays on loopback that stand still. Cuts, but neither loss nor
    delay, which TCP would hide from a relay above it."""

    host, kind = "127.0.0.1", "tcp"

    def __init__(self, stack, options):
        self.relays = []
        options.loss = options.delay_ms = options.back_ms = 0  # the figures say so

    def under(self, end):
        return ()

    def through(self, endpoint):
        """The endpoint at which the near end finds what listens at the far end."""
        self.relays.append(Relay(endpoint))
        return self.relays[-1].endpoint

    def tell(self, word):
        for relay in self.relays:
            relay.flowing.clear() if word == "cut" else relay.flowing.set()
        return time.time_ns()

    def end(self):
        for relay in self.relays:
            relay.close()
        return "none counted"


def may_tun():
    """Are we allowed to make namespaces and TUN devices?"""
    return os.geteuid() == 0 and os.access("/dev/net/tun", os.R_OK | os.W_OK) and shutil.which("nsenter") is not None


def cut_and_mend(wire, options, watched):
    """The cuts, one after another: [(cut, mended)] in nanoseconds."""
    moments, cuts = random.Random(options.seed), []
    for _ in range(options.cuts):
        rest = options.rest_s * moments.uniform(1, 1.5)
        for seconds, word in ((rest, None), (options.cut_s, "cut")):
            when = wire.tell(word) if word else None
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                for program in watched:
                    program.expect_alive()
                time.sleep(0.05)
        cuts.append((when, wire.tell("mend")))
    return cuts


def delays(records, cuts):
    """Per cut: seconds from the cut to its notice, and from the mend until all sealed by then was stored."""
    noticed, complete = [], []
    marks = [(r[3], r[7]) for r in records if r[7] in (AWAY, JOINED)]
    for cut, mended in cuts:
        before = [kind for at, kind in marks if at <= cut]
        away = [at for at, kind in marks if cut < at <= mended and kind == AWAY]
        if before and before[-1] == AWAY:
            noticed.append(0.0)  # it was about to connect anew already, for a lost packet's sake
        else:
            noticed.append((away[0] - cut) / 1e9 if away else float("inf"))
        stored = [r[3] for r in records if r[7] == EVENT and r[2] <= mended]
        complete.append(max(0.0, (max(stored) - mended) / 1e9))
    return noticed, complete


def main():
    options = parse()
    with Stack() as stack:
        wire = {"tun": TunWire, "tcp": TcpWire}[options.wire](stack, options)
        far, near = wire.under("far"), wire.under("near")
        broker = Broker(stack, "--durability", options.durability, host=wire.host, under=far).start().wait_ready()
        seen = types.SimpleNamespace(feed=wire.through(broker.feed), query=wire.through(broker.query))
        keeper = Keeper(stack, seen, "keeper", "--watchdog-ms", WATCHDOG_MS, under=near).start().wait_ready()
        seconds = options.cuts * (options.cut_s + options.rest_s * 1.5) + options.rest_s
        feeder = Feeder(stack, broker, under=far, events=int(options.rate * seconds), rate=options.rate, size=options.size,
                        seed=options.seed)
        wait_for(lambda: keeper.stored() > 0, "the load")
        cuts = cut_and_mend(wire, options, (broker, keeper))
        feeder.wait()
        keeper.wait_stored(int(options.rate * seconds))
        for program in (keeper, broker):
            program.stop()
        passed = wire.end()
        ledger, rows = verdicts([feeder.ledger], [keeper])
        problems = judge(ledger, [keeper], rows)
        noticed, complete = delays(list(keeper.records()), cuts)
        for what, values, limit in (("noticed", noticed, NOTICED_WITHIN_S),
                                    ("complete", complete, COMPLETE_WITHIN_S + options.slack_s)):
            problems += [f"cut {i + 1}: {what} after {value:.2f} s" for i, value in enumerate(values) if value > limit]
        return finish(
            f"wire run: seed={options.seed} loss={options.loss:.0%} delay_ms={options.delay_ms:g}+{options.back_ms:g} wire="
            f"{wire.kind} cuts={options.cuts}x{options.cut_s:g}s rate={options.rate}/s events="
            f"{ledger['events']} packets: {passed}; noticed_max_s={max(noticed, default=0):.2f} complete_max_s={max(complete, default=0):.2f} "
            f"reconnects={rows[0]['away']} missing={rows[0]['missing']} repeats={rows[0]['repeats']} "
            f"lost={rows[0]['lost']}", problems)


if __name__ == "__main__":
    sys.exit(main())
