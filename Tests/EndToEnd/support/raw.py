"""Handwritten HTTP/1.1, for requests that well-behaved clients never send."""

import dataclasses
import json
import socket


@dataclasses.dataclass
class Response:
    version: str
    status: int
    headers: list
    body: bytes

    def header(self, name):
        """The only field of this name; None if there is none."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} occurs {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)


class Closed(Exception):
    """The connection ended before or within a response."""


class Connection:
    """A socket to the bridge. Every wait is bounded."""

    def __init__(self, address, seconds=15.0):
        self.socket = socket.create_connection(address, timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part if isinstance(part, bytes) else part.encode())

    def request(self, method, target, headers=(), body=None, version="HTTP/1.1"):
        """Sends one well-formed request with a length."""
        self.send(request_bytes(method, target, headers, body, version))

    def end_sending(self):
        """Closes only the sending side."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes the connection with a reset."""
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            raise Closed("reset") from None
        if not data:
            raise Closed("end of stream")
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self.fill()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def read_exactly(self, count):
        while len(self.buffer) < count:
            self.fill()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    def read_to_end(self):
        while True:
            try:
                self.fill()
            except Closed:
                found, self.buffer = self.buffer, b""
                return found

    def is_closed_by_peer(self):
        """Waits for the end of the stream; false if more bytes arrive instead."""
        if self.buffer:
            return False
        try:
            self.fill()
        except Closed:
            return True
        return False

    def read_head(self):
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, _ = (lines[0] + " ").split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        return version, int(status), headers

    def read_chunk(self):
        """The next chunk of a chunked body; empty at its end (trailers are read and kept)."""
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            self.trailers = []
            while line := self.read_until(b"\r\n").decode("latin-1"):
                self.trailers.append(tuple(part.strip() for part in line.split(":", 1)))
            return b""
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n", "a chunk is longer than declared"
        return data

    def read_response(self, to_method="GET"):
        """One complete final response; 1xx responses must be read with `read_head`."""
        version, status, headers = self.read_head()
        response = Response(version, status, headers, b"")
        if to_method == "HEAD" or status in (204, 304) or status < 200:
            return response
        if "chunked" in (response.header("transfer-encoding") or "").lower():
            while chunk := self.read_chunk():
                response.body += chunk
        elif (length := response.header("content-length")) is not None:
            response.body = self.read_exactly(int(length))
        else:
            response.body = self.read_to_end()
        return response


def request_bytes(method, target, headers=(), body=None, version="HTTP/1.1"):
    fields = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in fields}
    if version == "HTTP/1.1" and "host" not in names:
        fields.insert(0, ("Host", "localhost"))
    if body is not None:
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if "content-type" not in names:
            fields.append(("Content-Type", "application/json"))
        if not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def chunked(*chunks, trailers=""):
    """A chunked body of these parts."""
    parts = [chunk if isinstance(chunk, bytes) else chunk.encode() for chunk in chunks]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return body + b"0\r\n" + trailers.encode() + b"\r\n"
