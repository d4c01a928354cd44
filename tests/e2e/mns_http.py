"""MNS over plain HTTP, from its documentation alone: what the tests set up and feed queues with.

It shares no code with libmns, so a mistake in our signing or XML cannot cancel itself out."""

import base64
import email.utils
import hashlib
import hmac
import http.client
import time
import urllib.parse
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

VERSION = "2015-06-06"


class MnsError(Exception):
    def __init__(self, status, code, text):
        super().__init__(f"{status} {code}: {text}")
        self.status, self.code = status, code


IDLE_S = 5  # a server may close a connection that was idle for longer than this


class Mns:
    """One connection to one endpoint, kept alive while it is used."""

    def __init__(self, endpoint, key_id, key_secret):
        url = urllib.parse.urlsplit(endpoint)
        self.key_id, self.key_secret = key_id, key_secret
        self.http = http.client.HTTPConnection(url.hostname, url.port, timeout=40)
        self.used = 0.0

    def close(self):
        self.http.close()

    def call(self, verb, target, body=""):
        """Signs, sends, and returns (status, root element or None); errors are MnsError."""
        data = body if isinstance(body, bytes) else body.encode()
        headers = {"Date": email.utils.formatdate(usegmt=True), "x-mns-version": VERSION}
        if data:
            headers["Content-Type"] = "text/xml"
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(data).hexdigest().encode()).decode()
        text = "\n".join([verb, headers.get("Content-MD5", ""), headers.get("Content-Type", ""),
                          headers["Date"], f"x-mns-version:{VERSION}", target])
        digest = hmac.new(self.key_secret.encode(), text.encode(), hashlib.sha1).digest()
        headers["Authorization"] = f"MNS {self.key_id}:{base64.b64encode(digest).decode()}"
        if time.monotonic() - self.used > IDLE_S:
            self.http.close()  # it opens anew by itself
        self.http.request(verb, target, data or None, headers)
        answer = self.http.getresponse()
        raw = answer.read()
        self.used = time.monotonic()
        root = ET.fromstring(raw) if raw else None
        if answer.status >= 400:
            raise MnsError(answer.status, find(root, "Code"), find(root, "Message"))
        return answer.status, root

    def create_queue(self, name, **attributes):
        inner = "".join(f"<{k}>{v}</{k}>" for k, v in attributes.items())
        return self.call("PUT", f"/queues/{name}", f"<Queue>{inner}</Queue>")

    def create_topic(self, name):
        return self.call("PUT", f"/topics/{name}", "<Topic></Topic>")

    def subscribe(self, topic, name, endpoint, content_format, strategy="BACKOFF_RETRY"):
        return self.call("PUT", f"/topics/{topic}/subscriptions/{name}",
                         f"<Subscription><Endpoint>{endpoint}</Endpoint><NotifyStrategy>{strategy}</NotifyStrategy>"
                         f"<NotifyContentFormat>{content_format}</NotifyContentFormat></Subscription>")

    def publish(self, topic, body):
        """Returns the MessageId that the topic gave."""
        _, root = self.call("POST", f"/topics/{topic}/messages",
                            f"<Message><MessageBody>{escape(body)}</MessageBody></Message>")
        return find(root, "MessageId")

    def send(self, queue, body):
        _, root = self.call("POST", f"/queues/{queue}/messages",
                            f"<Message><MessageBody>{escape(body)}</MessageBody></Message>")
        return find(root, "MessageId")

    def queue_counts(self, name):
        """(active, inactive) messages."""
        _, root = self.call("GET", f"/queues/{name}")
        return int(find(root, "ActiveMessages")), int(find(root, "InactiveMessages"))


def find(root, name):
    """The text of the first element with this local name; "" when there is none."""
    if root is None:
        return ""
    for element in root.iter():
        if element.tag.rsplit("}", 1)[-1] == name:
            return element.text or ""
    return ""
