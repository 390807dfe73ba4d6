"""Selection of one of a service's endpoint groups: by header, path, share, or the client's own choice."""

import collections
import subprocess

import grpc
import pytest
import requests
from support.bridge import service

@pytest.fixture
def chosen(fleet, start_bridge):
    """Starts a bridge with `stable` and `canary` as endpoints, with these rules."""

    def start(rules, **more):
        stable, canary = fleet("stable", "canary")
        return start_bridge(
            {"test": service(
                stable.address, "echo", alternatives={"canary": canary.address}, choose=rules, **more
            )}
        )  # fmt: skip

    return start


def ask(bridge, path="/v1/echo", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(f"{bridge.url}{path}", json={"aString": "x"}, headers=fields, timeout=20)


def server(response):
    assert response.status_code == 200, response.text
    return response.headers["x-server"]


def test_by_header(chosen):
    bridge = chosen([{"header": "X-Traffic-Group", "value": "canary", "to": "canary"}])
    assert server(ask(bridge)) == "stable"
    assert server(ask(bridge, x_traffic_group="canary")) == "canary"
    assert server(ask(bridge, X_TRAFFIC_GROUP="canary")) == "canary"
    assert server(ask(bridge, x_traffic_group="other")) == "stable"


def test_by_path(chosen):
    bridge = chosen([{"path_prefix": "/v1/echo", "to": "canary"}])
    assert server(ask(bridge)) == "canary"
    assert server(ask(bridge, "/bridge.test.EchoService/Echo")) == "stable"


def test_by_share(chosen):
    bridge = chosen([{"weights": {"default": 3, "canary": 1}}])
    counts = collections.Counter(server(ask(bridge)) for _ in range(200))
    # Beyond 6 standard deviations.
    assert 14 <= counts["canary"] <= 86, counts


def test_by_the_clients_choice(chosen):
    bridge = chosen([{"header": "x-endpoint", "by_name": True}])
    assert server(ask(bridge)) == "stable"
    assert server(ask(bridge, x_endpoint="default")) == "stable"
    assert server(ask(bridge, x_endpoint="canary")) == "canary"
    response = ask(bridge, x_endpoint="prod")
    assert response.status_code == 400
    body = response.json()
    assert body["details"][0]["reason"] == "ENDPOINT_NOT_FOUND"
    assert body["message"] == (
        'x-endpoint: "prod" names no endpoint of this service; write one of default, canary, or '
        "leave the header out"
    )


def test_calls_that_are_passed_through(chosen, stubs):
    bridge = chosen(
        [
            {"header": "x-endpoint", "by_name": True},
            {"path_prefix": "/bridge.test.EchoService", "header": "x-canary", "to": "canary"},
        ]
    )
    with grpc.insecure_channel(f"{bridge.host}:{bridge.port}") as channel:
        echo = stubs.echo_grpc.EchoServiceStub(channel).Echo
        request = stubs.everything.Everything()

        def server_of(*metadata):
            call = echo.with_call(request, metadata=metadata, timeout=20)[1]
            return dict(call.initial_metadata())["x-server"]

        assert server_of() == "stable"
        assert server_of(("x-endpoint", "canary")) == "canary"
        assert server_of(("x-canary", "1")) == "canary"
        with pytest.raises(grpc.RpcError) as caught:
            server_of(("x-endpoint", "prod"))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "names no endpoint of this service" in caught.value.details()


def test_json_over_http2(chosen):
    bridge = chosen([{"header": "x-canary", "to": "canary"}])
    for fields, expected in (([], "stable"), (["-H", "x-canary: 1"], "canary")):
        command = ["curl", "-sS", "--http2-prior-knowledge", "-D-", "-o/dev/null", *fields]
        response = subprocess.run(
            [*command, "-d{}", "-Hcontent-type: application/json", f"{bridge.url}/v1/echo"],
            capture_output=True, text=True, timeout=20, check=True,
        ).stdout  # fmt: skip
        assert response.startswith("HTTP/2 200") and f"x-server: {expected}" in response


def test_an_alternative_that_is_down_does_not_affect_others(fleet, start_bridge):
    stable, canary = fleet("stable", "canary")
    canary.end()
    bridge = start_bridge(
        {"test": service(
            stable.address, "echo", alternatives={"canary": {"endpoint": canary.address}},
            choose=[{"header": "x-canary", "to": "canary"}],
        )},
        admin="127.0.0.1:0",
    )  # fmt: skip
    response = ask(bridge, x_canary="1")
    assert (response.status_code, response.json()["code"]) == (503, 14)
    assert server(ask(bridge)) == "stable"


def test_each_has_its_token(start_backend, start_bridge, stubs):
    """Services of PAI-EAS have separate tokens."""
    one, two = start_backend(), start_backend()
    bridge = start_bridge(
        {"test": service(
            one.address, "echo", auth={"scheme": "bearer", "token_env": "ONE"},
            alternatives={
                "two": {"endpoint": two.address, "auth": {"scheme": "raw", "token_env": "TWO"}},
            },
            choose=[{"header": "x-two", "to": "two"}],
        )},
        environment={"ONE": "first", "TWO": "second"},
    )  # fmt: skip
    for fields, expected in (({}, "Bearer first"), ({"x-two": "1"}, "second")):
        response = requests.get(f"{bridge.url}/v1/metadata", headers=fields, timeout=20)
        assert response.status_code == 200, response.text
        got = {entry["name"]: entry["value"] for entry in response.json()["entries"]}
        assert got["authorization"] == expected
