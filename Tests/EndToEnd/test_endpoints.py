"""Broken and hostile endpoints: an error with a reason, in bounded time, and no crash."""

import random

import pytest
from support.bridge import service
from support.frames import (
    CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, PING, PUSH, RESET, SETTINGS, WINDOW,
    Endpoint, data, fields, frame, grpc_head, headers, message, trailers,
)  # fmt: skip
from support.raw import Connection

GOOD = b'\x7a\x01x'  # Everything(a_string: "x")


def good(stream):
    return grpc_head(stream) + data(stream, message(GOOD)) + trailers(stream)


def reply(*parts):
    """A reply from parts, each a function of the stream."""
    return lambda stream: b"".join(part(stream) for part in parts)


def http_error(status, kind="text/html"):
    return lambda stream: (
        headers(stream, (":status", str(status)), ("content-type", kind))
        + data(stream, b"<html>no</html>", end=True)
    )


def reset(code):
    return lambda stream: frame(RESET, 0, stream, code.to_bytes(4, "big"))


def go_away(last, code=0):
    return frame(GOAWAY, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big") + b"enough")


def body(payload):
    return lambda stream: data(stream, payload)


def setting(number, value):
    return frame(SETTINGS, 0, 0, number.to_bytes(2, "big") + value.to_bytes(4, "big"))


def flood(stream):
    """A header block that never ends."""
    one = fields(*((f"x-{index}", "y" * 100) for index in range(100)))
    return frame(HEADERS, 0, stream, one) + frame(CONTINUATION, 0, stream, one) * 500


def many_fields(stream):
    pairs = [(f"x-{index}", "y" * 1000) for index in range(10)]
    return grpc_head(stream, *pairs * 10) + data(stream, message(GOOD)) + trailers(stream)


# The endpoint's reply: the gRPC codes in which it may result.
REPLIES = {
    "a good reply": (good, {0}),
    "a reply in small pieces": (
        lambda stream: grpc_head(stream)
        + b"".join(data(stream, bytes([byte])) for byte in message(GOOD)) + trailers(stream), {0},
    ),
    "empty DATA frames before a reply": (
        lambda stream: grpc_head(stream) + data(stream, b"") * 50 + data(stream, message(GOOD))
        + trailers(stream), {0},
    ),
    "an informational head first": (
        lambda stream: headers(stream, (":status", "103")) + good(stream), {0},
    ),
    "pings before a reply": (
        lambda stream: frame(PING, 0, 0, b"12345678") * 500 + good(stream), {0},
    ),
    "frames of an unknown kind": (
        lambda stream: frame(0xFA, 0, 0, b"x" * 99) + good(stream), {0},
    ),
    "padding and priority": (
        lambda stream: frame(HEADERS, END_HEADERS | 0x28, stream, b"\x03" + b"\0\0\0\0\x10"
                             + fields((":status", "200"), ("content-type", "application/grpc"))
                             + b"\0\0\0")
        + frame(DATA, 0x08, stream, b"\x02" + message(GOOD) + b"\0\0") + trailers(stream), {0},
    ),
    "a content type with a suffix": (
        lambda stream: headers(stream, (":status", "200"),
                               ("content-type", "application/grpc+proto"))
        + data(stream, message(GOOD)) + trailers(stream), {0},
    ),
    "an error without a body": (
        lambda stream: headers(stream, (":status", "200"), ("content-type", "application/grpc"),
                               ("grpc-status", "5"), ("grpc-message", "no%20such"), end=True), {5},
    ),
    "details that aren't base64": (
        lambda stream: headers(stream, (":status", "200"), ("content-type", "application/grpc"),
                               ("grpc-status", "9"), ("grpc-status-details-bin", "%%%"), end=True),
        {9},
    ),
    "details that aren't a message": (
        lambda stream: headers(stream, (":status", "200"), ("content-type", "application/grpc"),
                               ("grpc-status", "9"), ("grpc-status-details-bin", "/////w"),
                               end=True), {9},
    ),
    "a message with broken escapes": (
        lambda stream: headers(stream, (":status", "200"), ("content-type", "application/grpc"),
                               ("grpc-status", "9"), ("grpc-message", "a%zz%e2%28%0d%0a%"),
                               end=True), {9},
    ),
    "no trailers": (
        lambda stream: grpc_head(stream) + data(stream, message(GOOD), end=True), {2, 13},
    ),
    "no status": (
        reply(grpc_head, body(message(GOOD)), lambda s: headers(s, ("x-a", "b"), end=True)),
        {2, 13},
    ),
    "a status that isn't a number": (
        reply(grpc_head, body(message(GOOD)), lambda s: trailers(s, "fine")), {2, 13},
    ),
    "an unassigned status": (reply(grpc_head, lambda s: trailers(s, "99")), {2}),
    "a web page": (http_error(200), {2, 13}),
    "a bad gateway": (http_error(502), {14}),
    "unauthorized": (http_error(401), {16}),
    "forbidden": (http_error(403), {7}),
    "not found": (http_error(404), {12}),
    "too many requests": (http_error(429, "application/json"), {14}),
    "an odd status": (http_error(418), {2}),
    "an invalid HTTP status": (
        lambda stream: headers(stream, (":status", "abc")) + data(stream, b"", end=True),
        {2, 13, 14},
    ),
    "a truncated message": (
        reply(grpc_head, body(message(GOOD, length=99)), trailers), {13},
    ),
    "a truncated prefix": (reply(grpc_head, body(b"\0\0\0"), trailers), {13}),
    "a message of four gigabytes": (
        reply(grpc_head, body(message(GOOD, length=0xFFFFFFFF)), trailers), {8, 13},
    ),
    "no message": (reply(grpc_head, trailers), {13}),
    "two messages": (reply(grpc_head, body(message(GOOD) * 2), trailers), {13}),
    "compressed without grpc-encoding": (
        reply(grpc_head, body(message(GOOD, flag=1)), trailers), {13},
    ),
    "compressed in an unknown way": (
        lambda stream: grpc_head(stream, ("grpc-encoding", "snappy"))
        + data(stream, message(GOOD, flag=1)) + trailers(stream), {12, 13},
    ),
    "an unknown flag": (reply(grpc_head, body(message(GOOD, flag=0x80)), trailers), {13}),
    "an invalid message": (
        reply(grpc_head, body(message(b"\x7a\xff\xff\xff\xff\x0f")), trailers), {13},
    ),
    "a text that is not UTF-8": (
        reply(grpc_head, body(message(b"\x7a\x01\xff")), trailers), {13},
    ),
    "messages nested too deeply": (
        # a_message (19), then child (3) nested: each level declares that it contains the rest.
        reply(grpc_head, body(message(b"\x9a\x01\xc8\x01" + b"".join(
            b"\x1a" + bytes([(198 - 2 * level) % 128 + 128, (198 - 2 * level) // 128])
            for level in range(60)) + b"\x1a\x00" * 20)), trailers), {0, 13},
    ),
    "a reset: no error": (reset(0), {2, 13, 14}),
    "a reset: internal": (reset(2), {13}),
    "a reset: refused": (reset(7), {14}),
    "a reset: cancelled": (reset(8), {1}),
    "a reset: enhance your calm": (reset(11), {8}),
    "a reset within a reply": (reply(grpc_head, body(message(GOOD)[:3]), reset(2)), {13}),
    "a reset after a reply": (
        lambda stream: grpc_head(stream) + data(stream, message(GOOD)) + trailers(stream)
        + frame(RESET, 0, stream, b"\0\0\0\0"), {0},
    ),
    "a closed connection": (lambda stream: None, {14}),
    "GOAWAY before the request": (lambda stream: go_away(0), {14}),
    "GOAWAY with an error": (lambda stream: go_away(0, 11), {8, 14}),
    "GOAWAY after the request": (lambda stream: go_away(stream) + good(stream), {0}),
    "nothing": (lambda stream: b"", {4}),
    "half a reply, then silence": (reply(grpc_head, body(message(GOOD)[:6])), {4}),
    "an invalid header block": (
        lambda stream: frame(HEADERS, END_HEADERS, stream, b"\xff" * 50), {13, 14, 2},
    ),
    "a header block without end": (flood, {8, 13, 14, 2}),
    "more fields than accepted": (many_fields, {8, 13, 14, 2}),
    "a name in upper case": (
        lambda stream: grpc_head(stream, ("X-Upper", "1")) + data(stream, message(GOOD))
        + trailers(stream), {13, 14, 2},
    ),
    "a value with a line break": (
        lambda stream: grpc_head(stream, ("x-evil", "a\r\nset-cookie: b")) + data(
            stream, message(GOOD)) + trailers(stream), {0, 13, 14, 2},
    ),
    "data before the head": (lambda stream: data(stream, message(GOOD)), {13, 14, 2}),
    "data on an idle stream": (
        lambda stream: data(stream + 20, message(GOOD)), {13, 14, 2},
    ),
    "data on stream zero": (lambda stream: data(0, b"x"), {13, 14, 2}),
    "a push": (
        lambda stream: frame(PUSH, END_HEADERS, stream, b"\0\0\0\2" + fields((":path", "/x"))),
        {13, 14, 2},
    ),
    "a window update of zero": (
        lambda stream: frame(WINDOW, 0, 0, b"\0\0\0\0"), {13, 14, 2},
    ),
    "a window beyond its maximum": (
        lambda stream: frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff") * 2, {13, 14, 2},
    ),
    "a frame that is larger than allowed": (
        lambda stream: b"\xff\xff\xff" + bytes([DATA, 0]) + stream.to_bytes(4, "big")
        + b"x" * 100_000, {13, 14, 2},
    ),
    "malformed settings": (lambda stream: frame(SETTINGS, 0, 0, b"12345"), {13, 14, 2}),
    "an invalid frame size": (lambda stream: setting(5, 1), {13, 14, 2}),
    "an HTTP/1.1 response": (
        lambda stream: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", {13, 14, 2},
    ),
    "settings without end": (lambda stream: setting(3, 100) * 5000, {4, 8, 13, 14, 2}),
    "pings without end": (
        lambda stream: frame(PING, 0, 0, b"12345678") * 50_000, {4, 8, 13, 14, 2},
    ),
}  # fmt: skip


@pytest.fixture
def ask(start_bridge):
    """Sends a request to a bridge with this endpoint; returns the HTTP response, or several."""
    endpoints = []

    def ask(behaviour, times=1, **more):
        endpoint = Endpoint(behaviour, **more)
        endpoints.append(endpoint)
        services = {"test": service(endpoint.address, "echo", timeout="1500ms")}
        bridge = start_bridge(services, threads=1)
        responses = []
        for _ in range(times):
            with Connection((bridge.host, bridge.port), seconds=20) as connection:
                connection.request("POST", "/v1/echo", {}, {})
                responses.append(connection.read_response())
        assert bridge.is_running(), bridge.report()
        return responses if times > 1 else responses[0]

    yield ask
    for endpoint in endpoints:
        endpoint.close()


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply(name, ask):
    behaviour, codes = REPLIES[name]
    responses = ask(behaviour, times=2)
    for response in responses:
        assert response.header("content-type") == "application/json"
        assert response.header("set-cookie") is None
        if response.status == 200:
            assert 0 in codes, response
            assert response.json().keys() <= {"aString", "aMessage"}
        else:
            error = response.json()
            assert error["code"] in codes, error
            assert error["code"] in (5, 9) or error["message"], error


@pytest.mark.parametrize(
    "greeting",
    [
        setting(3, 0),
        setting(4, 0),
        setting(4, 0x80000000),
        setting(1, 0) + setting(5, 16384) + setting(6, 1),
        frame(SETTINGS, 0, 0) + go_away(0),
        b"\x00" * 100,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
    ids=[
        "no streams allowed", "no window", "an impossible window", "tiny limits", "GOAWAY",
        "zero bytes", "another protocol", "silence",
    ],
)  # fmt: skip
def test_a_greeting(greeting, ask):
    response = ask(good, greeting=greeting)
    if response.status != 200:
        assert response.status in (429, 500, 502, 503, 504)
        assert response.json()["message"]


@pytest.mark.parametrize("seed", range(8))
def test_damaged_replies(seed, ask):
    """Valid replies with some bytes changed, truncated, repeated or inserted."""
    source = random.Random(seed)

    def damaged(stream):
        bytes_ = bytearray(good(stream))
        for _ in range(source.randint(1, 4)):
            place = source.randrange(len(bytes_))
            kind = source.randrange(4)
            if kind == 0:
                bytes_[place] = source.randrange(256)
            elif kind == 1:
                del bytes_[place : place + source.randint(1, 5)]
            elif kind == 2:
                bytes_[place:place] = source.randbytes(source.randint(1, 20))
            else:
                bytes_ += bytes_[place:]
        return bytes(bytes_)

    for response in ask(damaged, times=12):
        assert response.status in (200, 400, 401, 403, 404, 409, 429, 499, 500, 501, 503, 504)
        response.json()
