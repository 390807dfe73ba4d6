"""Endpoints that reset, refuse, or send GOAWAY: the result of each kind of call."""

import pytest
from support.frames import (
    GOAWAY, SETTINGS, data, frame, go_away, grpc_head, headers, message, reset, trailers, window,
)  # fmt: skip
from support.misbehaving import good_reply
from support.shapes import CHAT, GRPC, LINES, SHAPES, UNARY, UPLOAD
from support.stage import CLOSED, ENDED, MORE, Case

# RFC 9113 §7, and the codes of gRPC's PROTOCOL-HTTP2.md ("Errors"); an unknown code is INTERNAL_ERROR.
CODES = {
    "NO_ERROR": (0, 13), "PROTOCOL_ERROR": (1, 13), "INTERNAL_ERROR": (2, 13),
    "FLOW_CONTROL_ERROR": (3, 13), "SETTINGS_TIMEOUT": (4, 13), "STREAM_CLOSED": (5, 13),
    "FRAME_SIZE_ERROR": (6, 13), "REFUSED_STREAM": (7, 14), "CANCEL": (8, 1),
    "COMPRESSION_ERROR": (9, 13), "CONNECT_ERROR": (10, 13), "ENHANCE_YOUR_CALM": (11, 8),
    "INADEQUATE_SECURITY": (12, 7), "HTTP_1_1_REQUIRED": (13, 13),
    "error code 4294967295": (2**32 - 1, 13),
}  # fmt: skip


# What the endpoint sends before the reset, and how many messages that contains.
STAGES = {
    "before the head": (lambda stream, reply: b"", 0),
    "after the head": (lambda stream, reply: grpc_head(stream), 0),
    "within a message": (
        lambda stream, reply: grpc_head(stream) + data(stream, message(reply)[:6]), 0,
    ),
    "within the second message": (
        lambda stream, reply: grpc_head(stream) + data(stream, message(reply) + b"\0\0"), 1,
    ),
    "before the trailers": (
        lambda stream, reply: grpc_head(stream) + data(stream, message(reply)), 1,
    ),
}  # fmt: skip


def resets(stage, name):
    sent, messages = STAGES[stage]
    number, code = CODES[name]

    def play(peer, shape):
        peer.greet()
        stream = peer.request()
        peer.send(sent(stream, shape.reply) + reset(stream, number))

    return Case(play, code, f"the stream was reset with {name}", messages)


