"""Endpoints that are silent, use another protocol, or disconnect: the result of each kind of call."""

import pytest
from support.bridge import Bridge, configuration, service
from support.frames import (
    HEADERS, PREFACE, PING, SETTINGS, WINDOW, data, frame, grpc_head, message, trailers,
)  # fmt: skip
from support.misbehaving import SECONDS, Endpoint, good_reply
from support.processes import until
from support.shapes import CHAT, GRPC, LINES, SHAPES, UNARY, UPLOAD
from support.stage import CLOSED, ENDED, Case

SOME = (UNARY, LINES, GRPC)
GREETING = frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64")


class TestStuck:
    def test_a_stuck_connection_is_closed(self, tmp_path):
        """An unfinished header block: nothing else can follow on the connection."""
        endpoint = Endpoint()
        connections = 0

        def script(peer):
            nonlocal connections
            connections += 1
            peer.greet()
            if connections > 1:
                return
            peer.send(frame(HEADERS, 0, peer.request(), b""))
            peer.drain_bytes()

        endpoint.behave(script, UNARY.reply)
        keepalive = {"keepalive_timeout": "500ms"}
        services = {"test": service(
            endpoint.address, "echo", timeout="300ms", connections=keepalive)}  # fmt: skip
        bridge = Bridge.configured(configuration(services, threads=1), tmp_path)
        outcomes = []

        def succeeds():
            outcomes.append(UNARY.call(bridge, "test", 0).code)
            return outcomes[-1] == 0

        try:
            until(succeeds, "calls succeed again", 10)
            assert outcomes[0] == 4 and set(outcomes[:-1]) <= {4, 14}
            assert connections == 2
        finally:
            bridge.stop_cleanly()
            endpoint.close()


class TestOtherProtocols:
    """No request was processed: the client may retry."""

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_silence(self, shape, stage):
        def play(peer, _):
            peer.drain_bytes()

        stage.check(Case(play, 14, "no HTTP/2 SETTINGS within 500 ms", after=CLOSED), shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_half_a_greeting_and_silence(self, shape, stage):
        def play(peer, _):
            peer.send(GREETING[:12])
            peer.drain_bytes()

        stage.check(Case(play, 14, "no HTTP/2 SETTINGS within 500 ms", after=CLOSED), shape)

    LANGUAGES = {
        "HTTP/1.1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "TLS": bytes.fromhex("15030300020228") * 2,
        "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
        "SMTP": b"220 mail ESMTP\r\n",
        "Redis": b"-ERR unknown command 'PRI'\r\n",
        "zeros": bytes(100),
        "its own preface": PREFACE + GREETING,
        "a ping first": frame(PING, 0, 0, bytes(8)) + GREETING,
        "an acknowledgement first": frame(SETTINGS, 1, 0) + GREETING,
    }

    @pytest.mark.parametrize("name", LANGUAGES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_another_protocol(self, shape, name, stage):
        def play(peer, _):
            peer.send(self.LANGUAGES[name])
            peer.drain_bytes()

        stage.check(Case(play, 14, "doesn't speak valid HTTP/2", after=CLOSED), shape)

    @pytest.mark.parametrize("count", range(len(GREETING)))
    def test_closed_within_the_greeting(self, count, stage):
        def play(peer, _):
            peer.preface()
            peer.send(GREETING[:count])
            peer.close()

        stage.check(Case(play, 14, "", after=ENDED), UNARY)

    @pytest.mark.parametrize("count", [0, 1, 23, 24, 25, 33])
    def test_closed_within_the_preface(self, count, stage):
        def play(peer, _):
            peer.read(count)
            peer.close()

        stage.check(Case(play, 14, "", after=ENDED), UNARY)


STAGES = {
    "before the head": (lambda stream, reply: b"", 0),
    "within the head": (lambda stream, reply: grpc_head(stream)[:12], 0),
    "after the head": (lambda stream, reply: grpc_head(stream), 0),
    "within a message": (
        lambda stream, reply: grpc_head(stream) + data(stream, message(reply)[:6]), 0,
    ),
    "before the trailers": (
        lambda stream, reply: grpc_head(stream) + data(stream, message(reply)), 1,
    ),
    "within the trailers": (
        lambda stream, reply: grpc_head(stream) + data(stream, message(reply))
        + trailers(stream)[:-3], 1,
    ),
}  # fmt: skip


class TestDisconnection:
    @pytest.mark.parametrize("at", STAGES)
    @pytest.mark.parametrize("way", ["close", "end_sending"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_closed(self, shape, way, at, stage):
        """With both directions closed, or only its own: nothing more can arrive."""
        sent, messages = STAGES[at]

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(sent(stream, shape.reply))
            getattr(peer, way)()
            peer.drain()

        after = ENDED if way == "close" else CLOSED
        case = Case(play, 14, "closed the connection", messages, after, connections=1)
        stage.check(case, shape)

    @pytest.mark.parametrize("at", ["before the head", "after the head", "within a message"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_a_reset_of_the_connection(self, shape, at, stage):
        sent, messages = STAGES[at]

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(sent(stream, shape.reply))
            peer.abort()

        stage.check(Case(play, 14, "connection", messages, ENDED, connections=1), shape)

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_closed_within_the_request(self, shape, stage):
        def play(peer, _):
            peer.greet()
            peer.head()
            peer.abort()

        case = Case(play, 14, "connection", after=ENDED, connections=1, size=300_000)
        stage.check(case, shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_closed_after_a_complete_reply(self, shape, stage):
        def play(peer, _):
            peer.greet()
            peer.send(good_reply(peer.request(), shape.reply))
            peer.end_sending()
            peer.drain()

        stage.check(Case(play, 0, messages=1, after=CLOSED, connections=1), shape)


class TestOneWay:
    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_an_endpoint_that_never_reads(self, shape, stage):
        """Its windows are open, but its socket isn't read."""

        def play(peer, _):
            peer.preface()
            peer.send(
                frame(SETTINGS, 0, 0, b"\0\4\x7f\xff\xff\xff"),
                frame(WINDOW, 0, 0, (1 << 30).to_bytes(4, "big")),
            )
            assert stage.over.wait(SECONDS)
            peer.abort()

        # The client's body, the message and its frames.
        case = Case(play, 4, "within 500ms (services.short.", after=ENDED, host="short.test", size=4_000_000)
        stage.check(case, shape)

    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_an_endpoint_that_pings_and_never_replies(self, shape, stage):
        def play(peer, _):
            peer.greet()
            peer.request()
            peer.flood(frame(PING, 0, 0, bytes(8)) * 500)
            peer.drain()

        stage.check(Case(play, 4, "within 500ms (services.short.", after=ENDED, host="short.test"), shape)

    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_pings_whose_acknowledgements_are_never_read(self, shape, stage):
        """A hundred at a time are acknowledged immediately: the acknowledgements pile up."""

        def play(peer, _):
            peer.greet()
            peer.request()
            try:
                while True:
                    peer.send(frame(PING, 0, 0, bytes(8)) * 100)
            finally:
                peer.abort()

        stage.check(Case(play, 14, "", after=ENDED, connections=1), shape)
