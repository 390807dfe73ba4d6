"""A simulator of a PAI-EAS processor and its gateway: HTTP/1.1 in this process.

It verifies tokens and signatures, returns any status, and records requests byte by byte.
"""

import base64
import dataclasses
import hashlib
import hmac
import socket
import socketserver
import threading

TEXTS = {
    400: "invalid request", 401: "Unauthorized", 403: "Forbidden", 404: "404 not found page",
    405: "Method Not Allowed", 408: "Request Timeout", 413: "Request Entity Too Large",
    429: "Too Many Requests", 450: "the request is dropped", 500: "internal error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "no healthy upstream",
    504: "upstream request timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip


@dataclasses.dataclass
class Request:
    connection: int
    line: str
    fields: dict
    head: bytes
    body: bytes
    scheme: str


class PredictServer:
    """Listens immediately; `responses` has the responses to the next requests, then `default` applies.

    A response is a function of the request that returns the bytes to send, or None to close the connection
    without a response. It's also closed after a response with `connection: close`.
    """

    def __init__(self, token="", port=0):
        self.token = token
        self.responses = []
        self.default = lambda request: good(request.body)
        self.requests = []
        self.connections = []
        self.closed_count = 0
        self.lock = threading.Lock()
        peer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                peer.serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def serve(self, connection):
        with self.lock:
            self.connections.append(connection)
            number = len(self.connections)
        reader = connection.makefile("rb")
        try:
            while request := self.read(reader, number):
                with self.lock:
                    self.requests.append(request)
                    response = self.responses.pop(0) if self.responses else self.default
                if request.scheme == "wrong":
                    response = status(401)
                sent = response(request) if response else None
                if sent is None:
                    break
                connection.sendall(sent)
                if b"\r\nconnection: close\r\n" in sent.split(b"\r\n\r\n")[0] + b"\r\n":
                    break
        except OSError:
            pass
        finally:
            with self.lock:
                self.closed_count += 1
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def read(self, reader, number):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if not line:
                return None
            head += line
        lines = head.decode().split("\r\n")[:-2]
        fields = dict(line.split(": ", 1) for line in lines[1:])
        body = reader.read(int(fields.get("content-length", 0)))
        request = Request(number, lines[0], fields, head, body, "")
        request.scheme = self.scheme(request)
        return request

    def scheme(self, request):
        """How a request is authorised."""
        shown = request.fields.get("authorization", "")
        if not self.token:
            return "none"
        if shown == self.token:
            return "raw"
        if shown == f"Bearer {self.token}":
            return "bearer"
        digest = hashlib.md5(request.body).hexdigest()
        text = "\n".join(
            ["POST", digest, request.fields.get("content-type", ""),
             request.fields.get("date", ""), request.line.split(" ")[1]]
        )  # fmt: skip
        mac = hmac.new(self.token.encode(), text.encode(), hashlib.sha1).digest()
        expected = "EAS " + base64.b64encode(mac).decode()
        if shown == expected and request.fields.get("content-md5") == digest:
            return "eas"
        return "wrong"

    def close_connections(self):
        """Closes all connections, like a server that closes idle ones."""
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.close_connections()
        self.thread.join()


def response(code, body, *lines, reason="x"):
    head = [f"HTTP/1.1 {code} {reason}", *lines]
    return "\r\n".join([*head, "", ""]).encode() + body


def good(body, *lines):
    return response(200, body, f"content-length: {len(body)}", *lines)


def status(code, *lines):
    """The gateway's response with this status; 408 and 450 close the connection."""
    text = TEXTS[code].encode()
    closing = ["connection: close"] if code in (408, 450) else []
    return lambda request: response(
        code, text, "content-type: text/plain", f"content-length: {len(text)}", *closing, *lines
    )


def chunked(body, size):
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return response(200, chunks + b"0\r\n\r\n", "transfer-encoding: chunked")
