#!/usr/bin/env python3
"""Writes the seed inputs of the front end's fuzz targets: scripts/fuzz_front_seeds.py FOLDER.

Fuzzing goes far beyond these; they define the input format (see ReadPlan.swift and HTTP1Target.swift) and
reach each protocol.
"""

import pathlib
import struct
import sys

WHOLE, BYTE_BY_BYTE, SEVEN, STOPS_READING, CLOSES_INPUT, LEAVES_OPEN = 0, 1, 4, 8, 16, 32


def request(line, *fields, body=""):
    lines = [f"{line} HTTP/1.1", "Host: localhost", *fields, "", body]
    return "\r\n".join(lines).encode()


GET = request("GET /v1/things/7?count=3")
POST = request("POST /v1/things", "Content-Type: application/json", "Content-Length: 10", body='{"id":"7"}')
CHUNKED = request(
    "POST /v1/things", "Transfer-Encoding: chunked", body='4\r\n{"id\r\n6;a=b\r\n":"7"}\r\n0\r\nX: y\r\n\r\n'
)
STREAM = request("POST /v1/imports/7", "Transfer-Encoding: chunked", body="8\r\n[{},{},{\r\n2\r\n}]\r\n0\r\n\r\n")
HANDSHAKE = request(
    "GET /v1/conversations/7",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
HTTP1 = [
    (WHOLE, GET),
    (BYTE_BY_BYTE, GET),
    (WHOLE, POST + GET),
    (SEVEN | CLOSES_INPUT, CHUNKED + POST),
    (BYTE_BY_BYTE, STREAM),
    (STOPS_READING, GET * 20),
    (LEAVES_OPEN | CLOSES_INPUT, GET + GET),
    (WHOLE, HANDSHAKE + b"\x81\x82\x01\x02\x03\x04zz"),
    (WHOLE, request("GET /v1/watch/7", "Accept: text/event-stream")),
    (WHOLE, request("GET /v1/things/7", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__") + GET),
    (WHOLE, request("OPTIONS *") + request("CONNECT localhost:80") + GET),
    (WHOLE, "GET /v1/things/ä b HTTP/1.1\r\n\r\n".encode()),
    (WHOLE, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    (SEVEN, request("POST /v1/things", "Content-Encoding: gzip", "Content-Length: 3", body="abc")),
    (WHOLE, request("HEAD /v1/things/7", "Expect: 100-continue", "TE: trailers", "grpc-timeout: 1S")),
]


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    name, value = name.encode(), value.encode()
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def head(method, path, *fields):
    pairs = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), *fields]
    return b"".join(literal(*pair) for pair in pairs)


GRPC = head("POST", "/bridge.showcase.v1.Showcase/Converse", ("content-type", "application/grpc"), ("te", "trailers"))
JSON = head("POST", "/v1/things", ("content-type", "application/json"))
ACKNOWLEDGED = frame(4, 1, 0)
HTTP2 = [
    (WHOLE, ACKNOWLEDGED + frame(1, 5, 1, head("GET", "/v1/things/7"))),
    (BYTE_BY_BYTE, frame(1, 4, 1, JSON) + frame(0, 1, 1, b'{"id":"7"}')),
    (SEVEN, frame(1, 4, 1, GRPC) + frame(0, 0, 1, b"\0\0\0\0\2\x0a\0") + frame(0, 1, 1)),
    (LEAVES_OPEN, frame(1, 4, 1, GRPC) + frame(3, 0, 1, b"\0\0\0\x08") + frame(1, 5, 3, GRPC)),
    (WHOLE, frame(1, 0, 1, GRPC[:20]) + frame(9, 4, 1, GRPC[20:]) + frame(1, 5, 1, literal("a", "b"))),
    (WHOLE, frame(6, 0, 0, b"12345678") + frame(8, 0, 0, b"\0\1\0\0") + frame(7, 0, 0, b"\0\0\0\0\0\0\0\0")),
    (WHOLE, frame(4, 0, 0, b"\0\4\0\0\0\0") + frame(1, 5, 1, head("GET", "/v1/watch/7"))),
    (WHOLE, frame(1, 4, 1, head("POST", "/v1/things", ("content-length", "2"))) + frame(0, 1, 1, b"{}}")),
]

REPLY = literal(":status", "200") + literal("content-type", "application/grpc")
TRAILERS = literal("grpc-status", "0")
RESPONSE_FRAMES = frame(1, 4, 1, REPLY) + frame(0, 0, 1, b"\0\0\0\0\2\x0a\0") + frame(1, 5, 1, TRAILERS)
ENDPOINT = [
    (WHOLE, ACKNOWLEDGED + RESPONSE_FRAMES),
    (BYTE_BY_BYTE, RESPONSE_FRAMES + frame(1, 5, 3, REPLY + TRAILERS)),
    (SEVEN | STOPS_READING, frame(1, 4, 3, REPLY) + frame(0, 1, 3, b"x" * 300)),
    (WHOLE, frame(1, 4, 1, literal(":status", "103")) + frame(3, 0, 1, b"\0\0\0\x07") + RESPONSE_FRAMES),
    (WHOLE, frame(1, 4, 1, REPLY) + frame(7, 0, 0, b"\0\0\0\1\0\0\0\0bye") + frame(1, 5, 1, TRAILERS)),
    (WHOLE, frame(1, 4, 1, literal(":status", "502")) + frame(0, 1, 1, b"<html>") + frame(6, 0, 0, b"12345678")),
    (WHOLE, RESPONSE_FRAMES + frame(1, 5, 1, REPLY)),
    (WHOLE, frame(1, 4, 1, literal(":status", "200") + b"\x40\1x\x7e" + b"y" * 126 + b"\xbe" * 3000)),
]


def masked(opcode, payload, mask=b"\1\2\3\4", length=None):
    head = bytes([opcode, 0x80 | (len(payload) if length is None else length)])
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


WEBSOCKET = [
    (WHOLE, masked(0x81, b'{"id":"7"}') + masked(0x88, b"\x03\xe8bye")),
    (BYTE_BY_BYTE, masked(0x01, b'{"id"') + masked(0x89, b"ping") + masked(0x80, b':"7"}')),
    (LEAVES_OPEN | CLOSES_INPUT, masked(0x81, b"{}") * 3),
    (WHOLE, masked(0x82, b"\x0a\0") + masked(0x8A, b"") + masked(0x88, b"")),
    (WHOLE, masked(0x88, b"\x03")),
    (WHOLE, masked(0x88, b"\x03\xed") + masked(0x88, b"\x03\xe8\xff")),
    (STOPS_READING, masked(0x89, b"x" * 100) * 10),
    (WHOLE, b"\x81\x02{}"),
]
QUERY = [
    "id=7&count=3&big=9&ratio=0.5&done=true",
    "color=COLOR_RED&place.city=x&place.inner.floor=2&tags=a&tags=b",
    "labels[a]=b&labels%5Bc%5D=d&place.inner.inner.inner=1",
    "at=2024-01-01T00:00:00Z&wait=1.5s&mask=a,b.c&%zz=1&=&&a",
    ".".join(["place"] * 200) + "=1",
]
YAML = [
    "listen: 127.0.0.1:8080\nservices:\n  a: {schemas: x.proto, endpoint: 127.0.0.1:1}\n",
    "listen: [a:1, {address: b:2, tls: off}]\nlimits: {idle_timeout: 5s, head_bytes: 1KiB}\n",
    "services:\n  a:\n    schemas: reflection\n    endpoint: {static: [a:1, {address: b:2, weight: 3}]}\n"
    "    retry: {attempts: 3, codes: [UNAVAILABLE]}\n    auth: {scheme: bearer, token_env: T}\n",
    "services:\n  a:\n    endpoint: {nacos: {server: n:1, service: s}}\n    http_rules:\n"
    "      - {selector: a.B.C, get: '/v1/{x=y/*}'}\n    errors: {body: {code: \"{code}\"}}\n",
    "a: &b [*b]\n? c\n: - d\n",
    "services: {a: {cors: {origins: '*'}, hosts: [a, a], prefix: /x}}\nservices: 1\n",
]


def main():
    folder = pathlib.Path(sys.argv[1])
    inputs = {
        "http1": [bytes([plan]) + text for plan, text in HTTP1],
        "http2-client": [bytes([plan]) + text for plan, text in HTTP2],
        "http2-endpoint": [bytes([plan]) + text for plan, text in ENDPOINT],
        "websocket": [bytes([plan]) + text for plan, text in WEBSOCKET],
        "query": [text.encode() for text in QUERY],
        "yaml": [text.encode() for text in YAML],
    }
    for target, texts in inputs.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, text in enumerate(texts):
            (folder / target / f"seed-{number:02}").write_bytes(text)


main()
