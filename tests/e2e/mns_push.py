"""What the tests push with: MNS's signature from its documentation alone, and servers of certificates.

It shares no code with libmns or mns-local, so a mistake in our signing cannot cancel itself out."""

import base64
import datetime
import email.utils
import hashlib
import http.client
import http.server
import ipaddress
import json
import socket
import ssl
import threading
import time
import urllib.parse
import uuid
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

ACCOUNT = "123456789012"


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(key, name="notify", issuer=None, is_ca=False, expired=False):
    """PEM.  `issuer`: (key, name) of the CA that signs it; else it is signed by itself."""
    now = datetime.datetime.utcnow()
    issuer_key, issuer_name = issuer or (key, name)
    day = datetime.timedelta(days=1)
    builder = (x509.CertificateBuilder()
               .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
               .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)]))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now - 9 * day).not_valid_after(now - 8 * day if expired else now + day)
               .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True))
    if not is_ca and not expired:
        builder = builder.add_extension(x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                             serialization.NoEncryption())


class Authority:
    """A CA, and files of a server's certificate that it signed for localhost and 127.0.0.1."""

    def __init__(self, folder):
        ca_key, key = new_key(), new_key()
        self.ca_file, self.certificate_file, self.key_file = (folder / n for n in ("ca.pem", "server.pem", "key.pem"))
        self.ca_file.write_bytes(certificate(ca_key, "test CA", is_ca=True))
        self.certificate_file.write_bytes(certificate(key, "localhost", issuer=(ca_key, "test CA")))
        self.key_file.write_bytes(key_pem(key))


class CertificateServer:
    """HTTPS on localhost that hands out one certificate and notes who asked; it may be down and come up."""

    def __init__(self, authority, pem):
        self.pem, self.asked = pem, []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(authority.certificate_file, authority.key_file)
        with socket.socket() as probe:  # a free port, that nobody serves until start()
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = f"localhost:{self.port}"
        self.url = f"https://{self.host}/x509_public_certificate.pem"
        self.server = None

    def start(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.pem)))
                self.end_headers()
                self.wfile.write(outer.pem)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def job(n):
    return json.dumps({"Category": "Job", "Event": "OnJobFailed", "JobId": f"job-{n}"})


def body_of(content_format, message_id, text, topic="batch", owner=ACCOUNT):
    """The body of a push, as the subscription's format has it."""
    members = {"TopicOwner": owner, "TopicName": topic, "Subscriber": owner, "SubscriptionName": "s",
               "MessageId": message_id, "Message": text,
               "MessageMD5": hashlib.md5(text.encode()).hexdigest().upper(), "PublishTime": "1780315200123"}
    if content_format == "JSON":
        return json.dumps(members)
    if content_format == "XML":
        inner = "".join(f"<{k}>{escape(v)}</{k}>" for k, v in members.items())
        return ('<?xml version="1.0" encoding="utf-8"?>'
                f'<Notification xmlns="http://mns.aliyuncs.com/doc/v1/">{inner}</Notification>')
    return text


class Push:
    """One push as MNS sends it; a test may change what it likes, before or after it is signed."""

    def __init__(self, sender, text, content_format="SIMPLIFIED", message_id=None, topic="batch", owner=ACCOUNT):
        self.sender = sender
        self.method, self.target = "POST", sender.path
        self.id = message_id or uuid.uuid4().hex.upper()
        self.body = body_of(content_format, self.id, text, topic, owner).encode()
        self.headers = {
            "x-mns-version": "2015-06-06", "x-mns-request-id": uuid.uuid4().hex[:24].upper(),
            "x-mns-message-id": self.id, "x-mns-topic-owner": owner, "x-mns-topic-name": topic,
            "x-mns-subscriber": owner, "x-mns-subscription-name": "s", "x-mns-publish-time": "1780315200123",
            "x-mns-signing-cert-url": base64.b64encode(sender.cert_url.encode()).decode(),
            "Content-MD5": hashlib.md5(self.body).hexdigest().upper(),
            "Content-Type": "text/plain;charset=utf-8", "Date": email.utils.formatdate(usegmt=True),
            "User-Agent": "Aliyun Notification Service Agent"}

    def sign(self, key=None):
        mns = sorted((k.lower(), v) for k, v in self.headers.items() if k.lower().startswith("x-mns-"))
        text = "\n".join([self.method, *(self.headers.get(k, "") for k in ("Content-MD5", "Content-Type", "Date")),
                          *(f"{k}:{v}" for k, v in mns), self.target])
        signature = (key or self.sender.key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA1())
        self.headers["Authorization"] = base64.b64encode(signature).decode()
        return self

    def head(self):
        """Request line and headers, as bytes."""
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: bridge",
                 *(f"{k}: {v}" for k, v in self.headers.items()), f"Content-Length: {len(self.body)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def send(self, timeout=20):
        """@return the answer's status."""
        connection = self.sender.connect(timeout)
        try:
            connection.request(self.method, self.target, self.body, self.headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


class Sender:
    """MNS's side of one subscription."""

    def __init__(self, key, url, path, cert_url, ca_file=None):
        self.key, self.path, self.cert_url = key, path, cert_url
        self.at = urllib.parse.urlsplit(url)
        self.context = ssl.create_default_context(cafile=ca_file) if self.at.scheme == "https" else None

    def connect(self, timeout=20):
        if self.context:
            return http.client.HTTPSConnection(self.at.hostname, self.at.port, timeout=timeout, context=self.context)
        return http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=timeout)

    def push(self, text, content_format="SIMPLIFIED", **more):
        return Push(self, text, content_format, **more)

    def deliver(self, text, content_format="SIMPLIFIED", within=60, pause=0.05):
        """Pushes until it is taken, as MNS does.  @return the statuses on the way; 0: no answer."""
        statuses = []
        message_id = uuid.uuid4().hex.upper()
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            try:
                statuses.append(self.push(text, content_format, message_id=message_id).sign().send(timeout=5))
            except OSError:
                statuses.append(0)
            if statuses[-1] == 204:
                return statuses
            time.sleep(pause)  # between tries, not for a condition
        raise TimeoutError(f"not taken within {within} s: {statuses[-5:]}")
