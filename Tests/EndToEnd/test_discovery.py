"""Endpoint discovery: `bridge-proxy endpoints`, and calls to the endpoints found."""

import os
import signal

import pytest
import requests
from peers.eas import DOCUMENTED, NEWER
from support.bridge import run, service
from support.discovery import (
    Endpoints, access, direct, discovery_configuration, nacos, parse,
)  # fmt: skip
from support.processes import until
from support.sockets import free_port

A, B = ("10.0.0.5", 50000), ("10.0.0.6", 50001)
SECRET = "p&ss w0rd"


@pytest.fixture
def watch(tmp_path):
    """Starts `bridge-proxy endpoints --watch` for this endpoint."""
    started = []

    def watch(endpoint, **environment):
        process = Endpoints(
            endpoint, tmp_path, {**os.environ, **environment}, f"endpoints-{len(started)}"
        )
        started.append(process)
        return process

    yield watch
    for process in started:
        process.signal(signal.SIGINT)
        process.end()


@pytest.fixture
def look_up(tmp_path):
    """Runs `bridge-proxy endpoints` for this endpoint; returns exit code, list, and error output."""

    def look_up(endpoint, **environment):
        path = discovery_configuration(endpoint, tmp_path)
        ended = run("endpoints", "--config", path, environment=environment)
        lists = parse(ended.stdout)
        return ended.returncode, lists[-1] if lists else None, ended.stdout + ended.stderr

    return look_up


# -- PAI-EAS


def test_a_list_that_does_not_change(look_up):
    code, found, _ = look_up({"static": ["127.0.0.1:1", {"address": "127.0.0.1:2", "weight": 3}]})
    assert (code, found) == (0, ["127.0.0.1:1 weight 1", "127.0.0.1:2 weight 3"])


@pytest.mark.parametrize("path", [DOCUMENTED, NEWER])
def test_instances_of_eas_are_found(eas, look_up, path):
    eas.discovery.set("my_svc", (*A, 100), (*B, 50))
    eas.discovery.paths = {path}
    code, found, errors = look_up(direct(eas))
    assert (code, found) == (0, ["10.0.0.5:50000 weight 100", "10.0.0.6:50001 weight 50"])
    assert errors.startswith(f"infer: 2 endpoints from eas-direct my_svc ({eas.url})\n")
    asked = [call.path for call in eas.discovery.calls]
    assert asked == [DOCUMENTED + "my_svc", NEWER + "my_svc"][: 1 if path == DOCUMENTED else 2]


