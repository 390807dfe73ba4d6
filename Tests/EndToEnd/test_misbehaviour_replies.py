"""Endpoints whose replies aren't gRPC, or violate its rules: the result of each kind of call."""

import functools
import gzip
import zlib

import pytest
from support.frames import (
    data, data_frames, grpc_head, headers, long_headers, message, trailers,
)  # fmt: skip
from support.shapes import CHAT, GRPC, JSON_SHAPES, LINES, ONE_REPLY, SHAPES, UNARY, UPLOAD
from support.stage import CLOSED, KEPT, Case

SOME = (UNARY, UPLOAD, LINES, CHAT)
GRPC_HEAD = ((":status", "200"), ("content-type", "application/grpc"))


def check(stage, shape, sent, code, text="", messages=0, after=KEPT, **more):
    """Runs one reply, a function of the stream and of a valid message."""

    def play(peer, _):
        peer.greet()
        stream = peer.request()
        peer.flood(sent(stream, shape.reply))

    stage.check(Case(play, code, text, messages, after, **more), shape)


def of(payload, *fields):
    """A reply with this payload, a function of a valid message."""
    return lambda stream, reply: (
        grpc_head(stream, *fields) + data_frames(stream, payload(reply)) + trailers(stream)
    )


GZIP = ("grpc-encoding", "gzip")


def zipped(reply):
    return gzip.compress(reply)


