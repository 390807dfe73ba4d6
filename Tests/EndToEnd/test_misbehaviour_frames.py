"""Endpoints whose frames violate HTTP/2, or never end: the result of each kind of call."""

import pytest
from support.frames import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH, RESET, SETTINGS, WINDOW,
    data, fields, frame, grpc_head, headers, message, trailers,
)  # fmt: skip
from support.misbehaving import good_reply
from support.shapes import GRPC, LINES, SHAPES, UNARY
from support.stage import CLOSED, EITHER, ENDED, KEPT, Case

PRIORITY, ALTSVC, ORIGIN = 2, 10, 12
SOME = (UNARY, LINES, GRPC)
GRPC_HEAD = ((":status", "200"), ("content-type", "application/grpc"))

# The outcome of a call: its code, a part of the message, the messages before, the connection's state.
CONNECTION = (14, "doesn't speak valid HTTP/2", 0, CLOSED)
STREAM = (13, "the endpoint's reply violates HTTP/2: PROTOCOL_ERROR", 0, KEPT)
FLOOD = (14, "Flooding was detected", 0, CLOSED)
FINE = (0, "", 1, KEPT)


def whole(stream, reply):
    return data(stream, message(reply)) + trailers(stream)


def reply_with(sent):
    """Reads one request and sends this, a function of its stream and of a valid message."""

    def play(peer, shape):
        peer.greet()
        stream = peer.request()
        peer.flood(sent(stream, shape.reply))

    return play


def check(stage, shape, sent, expected, **more):
    code, text, messages, after = expected
    stage.check(Case(reply_with(sent), code, text, messages, after, **more), shape)


def head_of(*pairs):
    """A reply whose head has these fields."""
    return lambda stream, reply: headers(stream, *pairs) + whole(stream, reply)


def with_field(name, value):
    return lambda stream, reply: grpc_head(stream, (name, value)) + whole(stream, reply)


def block(payload):
    """A header block of these bytes."""
    return lambda stream, reply: frame(HEADERS, END_HEADERS, stream, payload) + whole(stream, reply)


