"""HTTP/2 clients that waste streams, send bombs, violate stream rules or never read."""

import contextlib
import json
import os

import pytest
from support.bridge import service
from support.frames import (
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RESET, SETTINGS, data, fields, frame,
    headers, reset, settings, window,
)  # fmt: skip
from support.processes import until
from support.raw import Closed

PROTOCOL_ERROR, STREAM_CLOSED, CALM = 1, 5, 11
# What a client may waste at once; see docs/limits.md.
BURST = 500


def head(stream, *more, path="/bridge.test.TroubleService/Hang", end=False):
    return headers(
        stream, (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
        ("content-type", "application/grpc"), ("te", "trailers"), *more, end=end,
    )  # fmt: skip


def call(stream, body=b"", **more):
    """A complete call."""
    message = b"\0" + len(body).to_bytes(4, "big") + body
    return head(stream, **more) + data(stream, message, end=True)


class Frames:
    """An HTTP/2 connection to the bridge, read frame by frame."""

    def __init__(self, connection, first=frame(SETTINGS, 0, 0)):
        self.connection = connection
        self.seen = []
        connection.send(PREFACE, first, frame(SETTINGS, ACK, 0))

    def send(self, *parts):
        # A peer that has sent GOAWAY may have closed the connection meanwhile.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(*parts)

    def frame(self):
        start = self.connection.read_exactly(9)
        payload = self.connection.read_exactly(int.from_bytes(start[:3], "big"))
        found = start[3], start[4], int.from_bytes(start[5:], "big"), payload
        self.seen.append(found)
        return found

    def until(self, kind, stream):
        while True:
            found = self.frame()
            if found[0] == kind and found[2] == stream:
                return found

    def goaway_code(self):
        """The error code of the GOAWAY after which the connection is closed."""
        code = None
        with contextlib.suppress(Closed):
            while True:
                kind, _, _, payload = self.frame()
                if kind == GOAWAY:
                    code = int.from_bytes(payload[4:8], "big")
        return code


@pytest.fixture
def frames(connect):
    def open_one(bridge, first=frame(SETTINGS, 0, 0)):
        return Frames(connect(bridge), first)

    return open_one


def memory(bridge):
    """Resident memory of the process in bytes."""
    with open(f"/proc/{bridge.child.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TestWastedStreams:
    WAYS = {
        "resets": lambda stream: call(stream) + reset(stream, 8),
        "a second head": lambda stream: head(stream) + head(stream),
        "a length that the body passes": lambda stream: (
            head(stream, ("content-length", "3")) + data(stream, bytes(5), end=True)
        ),
        "a window beyond its maximum": lambda stream: head(stream) + window(stream, 2**31 - 1),
    }  # fmt: skip

    @pytest.mark.parametrize("name", WAYS)
    def test_they_reach_the_endpoint_at_a_limited_rate(
        self, name, start_bridge, start_backend, frames
    ):
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)
        _, before = backend.peers()
        client = frames(bridge)
        with contextlib.suppress(Closed):
            for stream in range(1, 8 * BURST, 2):
                client.send(self.WAYS[name](stream))
                # No more at a time than the bridge allows: that would be another error.
                if stream % 100 == 1 and name != "resets":
                    client.until(RESET, stream)
        codes = [each[3][4:8] for each in client.seen if each[0] == GOAWAY]
        code = int.from_bytes(codes[0], "big") if codes else client.goaway_code()
        assert code == CALM
        _, after = backend.peers()
        assert after - before <= BURST + 2
        # Other clients aren't affected.
        other = frames(bridge)
        other.send(call(1, path="/bridge.test.EchoService/Echo"))
        assert other.until(HEADERS, 1)[1] & END_HEADERS

    def test_occasional_cancellations_are_not_an_attack(self, bridge, frames):
        client = frames(bridge)
        for stream in range(1, 200, 2):
            client.send(call(stream) + reset(stream, 8))
        client.send(call(201, path="/bridge.test.EchoService/Echo"))
        assert client.until(HEADERS, 201)
        assert not [each for each in client.seen if each[0] == GOAWAY]


class TestHeaderBlocks:
    @pytest.mark.parametrize("name", ["head", "trailers"])
    def test_a_bomb(self, bridge, frames, name):
        """One large field, then referenced repeatedly with one byte each (RFC 7541 §7.3)."""
        large = b"\x40\x01x\x7f" + bytes([(4_000 - 127) % 128 + 128, (4_000 - 127) // 128]) + b"y" * 4_000
        pseudo = fields((":method", "GET"), (":scheme", "http"), (":path", "/"))
        block = (pseudo if name == "head" else b"") + large + b"\xbe" * 12_000
        client = frames(bridge)
        if name == "trailers":
            client.send(head(1))
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
        assert client.goaway_code() == CALM

    def test_a_head_that_is_merely_too_large_gets_a_response(self, bridge, frames):
        client = frames(bridge)
        large = [("x", "y" * 3_900)] * 4
        block = fields(
            (":method", "GET"), (":scheme", "http"), (":path", "/v1/routes/1"), (":authority", "x"))  # fmt: skip
        part = fields(*large)
        client.send(
            frame(HEADERS, END_STREAM, 1, block),
            *[frame(9, 0, 1, part)] * 4,
            frame(9, END_HEADERS, 1, part),
        )
        assert client.until(HEADERS, 1)
        client.send(call(3, path="/bridge.test.EchoService/Echo"))
        assert client.until(HEADERS, 3)


class TestMalformedRequests:
    """RFC 9113 §8.1.1: the stream is reset, and the access log has the reason."""

    @pytest.mark.parametrize(
        ("pairs", "path", "text"),
        [
            ([(":method", "GET"), (":path", "/v1/x?key=1"), (":scheme", "http"), ("Upper", "1")], "/v1/x", "Upper"),
            ([(":method", "GET"), (":path", "/v1/x"), (":scheme", "http"), ("connection", "close")], "/v1/x", "connection"),
            ([(":method", "GET"), (":scheme", "http"), (":authority", "x")], "", "pseudo-header"),
            ([(":path", "/v1/x"), (":scheme", "http"), (":authority", "x")], "/v1/x", "pseudo-header"),
        ],
        ids=["capitals", "a field of the connection", "no path", "no method"],
    )  # fmt: skip
    def test_the_log(self, start_bridge, backend, frames, pairs, path, text):
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)
        client = frames(bridge)
        client.send(headers(1, *pairs, end=True))
        assert client.until(RESET, 1)[3] == PROTOCOL_ERROR.to_bytes(4, "big")
        client.send(call(3, path="/bridge.test.EchoService/Echo"))
        assert client.until(HEADERS, 3)
        entry, _ = until(lambda: len(log := bridge.access_log()) == 2 and log, "both are logged")
        assert (entry["method"], entry["path"]) == (dict(pairs).get(":method", ""), path)
        assert entry["status"] == 400 and text in entry["message"]


class TestClosedStreams:
    """RFC 9113 §5.1 and §5.1.1."""

    ECHO = "/bridge.test.EchoService/Echo"

    def complete(self, client, stream):
        client.send(call(stream, path=self.ECHO))
        while not client.until(HEADERS, stream)[1] & END_STREAM:
            pass

    @pytest.mark.parametrize(
        ("late", "code"),
        [
            (lambda: call(5, path=TestClosedStreams.ECHO), STREAM_CLOSED),
            (lambda: call(3, path=TestClosedStreams.ECHO), PROTOCOL_ERROR),
        ],
        ids=["a head", "a lower number"],
    )
    def test_a_completed_stream(self, bridge, frames, late, code):
        client = frames(bridge)
        self.complete(client, 5)
        client.send(late())
        assert client.goaway_code() == code

    def test_a_stream_that_the_client_reset(self, bridge, frames):
        client = frames(bridge)
        client.send(head(1), reset(1, 8), head(1))
        assert client.until(RESET, 1)[3] == STREAM_CLOSED.to_bytes(4, "big")
        self.complete(client, 3)

    def test_frames_that_may_arrive_late(self, bridge, frames):
        client = frames(bridge)
        self.complete(client, 1)
        client.send(window(1, 1), reset(1, 0), frame(2, 0, 1, b"\0\0\0\0\x10"), data(1, b"x"))
        self.complete(client, 3)


class TestClientsThatDoNotRead:
    STREAMS = 100

    @pytest.mark.parametrize("kind", ["gRPC", "JSON"])
    def test_a_hundred_replies_and_no_window(self, kind, start_bridge, start_backend, frames):
        """Each stream's endpoint would send 64 MiB; the bridge buffers little of it, and all the rest
        arrives once the window opens."""
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="60s")}, threads=1)
        client = frames(bridge, frame(SETTINGS, 0, 0, settings((4, 0))))
        order = json.dumps({"count": 1024, "size": 64 << 10, "key": f"held-{kind}"}).encode()
        before = memory(bridge)
        for index in range(self.STREAMS):
            stream = 2 * index + 1
            if kind == "gRPC":
                client.send(call(stream, order, path="/bridge.hidden.Bytes/Split"))
            else:
                path = f"/v1/count/20000?textSize=4000&key=held-{kind}-{index}"
                client.send(
                    headers(
                        stream, (":method", "GET"), (":scheme", "http"), (":path", path),
                        (":authority", "x"), ("accept", "application/x-ndjson"), end=True)
                )  # fmt: skip
        served = set()
        while len(served) < self.STREAMS:
            kind_of_frame, _, stream, _ = client.frame()
            if kind_of_frame == HEADERS:
                served.add(stream)
        held = [0]

        def has_settled():
            last, held[0] = held[0], memory(bridge)
            return last == held[0]

        until(has_settled, "memory no longer grows")
        assert held[0] - before < 128 << 20
        client.send(window(0, 1 << 30), window(1, 1 << 30))
        received = 0
        while received < 8 << 20:
            kind_of_frame, _, stream, payload = client.frame()
            if kind_of_frame == DATA:
                assert stream == 1
                received += len(payload)
