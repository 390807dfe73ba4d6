"""Endpoints by name: addresses that fail, name servers that don't answer (RFC 8305)."""

import contextlib

import pytest
from peers import predict_server
from support import names
from support.bridge import PROTOS, Bridge, configuration, service
from support.dialing import A, AAAA, FULL, REFUSES, SILENT, V4, V6, HalfNameServer, Host
from support.processes import until
from support.raw import Connection
from support.reflection import ReflectionServer, compile_protos
from test_http_protobuf import RESPONSE, REPLY, REQUEST, SCHEMA

BAD = (REFUSES, FULL, SILENT)


@pytest.fixture
def stack():
    if reason := names.why_not():
        pytest.skip(reason)
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def hosts(stack, tmp_path):
    """Creates hosts that a name server resolves as `depot.internal`: `hosts(server, V4, REFUSES)`."""
    server = names.NameServer(tmp_path)
    stack.callback(server.end)

    def make(address, good=V4, bad=REFUSES):
        host = Host(address, good, bad)
        stack.callback(host.close)
        server.configure(hosts={"depot.internal": [V4, V6]})
        host.inside = server.inside
        host.address = f"depot.internal:{host.port}"
        return host

    return make


@pytest.fixture
def start(stack, tmp_path):
    """Starts a bridge that uses a name server: `start(services, host.inside)`."""

    def start(services, inside, **more):
        bridge = Bridge.configured(
            configuration(services, **more), tmp_path, "asking", inside=inside
        )
        stack.callback(bridge.end)
        stack.callback(bridge.stop_cleanly)
        return bridge

    return start


def post(bridge, path="/v1/echo", body=b"{}", host=None):
    with Connection((bridge.host, bridge.port)) as connection:
        fields = [("Content-Type", "application/json")] + ([("Host", host)] if host else [])
        connection.request("POST", path, fields, body)
        return connection.read_response("POST")


class TestAddresses:
    @pytest.mark.parametrize("bad", BAD)
    @pytest.mark.parametrize("good", [V4, V6])
    def test_one_address_that_fails(self, hosts, start, backend, good, bad):
        host = hosts(backend.address, good, bad)
        bridge = start({"test": service(host.address, "echo", timeout="10s")}, host.inside)
        for _ in range(3):
            response = post(bridge)
            assert response.status == 200, response.body
        # The silent one doesn't delay the response.
        assert host.strays <= (bridge.errors.count("listening") if bad == SILENT else 0) * 4

    @pytest.mark.parametrize("bad", BAD)
    def test_with_another_healthy_endpoint(self, hosts, start, backend, fleet, bad):
        (near,) = fleet("near")
        host = hosts(backend.address, V4, bad)
        endpoint = {"static": [host.address, near.address]}
        bridge = start({"test": service(endpoint, "echo")}, host.inside, threads=1)

        def both():
            return {post(bridge).header("x-server") for _ in range(10)} == {"near", None}

        until(both, "both endpoints respond", 10)

    @pytest.mark.parametrize("bad", BAD)
    def test_by_reflection(self, hosts, start, stack, tmp_path, bad):
        descriptors = compile_protos(tmp_path / "set.binpb", "echo")
        server = ReflectionServer(descriptors, tmp_path)
        stack.callback(server.end)
        host = hosts(server.address, V4, bad)
        bridge = start({"test": {"schemas": "reflection", "endpoint": host.address}}, host.inside)
        assert post(bridge, "/v1/echo").status == 200

    @pytest.mark.parametrize("bad", [REFUSES, FULL])
    def test_messages_over_http(self, hosts, start, stack, bad):
        """Without TLS an address that accepts connections counts as working."""
        server = predict_server.PredictServer()
        stack.callback(server.stop)
        server.default = lambda request: predict_server.good(REPLY)
        host = hosts(server.address, V4, bad)
        transport = {"request_type": "PredictRequest", "response_type": "PredictResponse",
                     "path": "/predict"}  # fmt: skip
        services = {"mnist": {
            "schemas": SCHEMA, "endpoint": host.address, "transport": {"http-protobuf": transport},
        }}  # fmt: skip
        bridge = start(services, host.inside)
        response = post(bridge, "/mnist", str(REQUEST).replace("'", '"').encode())
        assert (response.status, response.json()) == (200, RESPONSE)

    @pytest.mark.parametrize("protocol", ["grpc", "http-v1"])
    def test_a_registry_and_what_it_names(self, hosts, start, backend, start_nacos, protocol):
        registry = start_nacos()
        host = hosts(backend.address, V4, SILENT)
        registry.register("svc", "depot.internal", host.port)
        # The simulator has only IPv4: IPv6 refuses there, too.
        nacos = {"servers": f"depot.internal:{registry.port}", "service": "svc"}
        endpoint = {"nacos": {**nacos, "protocol": protocol}}
        bridge = start({"test": service(endpoint, "echo")}, host.inside)
        assert post(bridge).status == 200

    def test_all_refused_addresses_are_named(self, hosts, start, backend):
        host = hosts(backend.address)
        host.close()
        bridge = start({"test": service(host.address, "echo")}, host.inside)
        response = post(bridge)
        assert response.status == 503
        message = f"can't connect to {host.address}: connection refused (tried "
        # A slow IPv6 lookup is used second.
        orders = ("::1 and 127.0.0.1)", "127.0.0.1 and ::1)")
        assert response.json()["message"] in [message + order for order in orders]


