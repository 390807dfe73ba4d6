"""Logging of endpoints that become unreachable and reachable again, and endpoints that lead to the bridge."""

import json
import signal

import grpc
import pytest
from support.bridge import run, service, write_configuration
from support.dialing import Host
from support.processes import until
from support.raw import Connection
from support.sockets import free_port
from test_http_protobuf import SCHEMA


def post(bridge, path="/v1/echo", fields=()):
    with Connection((bridge.host, bridge.port)) as connection:
        connection.request("POST", path, [("Content-Type", "application/json"), *fields], b"{}")
        return connection.read_response("POST")


def lines(bridge, part):
    return [line for line in bridge.errors.split("\n")[:-1] if part in line]


class TestLossAndReturn:
    @pytest.mark.parametrize("kind", ["single", "list"])
    def test_one_log_line_each(self, start_bridge, start_backend, kind):
        port = free_port()
        backend = start_backend(port=port)
        others = {"retry": {"attempts": 2}} if kind == "list" else {}
        bridge = start_bridge({"test": service(backend.address, "echo", **others)}, threads=2)
        for _ in range(8):
            assert post(bridge).status == 200
        backend.signal(signal.SIGKILL)
        backend.wait()
        until(lambda: post(bridge).status == 503, "the endpoint is unreachable")
        until(lambda: lines(bridge, "is unreachable"), "the loss is logged")
        for _ in range(8):
            assert post(bridge).status == 503
        start_backend(port=port)
        until(lambda: post(bridge).status == 200, "the endpoint is reachable")
        until(lambda: lines(bridge, "is reachable again"), "the recovery is logged")
        for _ in range(8):
            assert post(bridge).status == 200
        (lost,), (back,) = lines(bridge, "is unreachable"), lines(bridge, "is reachable again")
        named = f"bridge-proxy service test: {backend.address} is"
        assert lost.startswith(f"{named} unreachable: ") and "connect" in lost
        assert back.startswith(f"{named} reachable again after ")

    @pytest.mark.parametrize("transport", ["grpc", "http"])
    def test_an_endpoint_that_was_never_reachable(self, start_bridge, transport):
        address = f"127.0.0.1:{free_port()}"
        more = {"transport": {"http-protobuf": {
            "request_type": "PredictRequest", "response_type": "PredictResponse", "path": "/p",
            "route": "/v1/echo"}}}  # fmt: skip
        entry = service(address, "echo")
        if transport == "http":
            entry = {"schemas": SCHEMA, "endpoint": address, **more}
        bridge = start_bridge({"test": entry})
        for _ in range(4):
            assert post(bridge).status == 503
        until(lambda: lines(bridge, "is unreachable"), "the failure is logged")
        line = f"bridge-proxy service test: {address} is unreachable: can't connect to {address}: "
        assert lines(bridge, "is unreachable") == [f"{line}connection refused"]

    @pytest.mark.parametrize("count", [1, 2])
    def test_readiness_and_calls_give_one_reason(self, start_bridge, http, count):
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(count)]
        bridge = start_bridge(
            {"test": service({"static": addresses}, "echo")}, threads=1, admin="127.0.0.1:0"
        )
        response = post(bridge)
        assert response.status == 503
        ready = http.get(f"{bridge.admin_url}/readyz", timeout=20)
        assert ready.status_code == 503
        assert ready.json()["services"] == [
            {"service": "test", "reason": response.json()["message"]}
        ]
        assert "connection refused" in response.json()["message"]


class TestOwnAddress:
    @pytest.mark.parametrize(
        ("listen", "endpoint", "place"),
        [
            ("127.0.0.1:18080", "127.0.0.1:18080", "listen"),
            ("127.0.0.1:18080", "localhost:18080", "listen"),
            ("0.0.0.0:18080", "127.0.0.1:18080", "listen"),
            ("127.0.0.1:18081", "127.0.0.1:18082", "admin"),
            ("unix:own.sock", "unix:own.sock", "listen"),
        ],
    )
    def test_recognizable_addresses_are_refused(self, tmp_path, listen, endpoint, place):
        entry = service(endpoint, "echo")
        settings = {"listen": listen, "admin": "127.0.0.1:18082", "services": {"test": entry}}
        path = write_configuration(settings, tmp_path)
        for command in ("check", "serve"):
            done = run(command, "--config", path)
            assert done.returncode == 78
            (line,) = done.stderr.splitlines()[:1]
            assert "services.test.endpoint: " in line
            assert f"is an address of the bridge itself ({place}" in line

    @pytest.fixture
    def round_trip(self, start_bridge):
        """A bridge whose endpoint leads back to it in a way that it can't recognize."""
        ways = []

        def start(entry):
            port = free_port()
            way = Host(f"127.0.0.1:{port}")
            ways.append(way)
            entry["endpoint"] = f"127.0.0.1:{way.port}"
            return start_bridge({"test": entry}, listen=f"127.0.0.1:{port}")

        yield start
        for way in ways:
            way.close()

    def test_a_request_that_returns(self, round_trip):
        bridge = round_trip(service("", "echo"))
        response = post(bridge)
        assert (response.status, response.json()["code"]) == (500, 13)
        assert "returned to the bridge that sent it" in response.json()["message"]
        until(lambda: len(bridge.access_log()) == 2, "both requests are in the log")

    def test_a_call_that_returns(self, round_trip, stubs):
        bridge = round_trip(service("", "echo"))
        with grpc.insecure_channel(f"{bridge.host}:{bridge.port}") as channel:
            stub = stubs.echo_grpc.EchoServiceStub(channel)
            with pytest.raises(grpc.RpcError) as failed:
                stub.Echo(stubs.everything.Everything(), timeout=20)
        assert failed.value.code() == grpc.StatusCode.INTERNAL
        assert "returned to the bridge that sent it" in failed.value.details()
        until(lambda: len(bridge.access_log()) == 2, "both calls are in the log")

    def test_a_request_over_http_that_returns(self, round_trip):
        transport = {"request_type": "PredictRequest", "response_type": "PredictResponse",
                     "path": "/test"}  # fmt: skip
        bridge = round_trip({"schemas": SCHEMA, "transport": {"http-protobuf": transport}})
        response = post(bridge, "/test")
        assert response.status == 500
        assert "HTTP status 508" in response.json()["message"]
        entries = until(
            lambda: len(bridge.access_log()) == 2 and bridge.access_log(), "both are in the log"
        )
        assert [entry["status"] for entry in entries] == [508, 500]

    def test_too_many_intermediaries(self, bridge):
        passed = ", ".join(f"2 bridge-proxy-{number:016x}" for number in range(10))
        assert post(bridge, fields=[("Via", passed)]).status == 200
        response = post(bridge, fields=[("Via", passed), ("Via", "1.1 bridge-proxy-0a")])
        assert response.status == 508
        assert response.json()["details"][0]["reason"] == "LOOP_DETECTED"

    def test_the_endpoint_receives_via(self, bridge):
        def seen(*fields):
            entries = post(bridge, "/v1/metadata", fields).json()["entries"]
            return [entry["value"] for entry in entries if entry["name"] == "via"]

        (own,) = seen()
        assert own.startswith("1.1 bridge-proxy-")
        assert seen(("Via", "1.0 old")) == ["1.0 old", own]

    def test_a_service_without_via(self, start_bridge, backend):
        entry = service(backend.address, "echo", headers={"deny": ["via"]})
        bridge = start_bridge({"test": entry})
        response = post(bridge, "/v1/metadata", [("Via", "1.1 x")])
        assert response.status == 200 and '"via"' not in json.dumps(response.json())
