"""MNS as bytes: signed requests written by hand, answers read strictly.

Python's own HTTP client tidies what it sends and forgives what it reads; here a test decides every
byte that goes out, and an answer that is not HTTP as it should be is an error.  Shares no code with
libmns or mns-local."""

import base64
import email.utils
import hashlib
import hmac
import socket
import time
import xml.etree.ElementTree as ET

VERSION = "2015-06-06"
NAMESPACE = "http://mns.aliyuncs.com/doc/v1"


def http_date(skew_s=0):
    return email.utils.formatdate(time.time() + skew_s, usegmt=True)


def md5_base64_hex(data):
    """Content-MD5 as most clients write it: Base64 of the lower-case hex digits."""
    return base64.b64encode(hashlib.md5(data).hexdigest().encode()).decode()


def string_to_sign(verb, resource, headers):
    """Signature version 2, over headers as (name, value) pairs."""
    lower = [(name.lower(), value.strip()) for name, value in headers]
    first = {}
    for name, value in lower:
        first.setdefault(name, value)
    date = first.get("x-mns-date", first.get("date", ""))
    ours = sorted((pair for pair in lower if pair[0].startswith("x-mns-")), key=lambda pair: pair[0])
    return "\n".join([verb, first.get("content-md5", ""), first.get("content-type", ""), date,
                      *(f"{name}:{value}" for name, value in ours), resource])


def signature(secret, text):
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()


class Request:
    """A request that is right unless told otherwise; a header given as None is left out.

    signed     headers besides the usual ones, signed where they are x-mns-
    unsigned   headers added after signing
    signs      the resource that is signed, when it is not the target as sent"""

    def __init__(self, verb, target, body=b"", *, key="", secret="", signed=(), unsigned=(), signs=None,
                 authorization="", http="HTTP/1.1", host="127.0.0.1", chunks=None, **usual):
        self.verb, self.target, self.http, self.chunks = verb, target, http, chunks
        self.body = body if isinstance(body, bytes) else body.encode()
        values = {"Date": http_date(), "x-mns-version": VERSION, "Host": host}
        if self.body:
            values["Content-Type"] = "text/xml"
            values["Content-MD5"] = md5_base64_hex(self.body)
        values.update({name.replace("_", "-"): value for name, value in usual.items()})
        headers = [(name, value) for name, value in values.items() if value is not None] + list(signed)
        if authorization == "":
            text = string_to_sign(verb, target if signs is None else signs, headers)
            authorization = f"MNS {key}:{signature(secret, text)}"
        if authorization is not None:
            headers.append(("Authorization", authorization))
        headers += self._framing()
        self.headers = headers + list(unsigned)

    def _framing(self):
        if self.chunks is not None:
            return [("Transfer-Encoding", "chunked")]
        return [("Content-Length", str(len(self.body)))] if self.body else []

    def head(self):
        lines = [f"{self.verb} {self.target} {self.http}"] + [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def payload(self):
        if self.chunks is None:
            return self.body
        out, at = b"", 0
        for size in [*self.chunks, len(self.body)]:
            piece = self.body[at:at + size]
            at += len(piece)
            if piece:
                out += b"%x\r\n%s\r\n" % (len(piece), piece)
        return out + b"0\r\n\r\n"

    def __bytes__(self):
        return self.head() + self.payload()


class Answer:
    def __init__(self, version, status, headers, body):
        self.version, self.status, self.headers, self.body = version, status, headers, body

    def header(self, name):
        """The one header of that name, any case; "" when there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else ""

    @property
    def text(self):
        return self.body.decode()

    def xml(self):
        return ET.fromstring(self.body)

    def find(self, name):
        """The text of the first element of that name; None when there is none."""
        for element in self.xml().iter(f"{{{NAMESPACE}}}{name}"):
            return element.text or ""
        return None

    def find_all(self, name):
        return [element.text or "" for element in self.xml().iter(f"{{{NAMESPACE}}}{name}")] if self.body else []

    def __repr__(self):
        return f"{self.status} {self.body.decode(errors='replace')[:600]!r}"


class Wire:
    """One connection."""

    def __init__(self, port, timeout_s=40):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb")

    def close(self):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(bytes(data))

    def at_end(self):
        """Has the server closed, with nothing more said?"""
        return self.reader.read(1) == b""

    def head(self):
        """(version, status, headers) of the next answer."""
        line = self.reader.readline()
        if not line:
            raise ConnectionError("the server closed without an answer")
        version, status, _ = line.decode().split(" ", 2)
        headers = []
        while (line := self.reader.readline()) not in (b"\r\n", b""):
            name, value = line.decode().rstrip("\r\n").split(":", 1)
            headers.append((name, value.strip()))
        return version, int(status), headers

    def answer(self):
        version, status, headers = self.head()
        sizes = [value for name, value in headers if name.lower() == "content-length"]
        if status == 204:
            assert sizes in ([], ["0"]), f"a 204 with Content-Length {sizes}"
            size = 0
        else:
            assert len(sizes) == 1, f"Content-Length came {len(sizes)} times"
            size = int(sizes[0])
        body = self.reader.read(size)
        assert len(body) == size, "the answer was cut short"
        return Answer(version, status, headers, body)
