"""Clients that have disconnected: their calls end, and others don't have to wait for them."""

import base64
import contextlib
import socket

import pytest
from support.bridge import service
from support.raw import Connection, request_bytes

KEY = base64.b64encode(bytes(range(16))).decode()


def open_websocket(connection, path):
    connection.send(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert b"101" in connection.read_until(b"\r\n\r\n")


class TestWebSockets:
    @pytest.mark.parametrize("way", ["close", "end_sending", "reset"])
    def test_an_end_without_a_close_frame(self, way, start_bridge, backend, connect, key):
        """Detected immediately: neither the heartbeat nor the call's timeout is near."""
        bridge = start_bridge(
            {
                "test": service(
                    backend.address, "echo", stream={"heartbeat": "0s", "timeout": "600s"}
                )
            },
            limits={"half_closed_timeout": "300s"},
        )
        connection = connect(bridge)
        open_websocket(connection, f"/v1/count/3?key={key}&interval=600s")
        backend.wait_for_state(key, "RUNNING")
        {
            "close": connection.socket.close,
            "end_sending": connection.end_sending,
            "reset": connection.reset,
        }[way]()
        backend.wait_for_state(key, "CANCELLED")


class TestRequestsSentAhead:
    @pytest.mark.parametrize("path", ["/v1/hang/{}", "/v1/count/3?key={}&interval=600s"])
    def test_a_client_that_closes_after_them(self, path, start_bridge, backend, connect, key):
        bridge = start_bridge(
            {"test": service(backend.address, "echo", timeout="600s")},
            limits={"half_closed_timeout": "300ms"},
        )
        connection = connect(bridge)
        connection.send(
            request_bytes("GET", path.format(key)), request_bytes("GET", f"/v1/hang/{key}-2")
        )
        backend.wait_for_state(key, "RUNNING")
        connection.socket.close()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_keeps_reading_gets_all_responses(self, bridge, connect, key):
        connection = connect(bridge)
        connection.send(
            *(request_bytes("GET", f"/v1/slow?key={key}-{each}&delay=0.3s") for each in range(3))
        )
        connection.end_sending()
        assert [connection.read_response().status for _ in range(3)] == [200] * 3
        assert connection.is_closed_by_peer()


class TestSlots:
    COUNT = 40

    def leave(self, bridge, key, way):
        """Requests whose clients disconnect immediately."""
        for index in range(self.COUNT):
            with socket.create_connection((bridge.host, bridge.port), timeout=15) as client:
                client.sendall(request_bytes("GET", f"/v1/hang/{key}-{index}"))
                way(client)

    @pytest.fixture
    def small(self, start_bridge, backend):
        """A bridge with low limits, on which disconnected clients aren't detected by timeouts."""
        bridge = start_bridge(
            {"test": service(backend.address, "echo", timeout="600s")},
            threads=1,
            limits={"calls_in_flight": 8, "calls_waiting": 8, "half_closed_timeout": "300s"},
        )
        # Its drain would wait for the calls of disconnected clients.
        bridge.ended_by_test = True
        return bridge

    def test_disconnected_clients_make_room_for_active_ones(self, small, http, key):
        self.leave(small, key, lambda client: None)
        for _ in range(20):
            reply = http.get(f"{small.url}/v1/slow", timeout=20)
            assert reply.status_code == 200, reply.text

    def test_a_reset_ends_a_call_immediately(self, small, backend, key):
        connection = Connection((small.host, small.port))
        connection.request("GET", f"/v1/hang/{key}")
        backend.wait_for_state(key, "RUNNING")
        connection.end_sending()
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_half_closed_client_is_served_while_there_is_room(
        self, small, connect, key
    ):
        connection = connect(small)
        connection.request("GET", f"/v1/slow?key={key}&delay=0.5s")
        connection.end_sending()
        assert connection.read_response().status == 200

    def test_a_half_closed_client_is_evicted_when_there_is_none(self, small, backend, connect, http, key):
        """The oldest is evicted first, and gets the reason."""
        halves = []
        for index in range(8):
            connection = connect(small)
            connection.request("GET", f"/v1/hang/{key}-{index}")
            backend.wait_for_state(f"{key}-{index}", "RUNNING")
            connection.end_sending()
            halves.append(connection)
        assert http.get(f"{small.url}/v1/slow", timeout=20).status_code == 200
        reply = halves[0].read_response()
        assert reply.status == 503 and "half-closed" in reply.json()["message"]
        backend.wait_for_state(f"{key}-0", "CANCELLED")
        for index in range(1, 8):
            backend.wait_for_state(f"{key}-{index}", "RUNNING")

    def test_active_clients_are_not_evicted(self, small, backend, connect, http, key):
        """Eight active readers use all slots: others wait, and those beyond the queue are refused."""
        active = []
        for index in range(8):
            connection = connect(small)
            connection.request("GET", f"/v1/slow?key={key}-{index}&delay=3s")
            backend.wait_for_state(f"{key}-{index}", "RUNNING")
            active.append(connection)
        self.leave(small, f"{key}-left", lambda client: None)
        assert [connection.read_response().status for connection in active] == [200] * 8


class TestUnixSockets:
    def test_a_close_is_detected_immediately(self, start_bridge, backend, tmp_path, key):
        """Over a UNIX socket the close of both directions is visible."""
        path = tmp_path / "front.sock"
        start_bridge(
            {"test": service(backend.address, "echo", timeout="600s")},
            listen=["127.0.0.1:0", f"unix:{path}"],
            limits={"half_closed_timeout": "300s"},
        )
        client = socket.socket(socket.AF_UNIX)
        with contextlib.closing(client):
            client.connect(str(path))
            client.sendall(request_bytes("GET", f"/v1/hang/{key}"))
            backend.wait_for_state(key, "RUNNING")
        backend.wait_for_state(key, "CANCELLED")