def bomb(stream, *pairs, end=False):
    """One field of 4,000 bytes in the dynamic table of RFC 7541, then referenced repeatedly."""
    large = b"\x40\x01x\x7f" + bytes([(4_000 - 127) % 128 + 128, (4_000 - 127) // 128]) + b"y" * 4_000
    payload = fields(*pairs) + large + b"\xbe" * 12_000
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, payload)


class TestHeads:
    """Header blocks of RFC 9113 §8."""

    CASES = {
        "a name in upper case": (
            with_field("X-Upper", "1"), (13, "PROTOCOL_ERROR: Invalid HTTP header field", 0, KEPT),
        ),
        "a name with a blank": (with_field("x y", "1"), STREAM),
        "no name": (with_field("", "1"), STREAM),
        "a value with a line break": (with_field("x-a", "a\r\nset-cookie: b"), STREAM),
        "a value with a zero byte": (with_field("x-a", "a\0b"), STREAM),
        "a value beyond ASCII": (with_field("x-a", b"\xff\xc3"), FINE),
        "connection": (with_field("connection", "close"), STREAM),
        "keep-alive": (with_field("keep-alive", "5"), STREAM),
        "transfer-encoding": (with_field("transfer-encoding", "chunked"), STREAM),
        "upgrade": (with_field("upgrade", "h2c"), STREAM),
        "no status": (head_of(("content-type", "application/grpc")), STREAM),
        "two statuses": (head_of((":status", "200"), *GRPC_HEAD), STREAM),
        "a status after a field": (head_of(*reversed(GRPC_HEAD)), STREAM),
        "a status of two digits": (head_of((":status", "99"), GRPC_HEAD[1]), STREAM),
        "a status of four digits": (head_of((":status", "1000"), GRPC_HEAD[1]), STREAM),
        "a status that isn't a number": (head_of((":status", "abc"), GRPC_HEAD[1]), STREAM),
        "an empty status": (head_of((":status", ""), GRPC_HEAD[1]), STREAM),
        "a pseudo-header field of requests": (head_of((":path", "/"), *GRPC_HEAD), STREAM),
        "an unknown pseudo-header field": (head_of((":x", "/"), *GRPC_HEAD), STREAM),
        "status 101": (head_of((":status", "101")), STREAM),
        "a length that is too small": (with_field("content-length", "3"), STREAM),
        "a length that isn't a number": (with_field("content-length", "x"), STREAM),
        "two lengths": (
            lambda stream, reply: grpc_head(
                stream, ("content-length", "8"), ("content-length", "8"))
            + whole(stream, reply), STREAM,
        ),
        "many fields": (
            lambda stream, reply: grpc_head(stream, *[("x-a", "y" * 60)] * 60)
            + whole(stream, reply), FINE,
        ),
        "index zero": (block(b"\x80"), CONNECTION),
        "an index beyond the table": (block(b"\xff\xff\x03"), CONNECTION),
        "an endless number": (block(b"\xff" + b"\xff" * 50), CONNECTION),
        "a truncated string": (block(b"\x00\x7fab"), CONNECTION),
        "invalid Huffman code": (block(b"\x00\x81\xff\x81\xff"), CONNECTION),
        "a table larger than allowed": (block(b"\x3f\xe1\xff\xff\x7f"), CONNECTION),
        "a table that changes late": (block(fields(*GRPC_HEAD) + b"\x20"), CONNECTION),
        "an empty block": (block(b""), STREAM),
    }  # fmt: skip

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_each(self, shape, name, stage):
        sent, expected = self.CASES[name]
        check(stage, shape, sent, expected)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_more_than_is_accepted(self, shape, stage):
        def sent(stream, reply):
            part = fields(*[("x-a", "y" * 1_000)] * 15)
            return (
                frame(HEADERS, 0, stream, fields(*GRPC_HEAD) + part)
                + frame(CONTINUATION, 0, stream, part) * 3
                + frame(CONTINUATION, END_HEADERS, stream, part) + whole(stream, reply)
            )  # fmt: skip

        expected = (8, "the endpoint's header list is larger than 65536 bytes", 0, KEPT)
        check(stage, shape, sent, expected)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_a_bomb(self, shape, stage):
        def sent(stream, reply):
            return bomb(stream, *GRPC_HEAD) + whole(stream, reply)

        expected = (8, "the endpoint's header list is larger than 65536 bytes", 0, KEPT)
        check(stage, shape, sent, expected)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_a_bomb_in_the_trailers(self, shape, stage):
        def sent(stream, reply):
            return (
                grpc_head(stream) + data(stream, message(reply))
                + bomb(stream, ("grpc-status", "0"), end=True)
            )  # fmt: skip

        expected = (8, "the endpoint's header list is larger than 65536 bytes", 1, KEPT)
        check(stage, shape, sent, expected)

    @pytest.mark.parametrize("size", [0, 10, 16_000])
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_an_endless_block(self, shape, size, stage):
        def sent(stream, _):
            part = fields(("x-a", "y" * (size - 10))) if size else b""
            first = frame(HEADERS, 0, stream, fields(*GRPC_HEAD))
            return first + frame(CONTINUATION, 0, stream, part) * (100_000 if size < 99 else 2_000)

        check(stage, shape, sent, CONNECTION)

    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_a_block_that_is_never_completed(self, shape, stage):
        def sent(stream, _):
            return frame(HEADERS, 0, stream, fields(*GRPC_HEAD))

        check(stage, shape, sent, (4, "within 500ms (services.short.", 0, ENDED), host="short.test")

    @pytest.mark.parametrize("count", [1, 100, 10_000])
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_informational_heads(self, shape, count, stage):
        def sent(stream, reply):
            return headers(stream, (":status", "103"), ("link", "</x>")) * count + good_reply(
                stream, reply
            )

        check(stage, shape, sent, FINE)


class TestOrder:
    """Frames in the wrong state (RFC 9113 §5.1, §6)."""

    CASES = {
        "the head ends the stream": (
            lambda stream, reply: headers(stream, *GRPC_HEAD, end=True),
            (2, "no grpc-status", 0, KEPT),
        ),
        "no trailers": (
            lambda stream, reply: grpc_head(stream) + data(stream, message(reply), end=True),
            (2, "no grpc-status", 1, KEPT),
        ),
        "trailers that don't end the stream": (
            lambda stream, reply: grpc_head(stream) + data(stream, message(reply))
            + headers(stream, ("grpc-status", "0")), (13, "PROTOCOL_ERROR", 1, KEPT),
        ),
        "trailers with a status of HTTP": (
            lambda stream, reply: grpc_head(stream) + data(stream, message(reply))
            + headers(stream, (":status", "200"), ("grpc-status", "0"), end=True),
            (13, "PROTOCOL_ERROR", 1, KEPT),
        ),
        "data after the end": (
            lambda stream, reply: good_reply(stream, reply) + data(stream, message(reply)),
            (0, "", 1, EITHER),
        ),
        "a head after the end": (
            lambda stream, reply: good_reply(stream, reply) + grpc_head(stream),
            (0, "", 1, EITHER),
        ),
        "data before the head": (lambda stream, reply: whole(stream, reply), CONNECTION),
        "data on stream zero": (lambda stream, reply: data(0, message(reply)), CONNECTION),
        "data on an idle stream": (
            lambda stream, reply: data(stream + 2, message(reply)), CONNECTION,
        ),
        "data on an even stream": (lambda stream, reply: data(2, message(reply)), CONNECTION),
        "a head on stream zero": (lambda stream, reply: grpc_head(0), CONNECTION),
        "a head on an idle stream": (
            lambda stream, reply: grpc_head(stream + 2), CONNECTION,
        ),
        "a head on an even stream": (lambda stream, reply: grpc_head(2), CONNECTION),
        "a push": (
            lambda stream, reply: frame(PUSH, END_HEADERS, stream, b"\0\0\0\2" + fields(
                (":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x"))),
            CONNECTION,
        ),
        "a reset on stream zero": (lambda stream, reply: frame(RESET, 0, 0, bytes(4)), CONNECTION),
        "a reset of an idle stream": (
            lambda stream, reply: frame(RESET, 0, stream + 2, bytes(4)), CONNECTION,
        ),
        "a reset of an odd length": (
            lambda stream, reply: frame(RESET, 0, stream, bytes(3)), CONNECTION,
        ),
        "a ping of an odd length": (lambda stream, reply: frame(PING, 0, 0, bytes(7)), CONNECTION),
        "a ping on a stream": (lambda stream, reply: frame(PING, 0, stream, bytes(8)), CONNECTION),
        "a GOAWAY that is too short": (
            lambda stream, reply: frame(GOAWAY, 0, 0, bytes(7)), CONNECTION,
        ),
        "a continuation of nothing": (
            lambda stream, reply: frame(CONTINUATION, END_HEADERS, stream, b""), CONNECTION,
        ),
        "another frame within a header block": (
            lambda stream, reply: frame(HEADERS, 0, stream, fields(*GRPC_HEAD))
            + frame(PING, 0, 0, bytes(8)), CONNECTION,
        ),
        "a continuation of another stream": (
            lambda stream, reply: frame(HEADERS, 0, stream, fields(*GRPC_HEAD))
            + frame(CONTINUATION, END_HEADERS, stream + 2), CONNECTION,
        ),
        "a frame that is too large": (
            lambda stream, reply: grpc_head(stream) + data(stream, bytes(16_385)), CONNECTION,
        ),
        "a frame of the largest size": (
            lambda stream, reply: grpc_head(stream) + b"\xff\xff\xff" + bytes([DATA, 0])
            + stream.to_bytes(4, "big") + bytes(1000), CONNECTION,
        ),
        "padding longer than the frame": (
            lambda stream, reply: grpc_head(stream) + frame(DATA, 8, stream, b"\xffabc"), CONNECTION,
        ),
        "a stream number with its first bit set": (
            lambda stream, reply: good_reply(stream | 1 << 31, reply), FINE,
        ),
        "a frame of an unknown kind": (
            lambda stream, reply: frame(0xFA, 0xFF, stream, b"x" * 99) + good_reply(stream, reply),
            FINE,
        ),
        "frames of extensions": (
            lambda stream, reply: frame(ALTSVC, 0, stream, b"\0\0h2=:1") + frame(ORIGIN, 0, 0, b"\0\1x")
            + frame(16, 0, 0, bytes(5)) + good_reply(stream, reply), FINE,
        ),
        "a priority that depends on itself": (
            lambda stream, reply: frame(PRIORITY, 0, stream, stream.to_bytes(4, "big") + b"\1")
            + good_reply(stream, reply), CONNECTION,
        ),
        "a priority of an odd length": (
            lambda stream, reply: frame(PRIORITY, 0, stream, b"\1") + good_reply(stream, reply),
            CONNECTION,
        ),
    }  # fmt: skip

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_each(self, shape, name, stage):
        sent, expected = self.CASES[name]
        check(stage, shape, sent, expected)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_trailers_before_data(self, shape, stage):
        def sent(stream, reply):
            return grpc_head(stream) + trailers(stream)

        expected = FINE[:2] + (0, KEPT) if shape.streams else (13, "no message", 0, KEPT)
        check(stage, shape, sent, expected)


def pieces(stream, payload):
    return b"".join(data(stream, payload[at : at + 1]) for at in range(len(payload)))


def large(reply):
    """A message of 20 kB that decodes like `reply`: one unknown field more."""
    return reply + b"\xfa\x7f" + b"\xa0\x9c\x01" + b"z" * 20_000


class TestPieces:
    CASES = {
        "one byte a frame": lambda stream, reply: pieces(stream, message(large(reply))),
        "a hundred empty frames": lambda stream, reply: data(stream, b"") * 100
        + data(stream, message(reply)),
        "empty frames between all bytes": lambda stream, reply: b"".join(
            data(stream, b"") + data(stream, bytes([byte])) for byte in message(reply)),
        "maximum padding": lambda stream, reply: b"".join(
            frame(DATA, 8, stream, b"\xff" + bytes([byte]) + bytes(255))
            for byte in message(large(reply))[:20_000]
        ) + data(stream, message(large(reply))[20_000:]),
        "frames with only padding": lambda stream, reply: frame(DATA, 8, stream, b"\xff" + bytes(255))
        * 10_000 + data(stream, message(reply)),
    }  # fmt: skip

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_each(self, shape, name, stage):
        def sent(stream, reply):
            return grpc_head(stream) + self.CASES[name](stream, reply) + trailers(stream)

        check(stage, shape, sent, FINE)


class TestFloods:
    """Large numbers of frames that cost the endpoint nothing, then a successful reply."""

    CASES = {
        "pings": (lambda stream: frame(PING, 0, 0, bytes(8)) * 100_000, FLOOD),
        "acknowledgements of pings": (lambda stream: frame(PING, 1, 0, bytes(8)) * 100_000, FINE),
        "settings": (lambda stream: frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64") * 20_000, FLOOD),
        "empty settings": (lambda stream: frame(SETTINGS, 0, 0) * 20_000, FLOOD),
        "window updates": (
            lambda stream: (frame(WINDOW, 0, 0, b"\0\0\0\1") + frame(WINDOW, 0, stream, b"\0\0\0\1"))
            * 50_000, FINE,
        ),
        "priorities": (
            lambda stream: frame(PRIORITY, 0, stream, b"\0\0\0\0\1") * 100_000, FINE,
        ),
        "priorities of other streams": (
            lambda stream: b"".join(
                frame(PRIORITY, 0, 2 * number + 1, b"\0\0\0\0\1") for number in range(100, 20_000)
            ), FINE,
        ),
        "frames of unknown kinds": (
            lambda stream: (frame(0xFA, 0, stream) + frame(0xFB, 0, 0, b"x")) * 50_000, FINE,
        ),
        "empty data": (lambda stream: grpc_head(stream) + data(stream, b"") * 100_000, None),
    }  # fmt: skip

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_each(self, shape, name, stage):
        flood, expected = self.CASES[name]

        def sent(stream, reply):
            rest = good_reply(stream, reply)
            return flood(stream) + (rest if expected else whole(stream, reply))

        check(stage, shape, sent, expected or FINE)

    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_resets(self, shape, stage):
        def sent(stream, reply):
            return frame(RESET, 0, stream, b"\0\0\0\2") * 50_000

        check(stage, shape, sent, (13, "INTERNAL_ERROR", 0, KEPT))

    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_goaways(self, shape, stage):
        def sent(stream, reply):
            bye = frame(GOAWAY, 0, 0, stream.to_bytes(4, "big") + bytes(4))
            return bye * 50_000 + good_reply(stream, reply)

        check(stage, shape, sent, (0, "", 1, CLOSED), connections=1)
