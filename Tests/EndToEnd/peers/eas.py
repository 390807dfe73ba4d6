"""A simulator of PAI-EAS: a gateway (or an instance) and the discovery of its region, in this process.

Its responses follow the vendor's documentation; `test_eas_simulator.py` verifies it with the vendor's own
client. Tests change it through its attributes while it runs.
"""

import base64
import dataclasses
import hashlib
import hmac
import http.server
import json
import threading

DOCUMENTED = "/exported/apis/eas.alibaba-inc.k8s.io/v1/upstreams/"
NEWER = "/api/v1/servicediscovery/upstreams/"
PREDICT = "/api/predict/"

# The gateway's message for each status in the documentation's list, and those that close the connection.
BODIES = {
    400: "invalid request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "404 not found page",
    405: "Method Not Allowed",
    408: "Request Timeout",
    429: "Too Many Requests",
    450: "request is dropped: the queue of the instance is full",
    500: "internal error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "no healthy upstream",
    504: "upstream request timeout",
    505: "HTTP Version Not Supported",
}
CLOSING = {408, 450}


@dataclasses.dataclass
class Service:
    """A service of the gateway. Without a token any client may call it."""

    token: str = ""
    # Returned instead of a result; in order, the last one permanently.
    statuses: list = dataclasses.field(default_factory=list)
    # Maps the request's body to the response's.
    work: object = staticmethod(lambda body: body)


@dataclasses.dataclass
class Call:
    method: str
    path: str
    headers: dict
    body: bytes
    # How it was authorised: "bearer", "raw", "eas" (a signature), "none", or "wrong".
    scheme: str = ""


class Discovery:
    """The discovery API."""

    def __init__(self):
        self.upstreams = {}  # service: list of items, or bytes that are returned unchanged
        self.paths = {DOCUMENTED, NEWER}
        self.status = 200
        self.delay = 0.0
        self.drip = False  # one byte at a time
        self.etags = False
        self.calls = []

    def set(self, service, *endpoints):
        """`("10.0.0.5", 50000, 100)` each; or items, used unchanged."""
        self.upstreams[service] = [
            one if isinstance(one, dict)
            else {"app": service.replace("_", "-"), "ip": one[0], "port": one[1], "weight": one[2]}
            for one in endpoints
        ]  # fmt: skip

    def body(self, service):
        upstream = self.upstreams[service]
        if isinstance(upstream, bytes):
            return upstream
        response = {"correlative": [service], "endpoints": {"items": upstream}}
        return json.dumps(response).encode()


class EAS:
    """The simulator. `address` is host and port, `url` the same as a URL."""

    def __init__(self, port=0):
        self.services = {}
        self.discovery = Discovery()
        self.calls = []
        self.ended = threading.Event()
        simulator = self

        class Handler(_Handler):
            eas = simulator

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.address}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def serve(self, name, **more):
        self.services[name] = Service(**more)
        return self.services[name]

    def stop(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def signature(token, body, content_type, date, path):
    """The signature of the vendor's clients: of five lines, the body by its digest."""
    digest = hashlib.md5(body).hexdigest()
    text = "\n".join(["POST", digest, content_type, date, path])
    mac = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return "EAS " + base64.b64encode(mac).decode()


def scheme(token, call):
    """How a call is authorised for a service with this token."""
    shown = call.headers.get("authorization", "")
    if not token:
        return "none"
    if hmac.compare_digest(shown, token):
        return "raw"
    if hmac.compare_digest(shown, f"Bearer {token}"):
        return "bearer"
    if shown.startswith("EAS "):
        expected = signature(
            token, call.body, call.headers.get("content-type", ""), call.headers.get("date", ""),
            call.path,
        )  # fmt: skip
        digest = hashlib.md5(call.body).hexdigest()
        if hmac.compare_digest(shown, expected) and call.headers.get("content-md5") == digest:
            return "eas"
    return "wrong"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    eas = None

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        discovery = self.eas.discovery
        for prefix in (DOCUMENTED, NEWER):
            if path.startswith(prefix):
                headers = {name.lower(): value for name, value in self.headers.items()}
                discovery.calls.append(Call("GET", self.path, headers, b""))
                if prefix not in discovery.paths:
                    return self.respond(404, b"404 page not found")
                return self.discover(discovery, path.removeprefix(prefix))
        self.predict(b"")

    def do_POST(self):
        self.predict(self.rfile.read(int(self.headers.get("content-length", 0))))

    def discover(self, discovery, service):
        if discovery.delay:
            self.eas.ended.wait(discovery.delay)
        if discovery.status != 200:
            return self.respond(discovery.status, BODIES.get(discovery.status, "no").encode())
        if service not in discovery.upstreams:
            return self.respond(404, b"service not found")
        body = discovery.body(service)
        if discovery.drip:
            return self.drip(body)
        if not discovery.etags:
            return self.respond(200, body, "application/json")
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("if-none-match") == etag:
            return self.respond(304, b"", etag=etag)
        self.respond(200, body, "application/json", etag=etag)

    def drip(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.eas.ended.wait(0.2):
                    break
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def predict(self, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, self.path, headers, body)
        self.eas.calls.append(call)
        name = self.path.split("?")[0].removeprefix(PREDICT).split("/")[0]
        if not self.path.startswith(PREDICT) or name not in self.eas.services:
            return self.respond(404, BODIES[404].encode())
        service = self.eas.services[name]
        call.scheme = scheme(service.token, call)
        if call.scheme == "wrong":
            return self.respond(401, BODIES[401].encode())
        if service.statuses:
            status = service.statuses.pop(0) if len(service.statuses) > 1 else service.statuses[0]
            if status != 200:
                return self.respond(status, BODIES[status].encode())
        if self.command != "POST":
            return self.respond(405, BODIES[405].encode())
        self.respond(200, service.work(body), "application/octet-stream")

    def respond(self, status, body, kind="text/plain", etag=None):
        try:
            self.send_response(status, "Dropped" if status == 450 else None)
            if status != 304:
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
            if etag:
                self.send_header("etag", etag)
            if status in CLOSING:
                self.send_header("connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
