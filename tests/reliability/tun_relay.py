"""A wire that loses, delays and is cut: two network namespaces, a TUN device in each, and this process between them.

    near 10.77.0.1 -- tun --> [delay, loss, cut] --> tun -- 10.77.0.2 far

What programs in them say to each other is real TCP on real packets, so that loss is TCP's to repair and a cut is
silence. Loss is in both directions; a delay from far to near is what `netem delay` at the far interface would be, --back-ms
adds one the other way. The namespaces have no name and nothing outside knows them: they end with this process. A program joins one
with `nsenter --net=/proc/PID/fd/FD`; both are in the ready line. On standard input:

    cut     nothing passes, and what is under way is gone; answered "cut TIME"
    mend    it passes again; answered "mended TIME"

TIME is the Unix time in nanoseconds. Loss is drawn from the seed, one draw a packet and direction."""

import argparse
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
NEAR, FAR = "10.77.0.1", "10.77.0.2"

_libc = ctypes.CDLL(None, use_errno=True)


def unshare_net():
    if _libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def set_tcp(name, value):
    """@return what is in force: a kernel may not have what was asked for."""
    path = f"/proc/sys/net/ipv4/{name}"
    try:
        with open(path, "w") as setting:
            setting.write(value)
    except OSError:
        pass
    with open(path) as setting:
        return setting.read().strip()


def mtu_for(congestion):
    """A TCP that takes every lost packet for congestion carries 180 KB/s on the default wire with 1,500 bytes a packet,
    less than the runs' load: it gets larger ones."""
    return 1500 if congestion == "bbr" else 9000


def make_end(address, peer, congestion):
    """Moves this process into a new namespace with one device; returns (namespace, device, congestion control)."""
    unshare_net()
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"wire", IFF_TUN | IFF_NO_PI))
    ip("link", "set", "lo", "up")
    ip("addr", "add", address, "peer", peer, "dev", "wire")
    set_tcp("tcp_no_metrics_save", "1")  # a connection knows nothing of those before: a run repeats itself
    congestion = set_tcp("tcp_congestion_control", congestion)
    ip("link", "set", "wire", "mtu", str(mtu_for(congestion)), "txqueuelen", "10000", "up")
    return os.open("/proc/self/ns/net", os.O_RDONLY), tun, congestion


class Wire:
    def __init__(self, options, ends):
        self.options, self.ends = options, ends
        self.delay_s = dict(zip(ends, (options.back_ms / 1000, options.delay_ms / 1000)))
        self.random = {end: random.Random(options.seed + i) for i, end in enumerate(ends)}
        self.under_way = []  # (due, order, to, packet)
        self.order = self.passed = self.lost = 0
        self.is_cut = False

    def take(self, end):
        other = self.ends[1 - self.ends.index(end)]
        while True:
            try:
                packet = os.read(end, 65536)
            except BlockingIOError:
                return
            lost = self.random[end].random() < self.options.loss
            if lost or self.is_cut:
                self.lost += lost
                continue
            self.order += 1
            heapq.heappush(self.under_way, (time.monotonic() + self.delay_s[end], self.order, other, packet))

    def deliver(self):
        """Hands over what is due; returns the seconds until the next is."""
        while self.under_way:
            left = self.under_way[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, end, packet = heapq.heappop(self.under_way)
            self.passed += 1
            try:
                os.write(end, packet)
            except OSError:
                self.lost += 1  # its queue is full: that too is loss
        return None

    def obey(self, word):
        if word not in ("cut", "mend"):
            raise SystemExit(f"no such command: {word!r}")
        self.is_cut = word == "cut"
        if self.is_cut:
            self.under_way.clear()
        print("cut" if self.is_cut else "mended", time.time_ns(), flush=True)

    def run(self):
        while True:
            ready, _, _ = select.select([*self.ends, sys.stdin], [], [], self.deliver())
            for end in self.ends:
                if end in ready:
                    self.take(end)
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    print(f"passed={self.passed} lost={self.lost}", flush=True)
                    return
                self.obey(line.strip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loss", type=float, default=0.01)
    parser.add_argument("--delay-ms", type=float, default=50, help="from far to near")
    parser.add_argument("--back-ms", type=float, default=0, help="from near to far")
    parser.add_argument("--congestion", default="bbr")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    near, near_tun, _ = make_end(NEAR, FAR, options.congestion)
    far, far_tun, congestion = make_end(FAR, NEAR, options.congestion)
    print(f"ready pid={os.getpid()} near={near} far={far} near_address={NEAR} far_address={FAR} congestion={congestion}",
          flush=True)
    Wire(options, [near_tun, far_tun]).run()


if __name__ == "__main__":
    main()
