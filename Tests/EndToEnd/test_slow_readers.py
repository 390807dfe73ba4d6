"""Clients that request much and read nothing."""

import pytest
from support.bridge import service
from support.frames import PREFACE, RESET, SETTINGS, data, frame, headers, message, settings
from support.processes import until
from support.raw import Closed

MUCH = 8 << 20


@pytest.fixture
def bridge(start_bridge, backend):
    return start_bridge(
        {"test": service(backend.address, "echo")},
        limits={"response_write_timeout": "1s", "reply_bytes": "64MiB"},
    )


def drained(connection):
    """Reads to the end of the connection."""
    count = 0
    with pytest.raises(Closed):
        while True:
            connection.fill()
            count += len(connection.buffer)
            connection.buffer = b""
    return count


def log(bridge, count):
    return until(lambda: len(log := bridge.access_log()) >= count and log, "the calls are done")


def test_http1(bridge, connect):
    connection = connect(bridge)
    connection.request("GET", f"/v1/big/{MUCH}")
    log(bridge, 1)
    # The end of the connection is the only sign available without reading.
    until(lambda: sockets(bridge) == 0, "the connection is closed", 20)
    assert drained(connection) < MUCH


def test_a_client_that_reads_slowly(bridge, connect):
    connection = connect(bridge)
    connection.request("GET", f"/v1/big/{MUCH}")
    response = connection.read_response()
    assert response.status == 200 and len(response.body) > MUCH
    connection.request("GET", "/v1/big/1")
    assert connection.read_response().status == 200


@pytest.mark.parametrize("kind", ["application/json", "application/grpc"])
def test_a_window_of_zero(kind, bridge, connect):
    """The stream is reset; the connection continues."""
    connection = connect(bridge)
    zero = settings((4, 0))
    fields = [(":scheme", "http"), (":authority", "x")]
    if kind == "application/json":
        fields += [(":method", "GET"), (":path", f"/v1/big/{MUCH}")]
        request = headers(1, *fields, end=True)
    else:
        fields += [(":method", "POST"), (":path", "/bridge.test.EchoService/Echo"),
                   ("te", "trailers"), ("content-type", kind)]  # fmt: skip
        # An unknown field is returned unchanged.
        request = headers(1, *fields) + data(1, message(b"\x82\x7d\x04abcd"), end=True)
    connection.send(PREFACE, frame(SETTINGS, 0, 0, zero), request)
    kinds = []
    while RESET not in kinds:
        head = connection.read_exactly(9)
        connection.read_exactly(int.from_bytes(head[:3], "big"))
        kinds.append(head[3])
    assert kinds.count(0) == 0, "no DATA without a window"


def sockets(bridge):
    """Number of established client connections according to the system."""
    port = f":{bridge.port:04X}"
    with open(f"/proc/{bridge.pid}/net/tcp", encoding="ascii") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    return sum(1 for line in lines if line[1].endswith(port) and line[3] == "01")