class TestNameServers:
    @pytest.fixture
    def half(self, stack, tmp_path):
        def make(answers):
            server = HalfNameServer(tmp_path, answers)
            stack.callback(server.close)
            return server, [*names.INSIDE, server.resolv_conf]

        return make

    def test_a_silent_one_delays_only_its_own_names(self, half, start, backend):
        server, inside = half({})
        services = {
            "near": service(backend.address, "echo", hosts=["near"]),
            "local": service(f"localhost:{backend.port}", "echo", hosts=["local"]),
        }
        for number in range(8):
            services[f"lost{number}"] = service(
                f"silent{number}.example:1", "echo", hosts=[f"lost{number}"]
            )
        limits = {"connect_timeout": "1s"}
        bridge = start(services, inside, threads=1, limits=limits, admin="127.0.0.1:0")
        with contextlib.ExitStack() as waiting:
            connections = []
            for number in range(8):
                connection = waiting.enter_context(Connection((bridge.host, bridge.port)))
                fields = [("Content-Type", "application/json"), ("Host", f"lost{number}")]
                connection.request("POST", "/v1/echo", fields, b"{}")
                connections.append(connection)
            until(lambda: server.asked, "the name server is queried")
            # These don't depend on it; the others still wait for theirs.
            for host in ("near", "local"):
                assert post(bridge, host=host).status == 200
            for number, connection in enumerate(connections):
                response = connection.read_response("POST")
                message = f"can't look up silent{number}.example in time: no answer within 1000 ms"
                assert response.status == 503
                assert response.json()["message"] == f"{message} (limits.connect_timeout)"

    @pytest.mark.parametrize(("kind", "ip"), [(A, V4), (AAAA, V6)])
    def test_one_that_answers_for_only_one_family(self, half, start, stack, backend, kind, ip):
        _, inside = half({kind: ip})
        host = Host(backend.address, ip)
        stack.callback(host.close)
        services = {
            "name": service(f"depot.example:{host.port}", "echo", hosts=["name"]),
            "list": service(
                {"dns": {"address": f"depot.example:{host.port}", "timeout": "300ms"}}, "echo",
                hosts=["list"],
            ),
        }  # fmt: skip
        bridge = start(services, inside, limits={"connect_timeout": "10s"})
        for name in services:
            response = post(bridge, host=name)
            assert response.status == 200, response.body

    def test_discovery_names_the_lookup(self, half, start):
        _, inside = half({})
        services = {
            "dns": service({"dns": {"address": "a.example:1", "timeout": "200ms"}}, "echo"),
            "srv": service({"dns": {"srv": "_g._tcp.b.example", "timeout": "200ms"}}, "echo"),
            "eas": service(
                {"eas-direct": {"service": "s", "discovery": "c.example", "timeout": "200ms"}},
                "echo",
            ),
            "nacos": service(
                {"nacos": {"servers": "d.example", "service": "s", "protocol": "http-v1"}}, "echo"
            ),
        }
        for name, each in services.items():
            each["hosts"] = [name]
        bridge = start(services, inside, limits={"connect_timeout": "6s"})
        looked_up = {
            "dns": "a.example", "srv": "the SRV records of _g._tcp.b.example", "eas": "c.example",
            "nacos": "d.example",
        }  # fmt: skip
        for name, subject in looked_up.items():

            def names_lookup(name=name, subject=subject):
                return f"can't look up {subject} in time" in post(bridge, host=name).body.decode()

            until(names_lookup, f"the error of {name} names its lookup", 20)


def test_an_unknown_name_is_named(start_bridge, tmp_path):
    services = {"test": {"schemas": [PROTOS / "echo.proto"], "endpoint": "nobody.invalid:1"}}
    response = post(start_bridge(services))
    assert response.status == 503
    assert response.json()["message"].startswith("can't look up nobody.invalid")
