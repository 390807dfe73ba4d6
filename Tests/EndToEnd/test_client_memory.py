"""Memory that clients make the bridge use, and what remains after they have disconnected."""

import base64
import json
import os
import select

import pytest
from support.bridge import service
from support.frames import PREFACE, SETTINGS, data, frame, headers, settings
from support.processes import until

LIMIT, SHARE, CLIENTS = 6 << 20, 3 << 20, 6
#: Size of a body of which `SHARE` is sent.
ANNOUNCED = SHARE + (1 << 20)


@pytest.fixture
def bridge(start_bridge, backend):
    return start_bridge(
        {"test": service(backend.address, "echo")},
        limits={"client_buffer_bytes": "6MiB", "request_body_bytes": "8MiB"},
        threads=1,
    )


def part_of_a_body(connection):
    connection.send(
        "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
        f"Content-Length: {ANNOUNCED}\r\n\r\n", b" " * SHARE,
    )  # fmt: skip


def parts_of_bodies_as_streams(connection):
    """Sixteen streams of 192 KiB each: no more than their windows let through."""
    connection.send(PREFACE, frame(SETTINGS, 0, 0), frame(SETTINGS, 1, 0))
    # The bridge enlarges the connection's window when it starts.
    while connection.read_exactly(9)[3] != 8:
        pass
    for stream in range(1, 32, 2):
        connection.send(
            headers(
                stream, (":method", "POST"), (":scheme", "http"), (":path", "/v1/echo"),
                (":authority", "localhost"), ("content-type", "application/json")),
            *(data(stream, b" " * (16 << 10)) for _ in range(12)),
        )  # fmt: skip


def part_of_a_message(connection):
    connection.send(
        "GET /v1/chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
    )
    assert b"101" in connection.read_until(b"\r\n\r\n")
    # Three fragments of an unfinished message: text first, masked with zeros.
    for opcode in (1, 0, 0):
        size = SHARE // 3
        connection.send(bytes([opcode, 0xFF]) + size.to_bytes(8, "big") + bytes(4), b" " * size)


def is_closed(connection):
    """Whether the bridge has closed it; its output is ignored."""
    if not select.select([connection.socket], [], [], 0)[0]:
        return False
    try:
        return connection.socket.recv(1 << 16) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("send", [part_of_a_body, parts_of_bodies_as_streams, part_of_a_message])
def test_incomplete_requests(send, bridge, connect, http):
    connections = [connect(bridge) for _ in range(CLIENTS)]
    for connection in connections:
        try:
            send(connection)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It was closed meanwhile, because of its memory.
    closed = set()

    def few_are_left():
        closed.update(each for each in connections if each not in closed and is_closed(each))
        return len(connections) - len(closed) <= LIMIT // SHARE

    until(few_are_left, "the memory of the others is within the limit")
    # The bridge closes the connections first, then logs it.
    bridge.wait_for_line("limits.client_buffer_bytes")
    # A client that uses little memory is served meanwhile.
    assert http.post(f"{bridge.url}/v1/echo", json={"aString": "x"}).status_code == 200


def test_requests_within_the_limit_are_kept(bridge, connect):
    connections = [connect(bridge) for _ in range(LIMIT // SHARE - 1)]
    for connection in connections:
        part_of_a_body(connection)
    # Spans many of the bridge's periodic checks.
    assert not select.select([each.socket for each in connections], [], [], 2.5)[0]
    for connection in connections:
        text = json.dumps({"aString": "x"})
        connection.send(text + " " * (ANNOUNCED - SHARE - len(text)))
        assert connection.read_response().status == 200
    assert "client_buffer_bytes" not in bridge.errors


@pytest.mark.parametrize("kind", ["HTTP/1.1", "HTTP/2"])
def test_unread_responses(kind, bridge, connect, http):
    """16 MiB each, of which the system buffers some."""
    path = f"/v1/big/{16 << 20}"
    connections = [connect(bridge) for _ in range(3)]
    for connection in connections:
        if kind == "HTTP/1.1":
            connection.request("GET", path)
        else:
            fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "x")]
            zero = frame(SETTINGS, 0, 0, settings((4, 0)))
            connection.send(PREFACE, zero, headers(1, *fields, end=True))
    until(
        lambda: len(bridge.access_log()) == 3 and "client_buffer_bytes" in bridge.errors,
        "the connections are closed",
    )
    assert http.get(f"{bridge.url}/v1/big/1").status_code == 200


def anonymous_bytes(bridge):
    """Resident anonymous memory of the process."""
    with open(f"/proc/{bridge.pid}/statm", encoding="ascii") as file:
        _, resident, shared = file.read().split()[:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def test_memory_is_released_after_a_peak(start_bridge, backend, connect):
    bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)
    before = anonymous_bytes(bridge)
    body = json.dumps({"aString": "x" * 3_900_000}).encode()
    connections = [connect(bridge) for _ in range(40)]
    for connection in connections:
        connection.send(
            "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
            f"Content-Length: {len(body)}\r\n\r\n", body[:-1],
        )  # fmt: skip
    until(lambda: anonymous_bytes(bridge) - before > 128 << 20, "the bodies are buffered")
    for connection in connections:
        connection.send(body[-1:])
        assert connection.read_response().status == 200
        connection.socket.close()
    until(lambda: anonymous_bytes(bridge) - before < 16 << 20, "the memory is released", 60)
