"""A relay between two ends of TCP: bytes pass, when they may."""

import contextlib
import socket
import threading


class Relay:
    """Listens on a free port of loopback; what comes there goes to `target`, and back. While it stands still both
    sides see silence, as on a wire that was cut, and their connections live."""

    def __init__(self, target):
        host, port = target.removeprefix("tcp://").rsplit(":", 1)
        self.target = host, int(port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.flowing = threading.Event()
        self.flowing.set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                ends = self.listener.accept()[0], socket.create_connection(self.target)
                for source, sink in (ends, ends[::-1]):
                    threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def pump(self, source, sink):
        with source, contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.flowing.wait()
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)  # its own pump ends, and closes it

    @contextlib.contextmanager
    def stands_still(self):
        self.flowing.clear()
        try:
            yield
        finally:
            self.flowing.set()

    def close(self):
        self.listener.close()