@functools.cache
def bomb(size):
    """Gzip data that expands to this number of bytes, of a message that is one unknown field."""
    length = size.to_bytes(4, "little")
    varint = bytes([length[0] | 0x80, 0, 0, 0])
    squeeze = zlib.compressobj(9, wbits=31)
    parts = [squeeze.compress(b"\xfa\x7f" + varint)]
    parts += [squeeze.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return b"".join(parts) + squeeze.flush()


class TestMessages:
    # The data: code, text, messages before; a call that is passed through leaves it to its client, whose
    # wording differs.
    CASES = {
        "shorter than announced": (
            of(lambda reply: message(reply, length=len(reply) + 1)), (13, "in the middle of a message", 0),
        ),
        "a truncated prefix": (of(lambda reply: b"\0\0\0"), (13, "in the middle of a message", 0)),
        "a message and a truncated prefix": (
            of(lambda reply: message(reply) + b"\0"), (13, "in the middle of a message", 1),
        ),
        "four gigabytes": (
            of(lambda reply: message(reply, length=2**32 - 1)),
            (8, "4294967295 bytes long; the limit is 4194304", 0),
        ),
        "one byte more than accepted": (
            of(lambda reply: message(reply, length=4_194_305)),
            (8, "4194305 bytes long; the limit is 4194304", 0),
        ),
        "flag 2": (of(lambda reply: message(reply, flag=2)), (13, "the invalid flag 2", 0)),
        "flag 255": (of(lambda reply: message(reply, flag=255)), (13, "the invalid flag 255", 0)),
        "compressed without grpc-encoding": (
            of(lambda reply: message(zipped(reply), 1)), (13, "grpc-encoding names no algorithm", 0),
        ),
        "an unknown compression": (
            of(lambda reply: message(zipped(reply), 1), ("grpc-encoding", "snappy")),
            (13, 'compressed with "snappy"', 0),
        ),
        "compressed": (of(lambda reply: message(zipped(reply), 1), GZIP), (0, "", 1)),
        "compression that is declared and not used": (of(message, GZIP), (0, "", 1)),
        "invalid gzip": (
            of(lambda reply: message(b"none of it", 1), GZIP), (13, "can't be inflated", 0),
        ),
        "empty gzip": (of(lambda reply: message(b"", 1), GZIP), (13, "can't be inflated", 0)),
        "truncated gzip": (
            of(lambda reply: message(zipped(reply)[:-9], 1), GZIP), (13, "can't be inflated", 0),
        ),
        "gzip with a wrong checksum": (
            of(lambda reply: message(zipped(reply)[:-8] + bytes(8), 1), GZIP),
            (13, "can't be inflated", 0),
        ),
        "gzip followed by garbage": (
            of(lambda reply: message(zipped(reply) + b"garbage", 1), GZIP),
            (13, "can't be inflated", 0),
        ),
        "deflate declared as gzip": (
            of(lambda reply: message(zlib.compress(reply), 1), GZIP), (13, "can't be inflated", 0),
        ),
        "a bomb": (
            of(lambda reply: message(bomb(256 << 20), 1), GZIP), (8, "too long when inflated", 0),
        ),
    }  # fmt: skip

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", JSON_SHAPES, ids=str)
    def test_each(self, shape, name, stage):
        sent, (code, text, messages) = self.CASES[name]
        check(stage, shape, sent, code, text, messages)

    @pytest.mark.parametrize("name", CASES)
    def test_passed_through(self, name, stage):
        """The client gets the same result as without the bridge, unless that can't be parsed."""
        sent, _ = self.CASES[name]
        assert stage.observe(sent, GRPC).code == stage.observe_directly(sent, GRPC).code

    @pytest.mark.parametrize("shape", ONE_REPLY, ids=str)
    def test_no_message(self, shape, stage):
        check(stage, shape, of(lambda reply: b""), 13, "no message")

    @pytest.mark.parametrize("shape", ONE_REPLY, ids=str)
    @pytest.mark.parametrize("count", [2, 10_000])
    def test_more_than_one_message(self, count, shape, stage):
        check(stage, shape, of(lambda reply: message(reply) * count), 13, "more than one")

    @pytest.mark.parametrize("shape", JSON_SHAPES, ids=str)
    def test_an_invalid_message(self, shape, stage):
        check(stage, shape, of(lambda reply: message(b"\x7a\xff")), 13)

    @pytest.mark.parametrize("shape", JSON_SHAPES, ids=str)
    def test_an_invalid_second_message(self, shape, stage):
        check(stage, shape, of(lambda reply: message(reply) + message(b"\x7a\xff")), 13, "", 1)


def ended(*pairs):
    """One message, and trailers of these fields."""
    return lambda stream, reply: (
        grpc_head(stream) + data(stream, message(reply)) + headers(stream, *pairs, end=True)
    )


def refused(*pairs):
    """Trailers only."""
    return lambda stream, reply: headers(stream, *GRPC_HEAD, *pairs, end=True)


class TestStatuses:
    # Fields of the trailers: the code and a part of the message.
    CASES = {
        "none": ([("x-a", "b")], (2, "no grpc-status")),
        "an empty one": ([("grpc-status", "")], (2, "grpc-status")),
        "no number": ([("grpc-status", "fine")], (2, "grpc-status fine")),
        "a number with a blank": ([("grpc-status", "0 ")], (13, "PROTOCOL_ERROR")),
        "17": ([("grpc-status", "17")], (2, "grpc-status 17")),
        "-1": ([("grpc-status", "-1")], (2, "grpc-status -1")),
        "a large number": ([("grpc-status", "99999999999")], (2, "grpc-status 99999999999")),
        "a number with leading zeros": ([("grpc-status", "005")], (5, "")),
        "two that agree": ([("grpc-status", "5"), ("grpc-status", "5")], (5, "")),
        "broken escapes": (
            [("grpc-status", "9"), ("grpc-message", "50% %zz %e2%28 %")], (9, "50% %zz"),
        ),
        "a line break": (
            [("grpc-status", "9"), ("grpc-message", "a%0d%0aset-cookie: b%00")], (9, "set-cookie"),
        ),
        "UTF-8 without escapes": (
            [("grpc-status", "9"), ("grpc-message", "grün".encode())], (9, "gr"),
        ),
        "no UTF-8": ([("grpc-status", "9"), ("grpc-message", b"gr\xfcn")], (9, "gr")),
        "details that aren't base64": (
            [("grpc-status", "9"), ("grpc-message", "no"), ("grpc-status-details-bin", "%%%")],
            (9, "no"),
        ),
        "details that aren't a message": (
            [("grpc-status", "9"), ("grpc-message", "no"), ("grpc-status-details-bin", "/////w")],
            (9, "no"),
        ),
        "details of another status": (
            # google.rpc.Status(code: 5, message: "x")
            [("grpc-status", "9"), ("grpc-message", "no"), ("grpc-status-details-bin", "CAUSAXg=")],
            (9, "no"),
        ),
        "a message without an error": ([("grpc-status", "0"), ("grpc-message", "fine")], (0, "")),
    }  # fmt: skip

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_after_a_message(self, shape, name, stage):
        pairs, expected = self.CASES[name]
        code, text = expected
        check(stage, shape, ended(*pairs), code, text, 1)

    @pytest.mark.parametrize("name", CASES)
    @pytest.mark.parametrize("shape", SOME, ids=str)
    def test_trailers_only(self, shape, name, stage):
        pairs, expected = self.CASES[name]
        code, text = expected
        if code == 0 and not shape.streams:
            code, text = 13, "no message"
        check(stage, shape, refused(*pairs), code, text)

    @pytest.mark.parametrize("sent", [ended, refused])
    @pytest.mark.parametrize("name", CASES)
    def test_passed_through(self, name, sent, stage):
        """The client gets the same result as without the bridge."""
        pairs, (code, text) = self.CASES[name]
        seen = stage.observe(sent(*pairs), GRPC)
        unreadable = ("an empty one", "no number", "-1", "a large number")
        if name in ("none", "a number with a blank", *unreadable):  # the bridge's own message
            assert (seen.code, text in seen.text) == (code, True), seen
        else:
            direct = stage.observe_directly(sent(*pairs), GRPC)
            # Whether a message with an invalid end is delivered is a race within the client.
            assert (seen.code, seen.text) == (direct.code, direct.text)

    @pytest.mark.parametrize("pair", [("0", "5"), ("5", "0")])
    @pytest.mark.parametrize("shape", (*SOME, GRPC), ids=str)
    def test_two_different_statuses(self, shape, pair, stage):
        first, second = pair
        sent = ended(("grpc-status", first), ("grpc-status", second))
        check(stage, shape, sent, 2, f"grpc-status {first}, {second}", 1)

    @pytest.mark.parametrize("shape", [UNARY, LINES, CHAT], ids=str)
    def test_a_long_message(self, shape, stage):
        def sent(words):
            pairs = ("grpc-status", "9"), ("grpc-message", words)
            return lambda stream, reply: (
                grpc_head(stream) + data(stream, message(reply))
                + long_headers(stream, *pairs, end=True)
            )  # fmt: skip

        words = "no!" * 21_000
        check(stage, shape, sent(words), 9, words, 1)
        # One field of more than 64 KiB exceeds what the HPACK decoder accepts, and closes the connection.
        text = "doesn't speak valid HTTP/2"
        check(stage, shape, sent("no!" * 22_000), 14, text, 1, after=CLOSED)


# gRPC's http-grpc-status-mapping.md; the rest is UNKNOWN.
HTTP = {
    200: 2, 204: 2, 301: 2, 304: 2, 400: 13, 401: 16, 403: 7, 404: 12, 408: 2, 429: 14, 450: 2, 499: 2,
    500: 2, 501: 2, 502: 14, 503: 14, 504: 14, 599: 2,
}  # fmt: skip
BODIES = {
    "HTML": ("text/html", b"<html><h1>Oh\n no</h1></html>", "Oh no"),
    "text": ("text/plain; charset=utf-8", "schöner Fehler".encode(), "schöner Fehler"),
    "JSON": ("application/json", b'{"error": "oh no"}', '{"error": "oh no"}'),
    "bytes": ("application/octet-stream", bytes(range(256)), ""),
    "nothing": (None, b"", ""),
}


class TestForeignReplies:
    @staticmethod
    def page(status, kind, body, *more):
        pairs = [(":status", str(status)), *([("content-type", kind)] if kind else []), *more]
        return lambda stream, reply: (
            headers(stream, *pairs, end=not body) + (data(stream, body, end=True) if body else b"")
        )

    @pytest.mark.parametrize("kind", BODIES)
    @pytest.mark.parametrize("status", HTTP)
    def test_each_status(self, status, kind, stage):
        content_type, body, words = BODIES[kind]
        sent = self.page(status, content_type, body)
        code, text = HTTP[status], f"HTTP status {status}"
        if body and status in (204, 304):  # RFC 9110 §6.4.1: these have no content
            words = ""
        for shape in (UNARY, LINES, GRPC):
            check(stage, shape, sent, code, text)
            if not shape.is_raw:
                check(stage, shape, sent, code, words)

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_a_grpc_status_takes_precedence_over_http(self, shape, stage):
        sent = self.page(503, "text/html", b"", ("grpc-status", "5"), ("grpc-message", "gone"))
        check(stage, shape, sent, 5, "gone")

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_a_grpc_status_after_a_page(self, shape, stage):
        def sent(stream, reply):
            return (
                headers(stream, (":status", "503"), ("content-type", "text/html"))
                + data(stream, b"<html>") + trailers(stream, "5", ("grpc-message", "gone"))
            )  # fmt: skip

        check(stage, shape, sent, 5, "gone")

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_grpc_success_with_a_page(self, shape, stage):
        """A page isn't a reply, whatever the trailers contain."""

        def sent(stream, reply):
            return (
                headers(stream, (":status", "200"), ("content-type", "text/html"))
                + data(stream, b"<html>") + trailers(stream)
            )  # fmt: skip

        check(stage, shape, sent, 2, 'content-type "text/html", which contradicts')

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_an_endless_page(self, shape, stage):
        """The bridge ends it before the deadline."""

        def sent(stream, reply):
            return (
                headers(stream, (":status", "502"), ("content-type", "text/html"))
                + data(stream, b"<html>" * 2_000) * 700
            )  # fmt: skip

        check(stage, shape, sent, 14, "HTTP status 502", host="short.test")
