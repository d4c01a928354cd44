"""A server that says what a test tells it to: answers that mns-local never gives.

    with Scripted(lambda call: answer(403, error("AccessDenied"))) as server:
        … server.endpoint …

A script is a function from a Call to the bytes of an answer, or None to hang up without one."""

import http.server
import threading
import urllib.parse

XML = "text/xml;charset=utf-8"


class Call:
    """One request: verb, path, query as a dict, headers."""

    def __init__(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        self.verb, self.path, self.query = handler.command, url.path, dict(urllib.parse.parse_qsl(url.query))
        self.headers, self.body = handler.headers, body


def answer(status, body="", content_type=XML, **headers):
    return status, {"Content-Type": content_type, "x-mns-request-id": "5B2E1F0000000000000000AA", **headers}, body


def error(code, message="as the test has it"):
    return (f'<?xml version="1.0"?><Error xmlns="http://mns.aliyuncs.com/doc/v1"><Code>{code}</Code>'
            f"<Message>{message}</Message><RequestId>5B2E1F0000000000000000AA</RequestId>"
            f"<HostId>http://mns</HostId></Error>")


class Scripted:
    """Serves on a free port until the block ends.  `tls` is an ssl.SSLContext."""

    def __init__(self, script, tls=None, date=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.calls.append(Call(self, body))
                said = script(outer.calls[-1])
                if said is None:
                    self.close_connection = True
                    return
                status, headers, text = said
                data = text if isinstance(text, bytes) else text.encode()
                self.send_response_only(status)
                self.send_header("Date", date() if date else self.date_time_string())
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data if status != 204 else b"")

            do_GET = do_PUT = do_POST = do_DELETE = serve

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass  # a client that gives up, or a TLS handshake that fails, is what a test wants

        self.calls = []
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
