"""Connections to the endpoint: shared, kept alive, replaced; and behaviour when there is none."""

import concurrent.futures
import socket
import threading
import time

import pytest
import requests
from support.bridge import service
from support.processes import until
from support.sockets import free_port


def echo(http, bridge, text="x", seconds=20):
    return http.post(f"{bridge.url}/v1/echo", json={"aString": text}, timeout=seconds)


class TestReuse:
    def test_many_requests_one_connection(self, start_bridge, start_backend, http):
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)
        for index in range(50):
            assert echo(http, bridge, str(index)).json() == {"aString": str(index)}
        for _ in range(10):
            assert requests.get(f"{bridge.url}/v1/slow", timeout=20).status_code == 200
        peers, calls = backend.peers()
        assert (len(peers), calls) == (1, 60)

    def test_one_connection_per_loop(self, start_bridge, start_backend, http):
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=2)
        for _ in range(40):
            with requests.Session() as each:
                each.trust_env = False
                assert echo(each, bridge).status_code == 200
        peers, calls = backend.peers()
        assert calls == 40
        assert 1 <= len(peers) <= 2

    def test_slow_calls_share_a_connection(self, start_bridge, start_backend, key):
        """Twenty concurrent calls on one HTTP/2 connection."""
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)

        def slow(index):
            with requests.Session() as http:
                http.trust_env = False
                params = {"key": f"{key}-{index}", "delay": "3s"}
                return http.get(f"{bridge.url}/v1/slow", params=params, timeout=30)

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            replies = [pool.submit(slow, index) for index in range(20)]
            for index in range(20):
                backend.wait_for_state(f"{key}-{index}", "RUNNING")
            assert len(backend.peers()[0]) == 1
            assert [reply.result().status_code for reply in replies] == [200] * 20


class TestConcurrency:
    def test_fifty_clients_at_once(self, bridge):
        start = threading.Barrier(50)

        def client(number):
            with requests.Session() as http:
                http.trust_env = False
                start.wait(30)
                for index in range(20):
                    text = f"client {number} call {index} " + "x" * (number * index)
                    reply = echo(http, bridge, text, seconds=60)
                    assert (reply.status_code, reply.json()["aString"]) == (200, text)
            return number

        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            assert sorted(pool.map(client, range(50))) == list(range(50))

    def test_more_calls_than_the_server_allows_streams(self, start_bridge, start_backend):
        """SETTINGS_MAX_CONCURRENT_STREAMS: the other calls wait, or use a further connection."""
        backend = start_backend(options={"grpc.max_concurrent_streams": 4})
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)

        def slow(_):
            with requests.Session() as http:
                http.trust_env = False
                reply = http.get(f"{bridge.url}/v1/slow", params={"delay": "0.1s"}, timeout=60)
                return None if reply.status_code == 200 else reply.text

        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            assert [text for text in pool.map(slow, range(64)) if text] == []


class TestReplacement:
    def test_a_server_that_restarts(self, start_bridge, start_backend, http):
        first = start_backend()
        bridge = start_bridge({"test": service(first.address, "echo")})
        assert echo(http, bridge).status_code == 200
        assert first.stop() == 0
        second = start_backend(port=first.port)
        assert echo(http, bridge).status_code == 200
        assert second.peers()[1] == 1

    def test_a_server_that_is_killed(self, start_bridge, start_backend, http, key):
        first = start_backend()
        bridge = start_bridge({"test": service(first.address, "echo")})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(http.get, f"{bridge.url}/v1/hang/{key}", timeout=30)
            first.wait_for_state(key, "RUNNING")
            first.end()
            reply = waiting.result(30)
        assert (reply.status_code, reply.json()["code"]) == (503, 14)
        second = start_backend(port=first.port)
        until(
            lambda: echo(http, bridge).status_code == 200, "the new server is found", seconds=30
        )
        assert second.peers()[1] >= 1

    def test_a_server_that_sends_goaway_repeatedly(self, start_bridge, start_backend, http):
        """Each connection is short-lived; no request may fail because of that."""
        backend = start_backend(
            options={"grpc.max_connection_age_ms": 100, "grpc.max_connection_age_grace_ms": 20_000}
        )
        bridge = start_bridge({"test": service(backend.address, "echo")})
        statuses = []

        def used_many_connections():
            statuses.append(echo(http, bridge).status_code)
            return len(statuses) % 50 == 0 and len(backend.peers()[0]) > 10

        until(used_many_connections, "more than ten connections were used", 60)
        assert set(statuses) == {200}

    def test_calls_in_flight_survive_a_goaway(self, start_bridge, start_backend, http, key):
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo")}, threads=1)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            params = {"key": key, "delay": "2s"}
            waiting = pool.submit(http.get, f"{bridge.url}/v1/slow", params=params, timeout=30)
            backend.wait_for_state(key, "RUNNING")
            assert backend.stop() == 0
            reply = waiting.result(30)
        assert reply.status_code == 200, reply.text


class TestNoEndpoint:
    def test_nothing_listens(self, start_bridge, http):
        bridge = start_bridge({"test": service(f"127.0.0.1:{free_port()}", "echo")})
        began = time.monotonic()
        for _ in range(3):
            reply = echo(http, bridge, seconds=30)
            assert (reply.status_code, reply.json()["code"]) == (503, 14)
            assert reply.json()["message"]
            assert int(reply.headers["retry-after"]) >= 0
        assert time.monotonic() - began < 30

    def test_an_endpoint_that_starts_later(self, start_bridge, start_backend, http):
        port = free_port()
        bridge = start_bridge({"test": service(f"127.0.0.1:{port}", "echo")})
        assert echo(http, bridge).status_code == 503
        start_backend(port=port)
        until(lambda: echo(http, bridge).status_code == 200, "the server is found", 30)

    def test_an_invalid_name(self, start_bridge, http):
        bridge = start_bridge({"test": service("no-such-host.invalid:50051", "echo")})
        reply = echo(http, bridge, seconds=30)
        assert (reply.status_code, reply.json()["code"]) == (503, 14)

    @pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64])
    def test_something_else_listens(self, greeting, start_bridge, http):
        """Not an HTTP/2 server: it sends nothing, or something else, and closes the connection or doesn't."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            accepted = []

            def serve():
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    accepted.append(connection)
                    if greeting:
                        connection.sendall(greeting)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            bridge = start_bridge({"test": service(address, "echo", timeout="2s")})
            reply = echo(http, bridge, seconds=30)
            assert reply.status_code in (502, 503, 504)
            assert reply.json()["code"] in (4, 13, 14)
            for connection in accepted:
                connection.close()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
