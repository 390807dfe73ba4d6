"""Handwritten HTTP/2 frames, and a scripted endpoint."""

import contextlib
import socket
import threading

DATA, HEADERS, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags])
    return head + stream.to_bytes(4, "big") + payload


def fields(*pairs):
    """A header block of literals without indexing (RFC 7541 §6.2.2)."""

    def text(value):
        data = value if isinstance(value, bytes) else value.encode()
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest, length = len(data) - 127, b"\x7f"
        while rest >= 128:
            length += bytes([rest % 128 + 128])
            rest //= 128
        return length + bytes([rest]) + data

    return b"".join(b"\x00" + text(name) + text(value) for name, value in pairs)


def headers(stream, *pairs, end=False):
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, fields(*pairs))


def grpc_head(stream, *more):
    return headers(stream, (":status", "200"), ("content-type", "application/grpc"), *more)


def message(data=b"", flag=0, length=None):
    """A gRPC message with its prefix; `length` overrides the declared length."""
    return bytes([flag]) + (len(data) if length is None else length).to_bytes(4, "big") + data


def data(stream, payload, end=False):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def trailers(stream, status="0", *more):
    return headers(stream, ("grpc-status", status), *more, end=True)


def reset(stream, code):
    return frame(RESET, 0, stream, code.to_bytes(4, "big"))


def go_away(last, code=0, debug=b""):
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + debug)


def window(stream, size):
    return frame(WINDOW, 0, stream, size.to_bytes(4, "big"))


def settings(*pairs):
    return b"".join(number.to_bytes(2, "big") + value.to_bytes(4, "big") for number, value in pairs)


def data_frames(stream, payload):
    """Splits into DATA frames of the largest size that every peer accepts."""
    return b"".join(data(stream, payload[at : at + 16_384]) for at in range(0, len(payload), 16_384))


def long_headers(stream, *pairs, end=False):
    """A header block split over as many frames as needed."""
    block = fields(*pairs)
    parts = [block[at : at + 16_384] for at in range(0, len(block), 16_384)]
    kinds = [HEADERS] + [CONTINUATION] * (len(parts) - 1)
    flags = [END_STREAM if end else 0] + [0] * (len(parts) - 1)
    flags[-1] |= END_HEADERS
    return b"".join(frame(*each, stream, part) for *each, part in zip(kinds, flags, parts))


class Endpoint:
    """Accepts connections, and replies to each request with `reply(stream)`; None closes the connection."""

    def __init__(self, reply, greeting=frame(SETTINGS, 0, 0)):
        self.reply = reply
        self.greeting = greeting
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(30)
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError, EOFError):
            self.read(connection, len(PREFACE))
            connection.sendall(self.greeting)
            while True:
                head = self.read(connection, 9)
                self.read(connection, int.from_bytes(head[:3], "big"))
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
                if kind == SETTINGS and not flags & ACK:
                    connection.sendall(frame(SETTINGS, ACK, 0))
                if kind in (HEADERS, DATA) and flags & END_STREAM:
                    reply = self.reply(stream)
                    if reply is None:
                        connection.close()
                        return
                    connection.sendall(reply)

    @staticmethod
    def read(connection, count):
        parts = b""
        while len(parts) < count:
            part = connection.recv(count - len(parts))
            if not part:
                raise EOFError
            parts += part
        return parts

    def close(self):
        # Without the shutdown, a thread in accept would keep the port alive.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
        self.thread.join(10)