FAILURES = {
    "an error": ({"status": 500}, "returned 500"),
    "an unknown service": ({"upstreams": {}}, "returned 404"),
    "no JSON": ({"upstreams": {"my_svc": b"<html>"}}, "returned invalid JSON: expected a JSON value"),
    "JSON of another type": ({"upstreams": {"my_svc": b"[[]]"}}, "JSON that is not an object"),
    "endlessly nested JSON": ({"upstreams": {"my_svc": b"[" * 100_000}}, "nested deeper than 64"),
    "a response that is too long": (
        {"upstreams": {"my_svc": b" " * (2 << 20)}}, "the response is larger than 1048576 bytes",
    ),
    "a response that is late": ({"delay": 20}, "did not respond within 500ms"),
    "a response byte by byte": ({"drip": True}, "did not respond within 500ms"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_discovery_that_fails(eas, look_up, name):
    settings, reason = FAILURES[name]
    eas.discovery.set("my_svc", (*A, 100))
    for key, value in settings.items():
        setattr(eas.discovery, key, value)
    code, found, errors = look_up(direct(eas, timeout="500ms"))
    assert (code, found) == (1, None)
    assert errors.startswith("infer: ") and reason in errors


def test_a_discovery_that_is_down(look_up):
    port = free_port()
    endpoint = {"eas-direct": {"service": "svc", "discovery": f"127.0.0.1:{port}"}}
    code, found, errors = look_up(endpoint)
    assert (code, found) == (1, None)
    assert errors.endswith(": connection refused\n")


def test_the_next_discovery_is_queried(eas, look_up):
    eas.discovery.set("my_svc", (*A, 100))
    code, found, _ = look_up(direct(eas, discovery=[f"127.0.0.1:{free_port()}", eas.url + "/"]))
    assert (code, found) == (0, ["10.0.0.5:50000 weight 100"])


def test_a_list_of_eas_is_followed(eas, watch):
    eas.discovery.etags = True
    eas.discovery.set("my_svc", (*A, 100))
    endpoints = watch(direct(eas, interval="100ms"))
    endpoints.wait_for("10.0.0.5:50000 weight 100")
    until(lambda: any("if-none-match" in c.headers for c in eas.discovery.calls), "another query")
    eas.discovery.set("my_svc", (*A, 100), (*B, 0.5))
    endpoints.wait_for("10.0.0.5:50000 weight 10000", "10.0.0.6:50001 weight 50")
    eas.discovery.status = 503
    endpoints.wait_for_failure("returned 503")
    eas.discovery.status = 200
    eas.discovery.set("my_svc")
    endpoints.wait_for()
    eas.discovery.set("my_svc", {"ip": "10.0.0.7", "port": 1})
    endpoints.wait_for("10.0.0.7:1 weight 100")


# -- Nacos

ACCESSES = [("grpc", "2"), ("grpc", "3"), ("http-v1", "1"), ("http-v1", "2"), ("http-v1", "3"),
            ("http-v2", "2"), ("http-v3", "3")]  # fmt: skip


@pytest.mark.parametrize("protocol, version", ACCESSES)
def test_what_the_vendors_client_registers_is_found(start_nacos, connect_nacos, watch, protocol, version):
    registry = start_nacos(version=version)
    client = connect_nacos(registry)
    client.do("register", "svc", *A, 1.0)
    endpoints = watch(nacos(registry, **access(protocol)))
    endpoints.wait_for("10.0.0.5:50000 weight 1")
    client.do("register", "svc", *B, 0.5)
    endpoints.wait_for("10.0.0.5:50000 weight 100", "10.0.0.6:50001 weight 50")
    client.do("deregister", "svc", *A)
    endpoints.wait_for("10.0.0.6:50001 weight 50")
    client.do("deregister", "svc", *B)
    endpoints.wait_for()
    assert not endpoints.errors


@pytest.mark.parametrize("protocol, version", ACCESSES)
def test_only_instances_that_are_available(start_nacos, look_up, protocol, version):
    registry = start_nacos(version=version)
    registry.register("svc", *A)
    registry.register("svc", "10.0.1.1", 1, healthy=False)
    registry.register("svc", "10.0.1.2", 1, enabled=False)
    registry.register("svc", "10.0.1.3", 1, weight=0)
    registry.register("svc", "10.0.1.4", 1, clusterName="OTHER")
    registry.register("svc", "10.0.1.5", 1, group="DEFAULT_GROUP")
    registry.register("svc", "10.0.1.6", 1, namespace="elsewhere")
    code, found, _ = look_up(nacos(registry, clusters=["DEFAULT"], **access(protocol)))
    assert (code, found) == (0, ["10.0.0.5:50000 weight 1"])
    code, found, _ = look_up(nacos(registry, port=9, **access(protocol)))
    assert (code, found) == (0, ["10.0.0.5:9 weight 1", "10.0.1.4:9 weight 1"])


@pytest.mark.parametrize("protocol, version", ACCESSES)
def test_the_grpc_port_of_the_metadata(start_nacos, look_up, protocol, version):
    registry = start_nacos(version=version)
    registry.register("svc", "10.0.0.5", 8081, metadata={"gRPC_port": "9091", "other": "9092"})
    registry.register("svc", "10.0.0.6", 8082)
    for more, port in [
        ({}, 9091), ({"port_metadata": "gRPC_port"}, 9091), ({"port_metadata": "other"}, 9092),
        ({"port_metadata": "off"}, 8081),
    ]:  # fmt: skip
        code, found, _ = look_up(nacos(registry, **more, **access(protocol)))
        assert (code, found) == (0, [f"10.0.0.5:{port} weight 1", "10.0.0.6:8082 weight 1"])


@pytest.mark.parametrize("protocol, version", ACCESSES)
def test_a_registry_with_a_password(start_nacos, look_up, protocol, version):
    registry = start_nacos(version=version, users={"me": SECRET})
    registry.register("svc", *A)
    user = {"username": "me", "password_env": "PASSWORD", **access(protocol)}
    code, found, errors = look_up(nacos(registry, **user), PASSWORD=SECRET)
    assert (code, found) == (0, ["10.0.0.5:50000 weight 1"]), errors
    code, found, errors = look_up(nacos(registry, **user), PASSWORD="wrong-0ne")
    assert (code, found) == (1, None)
    assert "wrong user name or password" in errors and "wrong-0ne" not in errors
    code, found, errors = look_up(nacos(registry, **access(protocol)))
    assert (code, found) == (1, None)
    assert "403" in errors


@pytest.mark.parametrize("protocol", ["grpc", "http-v1"])
def test_a_password_that_changes(start_nacos, watch, tmp_path, protocol):
    registry = start_nacos(users={"me": SECRET})
    registry.register("svc", *A)
    file = tmp_path / "password"
    file.write_text(SECRET + "\n")
    user = {"username": "me", "password_file": file, **access(protocol)}
    endpoints = watch(nacos(registry, **user))
    endpoints.wait_for("10.0.0.5:50000 weight 1")
    registry.users["me"] = "an0ther"
    registry.forget_tokens()
    registry.drop_clients()
    endpoints.wait_for_failure("wrong user name or password")
    file.write_text("an0ther\n")
    until(lambda: len(registry.tokens) == 1, "a login with the new password")
    registry.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1")
    assert "an0ther" not in endpoints.output + endpoints.errors


@pytest.mark.parametrize("protocol, version", ACCESSES)
def test_a_registry_with_a_key(start_nacos, look_up, protocol, version):
    registry = start_nacos(version=version, keys={"LTAI": "k3y/secret"})
    registry.register("svc", *A)
    keys = {"access_key_env": "AK", "secret_key_env": "SK", **access(protocol)}
    code, found, errors = look_up(nacos(registry, **keys), AK="LTAI", SK="k3y/secret")
    assert (code, found) == (0, ["10.0.0.5:50000 weight 1"]), errors
    code, found, errors = look_up(nacos(registry, **keys), AK="LTAI", SK="an0ther")
    assert (code, found) == (1, None)
    assert "an0ther" not in errors


@pytest.mark.parametrize("protocol", ["grpc", "http-v1"])
def test_a_token_that_the_registry_dropped_is_renewed(start_nacos, watch, protocol):
    registry = start_nacos(users={"me": SECRET})
    user = {"username": "me", "password_env": "PASSWORD", **access(protocol)}
    registry.register("svc", *A)
    endpoints = watch(nacos(registry, **user), PASSWORD=SECRET)
    endpoints.wait_for("10.0.0.5:50000 weight 1")
    registry.forget_tokens()
    registry.drop_clients()
    until(lambda: len(registry.tokens) == 1, "another login")
    registry.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1")
    assert SECRET not in endpoints.output + endpoints.errors


def test_another_version_is_reported(start_nacos, look_up):
    code, found, errors = look_up(nacos(start_nacos(version="3"), protocol="http-v2"))
    assert (code, found) == (1, None)
    assert "set protocol to http-v3 or grpc" in errors


@pytest.mark.parametrize("protocol", ["grpc", "http-v1"])
def test_the_next_server_is_used(start_nacos, watch, protocol):
    first, second = start_nacos(), start_nacos()
    for registry in (first, second):
        registry.register("svc", *A)
    endpoints = watch(nacos(first, second, **access(protocol)))
    endpoints.wait_for("10.0.0.5:50000 weight 1")
    first.stop()
    if protocol == "grpc":
        until(second.subscribed, "a subscription at the second registry", 30)
    second.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1", seconds=30)
    assert not endpoints.errors
    second.stop()
    endpoints.wait_for_failure("connection refused", seconds=30)


@pytest.mark.parametrize("protocol", ["grpc", "http-v1"])
def test_a_registry_that_starts_later(start_nacos, watch, protocol):
    registry = start_nacos()
    registry.starting = True
    registry.status = 503
    endpoints = watch(nacos(registry, **access(protocol)))
    endpoints.wait_for_failure("300" if protocol == "grpc" else "503")
    registry.register("svc", *A)
    registry.starting = False
    registry.status = None
    endpoints.wait_for("10.0.0.5:50000 weight 1")


# -- Nacos over gRPC


@pytest.fixture
def subscribed(start_nacos, watch):
    """A registry with an instance, and its subscriber."""

    def subscribed(**more):
        registry = start_nacos(**more)
        registry.register("svc", *A)
        endpoints = watch(nacos(registry))
        endpoints.wait_for("10.0.0.5:50000 weight 1")
        return registry, endpoints

    return subscribed


@pytest.mark.parametrize("negotiates", [True, False])
def test_everything_uses_one_connection(subscribed, negotiates):
    registry, endpoints = subscribed(negotiates=negotiates)
    (session,) = registry.subscribed()
    assert session.setup["labels"] == {"source": "sdk", "module": "naming"}
    assert {peer for peer, *_ in registry.grpc_calls} == {session.peer}
    registry.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1")
    until(lambda: not session.pending, "the push is acknowledged")


def test_an_outdated_push_is_ignored(subscribed):
    registry, endpoints = subscribed()
    registry.push_old("svc")
    registry.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1")
    assert [] not in endpoints.lists()
    until(lambda: not registry.subscribed()[0].pending, "both pushes are acknowledged")


def test_keepalives_in_both_directions(subscribed):
    registry, _ = subscribed()
    number = registry.probe_clients()
    until(lambda: registry.responses_to(number), "the keepalive is acknowledged")
    kind, body = registry.responses_to(number)[0]
    assert (kind, body["resultCode"]) == ("ClientDetectionResponse", 200)
    until(
        lambda: any(kind == "HealthCheckRequest" for _, kind, *_ in registry.grpc_calls),
        "a health check after five idle seconds", 20,
    )  # fmt: skip


@pytest.mark.parametrize("trouble", ["drop_clients", "forget_clients", "is_healthy"])
def test_it_subscribes_again_after(subscribed, trouble):
    registry, endpoints = subscribed()
    (before,) = registry.subscribed()
    if trouble == "is_healthy":
        registry.is_healthy = False
        until(lambda: before not in registry.subscribed(), "the session is closed", 30)
        registry.is_healthy = True
    else:
        getattr(registry, trouble)()
    until(
        lambda: [s for s in registry.subscribed() if s is not before and not s.is_forgotten],
        "a new subscription", 30,
    )  # fmt: skip
    registry.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1")


@pytest.mark.parametrize("is_named", [True, False])
def test_it_follows_redirects(start_nacos, watch, is_named):
    registries = [start_nacos() for _ in range(3)]
    for registry in registries:
        registry.register("svc", *A)
    endpoints = watch(nacos(*registries))
    endpoints.wait_for("10.0.0.5:50000 weight 1")
    number = registries[0].redirect_clients(registries[2].address if is_named else None)
    target = registries[2 if is_named else 1]
    until(target.subscribed, "a subscription at the other registry")
    target.register("svc", *B)
    endpoints.wait_for("10.0.0.5:50000 weight 1", "10.0.0.6:50001 weight 1")
    assert not endpoints.errors
    assert number


def test_a_reset_is_acknowledged(subscribed):
    registry, _ = subscribed()
    (session,) = registry.subscribed()
    registry.redirect_clients()
    until(lambda: session.responses, "the reset is acknowledged")
    assert session.responses[-1][0] == "ConnectResetResponse"
    until(lambda: registry.subscribed() and session not in registry.subscribed(), "a new subscription")


# -- Calls


@pytest.mark.parametrize("protocol", ["grpc", "http-v1"])
def test_calls_go_to_registered_instances(backend, start_nacos, start_bridge, protocol):
    registry = start_nacos()
    host, port = backend.address.split(":")
    registry.register("svc", host, int(port))
    bridge = start_bridge({"test": service(nacos(registry, **access(protocol)), "echo")})
    response = requests.post(f"{bridge.url}/v1/echo", json={"aString": "x"}, timeout=20)
    assert (response.status_code, response.json()["aString"]) == (200, "x")
    # Nothing listens at the other address: calls that never reached it are retried.
    registry.register("svc", "127.0.0.1", free_port())
    for _ in range(10):
        response = requests.post(f"{bridge.url}/v1/echo", json={"aString": "y"}, timeout=20)
        assert response.status_code == 200, response.text


def test_calls_go_to_an_instance_of_eas(backend, eas, start_bridge):
    host, port = backend.address.split(":")
    eas.discovery.set("my_svc", (host, int(port), 100))
    bridge = start_bridge({"test": service(direct(eas, interval="200ms"), "echo")})
    url = f"{bridge.url}/v1/echo"
    response = requests.post(url, json={"aString": "x"}, timeout=20)
    assert (response.status_code, response.json()["aString"]) == (200, "x")
    # The previous list stays in effect.
    asked = len(eas.discovery.calls)
    eas.discovery.set("my_svc")
    until(lambda: len(eas.discovery.calls) > asked + 2, "the empty list has been received")
    assert requests.post(url, json={"aString": "y"}, timeout=20).status_code == 200


def test_errors_are_reported(look_up):
    code, _, errors = look_up({"nacos": {"servers": "n", "servce": "svc"}})
    assert code == 78
    assert "unknown key; did you mean service?" in errors