class TestResets:
    @pytest.mark.parametrize("name", [name for name in CODES if name != "REFUSED_STREAM"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_each_code(self, shape, name, stage):
        stage.check(resets("before the head", name), shape)

    @pytest.mark.parametrize("at", list(STAGES)[1:])
    @pytest.mark.parametrize("name", ["NO_ERROR", "INTERNAL_ERROR", "REFUSED_STREAM", "CANCEL"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_each_stage(self, shape, name, at, stage):
        stage.check(resets(at, name), shape)

    @pytest.mark.parametrize("name", ["NO_ERROR", "INTERNAL_ERROR", "CANCEL"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_after_the_trailers_a_reset_has_no_effect(self, shape, name, stage):
        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(good_reply(stream, shape.reply) + reset(stream, CODES[name][0]))

        stage.check(Case(play, 0, messages=1), shape)

    @pytest.mark.parametrize("name", ["NO_ERROR", "INTERNAL_ERROR", "CANCEL", "ENHANCE_YOUR_CALM"])
    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_before_the_request_was_read(self, shape, name, stage):
        number, code = CODES[name]

        def play(peer, _):
            peer.greet()
            peer.send(reset(peer.head(), number))
            peer.send(window(0, 1 << 20))

        stage.check(Case(play, code, f"reset with {name}", size=300_000), shape)

    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, CHAT, GRPC], ids=str)
    def test_an_error_before_the_request_was_read(self, shape, stage):
        """RFC 9113 §8.1: NO_ERROR after a response means that the rest of the request isn't needed."""

        def play(peer, _):
            peer.greet()
            stream = peer.head()
            peer.send(
                headers(stream, (":status", "200"), ("content-type", "application/grpc"),
                        ("grpc-status", "9"), ("grpc-message", "enough"), end=True),
                reset(stream, 0), window(0, 1 << 20),
            )  # fmt: skip

        stage.check(Case(play, 9, "enough", size=300_000), shape)


def refuse(times):
    """Refuses this number of streams, on any connection."""
    left = iter(range(times))

    def play(peer, _):
        peer.greet()
        stream = peer.request()
        while next(left, None) is not None:
            peer.send(reset(stream, 7))
            stream = peer.request()
        peer.send(good_reply(stream, peer.reply))

    return play


class TestRefusals:
    @pytest.mark.parametrize("times", [1, 3, 9])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_the_first_streams(self, shape, times, stage):
        """The call is retried, unless it has sent messages that aren't buffered."""
        case = Case(refuse(times), 0, messages=1, after=MORE)
        if shape in (UPLOAD, CHAT):
            case = Case(refuse(1), 14, "reset with REFUSED_STREAM", after=MORE)
        stage.check(case, shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_every_stream(self, shape, stage):
        times = 1 if shape in (UPLOAD, CHAT) else 11
        text = "the stream was reset with REFUSED_STREAM"
        stage.check(Case(refuse(times), 14, text, after=MORE), shape)


class TestGoAway:
    @pytest.mark.parametrize("name", CODES)
    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, LINES, GRPC], ids=str)
    def test_below_the_stream_the_call_is_retried_elsewhere(self, shape, name, stage):
        def play(peer, _):
            peer.greet()
            peer.send(go_away(peer.request() - 1, CODES[name][0]))
            peer.drain()

        case = Case(play, 0, messages=1, connections=1, after=CLOSED)
        if shape is UPLOAD:
            case = Case(play, 14, "REFUSED_STREAM", connections=1, after=CLOSED)
        stage.check(case, shape)

    @pytest.mark.parametrize("name", CODES)
    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, LINES, GRPC], ids=str)
    @pytest.mark.parametrize("above", [0, 100])
    def test_at_or_above_the_stream_the_reply_is_delivered(self, above, shape, name, stage):
        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(go_away(stream + above, CODES[name][0]) + good_reply(stream, shape.reply))
            peer.drain()

        stage.check(Case(play, 0, messages=1, after=CLOSED, connections=1), shape)

    @pytest.mark.parametrize("name", CODES)
    @pytest.mark.parametrize("shape", [UNARY, UPLOAD, LINES, GRPC], ids=str)
    def test_then_a_closed_connection(self, shape, name, stage):
        """A call that the endpoint accepted isn't resent: it may have been processed."""

        def play(peer, _):
            peer.greet()
            peer.send(go_away(peer.request(), CODES[name][0]))
            peer.close()

        text = f"sent GOAWAY with {name}"
        stage.check(Case(play, 14, text, connections=1, after=ENDED), shape)

    @pytest.mark.parametrize("name", ["NO_ERROR", "INTERNAL_ERROR"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_within_the_reply(self, shape, name, stage):
        def play(peer, _):
            peer.greet()
            stream = peer.request()
            whole = data(stream, message(shape.reply))
            peer.send(grpc_head(stream) + whole[:11])
            peer.send(whole[11:] + go_away(stream, CODES[name][0]) + trailers(stream))
            peer.drain()

        def broken(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(grpc_head(stream) + data(stream, message(shape.reply)), go_away(stream))
            peer.close()

        stage.check(Case(play, 0, messages=1, after=CLOSED, connections=1), shape)
        stage.check(
            Case(broken, 14, "sent GOAWAY with NO_ERROR", 1, after=ENDED, connections=1),
            shape,
        )

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_then_silence(self, shape, stage):
        def play(peer, _):
            peer.greet()
            peer.send(go_away(peer.request()))
            peer.drain()

        stage.check(Case(play, 4, after=CLOSED, connections=1, host="short.test"), shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_twice(self, shape, stage):
        """Graceful shutdown without losing a call (RFC 9113 §6.8)."""

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(go_away(2**31 - 1), go_away(stream), good_reply(stream, shape.reply))
            peer.drain()

        stage.check(Case(play, 0, messages=1, after=CLOSED, connections=1), shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_with_an_increasing_last_stream(self, shape, stage):
        """The last stream id must not increase (RFC 9113 §6.8)."""

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(go_away(stream), go_away(stream + 2), good_reply(stream, shape.reply))
            peer.drain()

        text = "sent GOAWAY with NO_ERROR"
        stage.check(Case(play, 14, text, after=CLOSED, connections=1), shape)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_after_the_settings(self, shape, stage):
        def play(peer, _):
            peer.preface()
            peer.send(frame(SETTINGS, 0, 0), go_away(0))
            peer.drain()

        text = "sent GOAWAY with NO_ERROR"
        stage.check(Case(play, 14, text, after=CLOSED), shape)

    @pytest.mark.parametrize("size", [16_376, 16_377, 65_536])
    @pytest.mark.parametrize("shape", [UNARY, LINES, GRPC], ids=str)
    def test_with_large_debug_data(self, shape, size, stage):
        """A frame has 16,384 bytes at most (RFC 9113 §4.2)."""

        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(go_away(stream, 0, b"x" * size), good_reply(stream, shape.reply))
            peer.drain()

        case = (
            Case(play, 0, messages=1, after=CLOSED, connections=1)
            if size == 16_376
            else Case(play, 14, "doesn't speak valid HTTP/2", after=CLOSED, connections=1)
        )
        stage.check(case, shape)

    @pytest.mark.parametrize("shape", [UNARY, LINES, GRPC], ids=str)
    def test_on_a_stream(self, shape, stage):
        def play(peer, _):
            peer.greet()
            stream = peer.request()
            peer.send(frame(GOAWAY, 0, stream, bytes(8)), good_reply(stream, shape.reply))
            peer.drain()

        text = "doesn't speak valid HTTP/2"
        stage.check(Case(play, 14, text, after=CLOSED, connections=1), shape)
