"""gRPC through PAI-EAS gateways and load balancers: names, tokens, sizes, and non-gRPC responses."""

import pytest
from support.bridge import run, service, write_configuration
from support.frames import Endpoint, data, grpc_head, headers, message, trailers
from support.processes import until

# Status of the gateway: gRPC code, and the HTTP status that the client gets.
STATUSES = {
    400: (3, 400), 401: (16, 401), 403: (7, 403), 404: (5, 404), 405: (12, 501), 408: (4, 504),
    429: (8, 429), 450: (8, 429), 500: (13, 500), 501: (12, 501), 502: (14, 503), 503: (14, 503),
    504: (4, 504), 505: (12, 501),
}  # fmt: skip


@pytest.fixture
def endpoint():
    """A gateway that responds as listed, then successfully."""
    replies = []

    def reply(stream):
        if replies:
            return replies.pop(0)(stream)
        return grpc_head(stream) + data(stream, message(b"")) + trailers(stream)

    gateway = Endpoint(reply)
    gateway.replies = replies
    yield gateway
    gateway.close()


def error_page(status, text=b"no healthy upstream"):
    return lambda stream: (
        headers(stream, (":status", str(status)), ("content-type", "text/plain"))
        + data(stream, text, end=True)
    )


def gateway(address, **more):
    return {"eas-gateway": {"address": address, **more}}


def test_the_gateway_receives_the_token(start_bridge, http, backend):
    settings = service(
        gateway(backend.address), "echo",
        auth={"scheme": "bearer", "token_env": "TOKEN"},
    )  # fmt: skip
    bridge = start_bridge({"test": settings}, environment={"TOKEN": "s3cret"})
    response = http.get(f"{bridge.url}/v1/metadata", headers={"Authorization": "mine"})
    assert response.status_code == 200, response.text
    entries = [(entry["name"], entry["value"]) for entry in response.json()["entries"]]
    assert [value for key, value in entries if key == "authorization"] == ["Bearer s3cret"]
    assert "s3cret" not in bridge.errors + bridge.output


def test_every_status(start_bridge, http, endpoint):
    bridge = start_bridge({"test": service(gateway(endpoint.address), "echo")}, threads=1)
    for status, (code, http_status) in STATUSES.items():
        endpoint.replies[:] = [error_page(status, b"some words\n")]
        response = http.post(f"{bridge.url}/v1/echo", json={})
        assert (response.status_code, response.json()["code"]) == (http_status, code), status
        assert f"HTTP status {status}" in response.json()["message"]
        assert response.json()["message"].endswith(": some words")
    assert http.post(f"{bridge.url}/v1/echo", json={}).status_code == 200


def test_the_gRPC_status_takes_precedence(start_bridge, http, endpoint):
    bridge = start_bridge({"test": service(gateway(endpoint.address), "echo")}, threads=1)
    endpoint.replies[:] = [
        lambda stream: headers(
            stream, (":status", "200"), ("content-type", "application/grpc"),
            ("grpc-status", "9"), ("grpc-message", "not now"), end=True,
        ),
    ]  # fmt: skip
    response = http.post(f"{bridge.url}/v1/echo", json={})
    assert response.json() == {"code": 9, "message": "not now"}


@pytest.mark.parametrize("status, tries", [(429, 3), (450, 3), (503, 3), (408, 1), (401, 1)])
def test_statuses_that_are_retried(start_bridge, http, endpoint, status, tries):
    settings = service(
        gateway(endpoint.address), "echo", retry={"attempts": 3, "backoff": "1ms"}
    )
    bridge = start_bridge({"test": settings}, threads=1)
    endpoint.replies[:] = [error_page(status)] * 2
    response = http.post(f"{bridge.url}/v1/echo", json={})
    assert response.status_code == (200 if tries == 3 else STATUSES[status][1])
    assert len(endpoint.replies) == (0 if tries == 3 else 1)


@pytest.mark.parametrize("limit, status", [(None, 413), ("4KiB", 413), (0, 200), ("2MiB", 200)])
def test_sizes(start_bridge, http, backend, limit, status):
    more = {} if limit is None else {"body_limit": limit}
    settings = service(gateway(backend.address, **more), "echo")
    bridge = start_bridge({"test": settings}, limits={"request_body_bytes": "16MiB"})
    response = http.post(f"{bridge.url}/v1/echo", json={"aString": "x" * 1_100_000})
    assert response.status_code == status, response.text
    if status == 413:
        assert response.json()["details"][0]["reason"] == "BODY_TOO_LARGE"
        assert "eas-gateway.body_limit" in response.json()["message"]
    assert http.post(f"{bridge.url}/v1/echo", json={"aString": "x"}).status_code == 200


def test_a_balancer_gets_several_connections(start_bridge, http, endpoint):
    settings = service({"nlb": endpoint.address}, "echo")
    bridge = start_bridge({"test": settings}, threads=1)

    def connections():
        assert http.post(f"{bridge.url}/v1/echo", json={}).status_code == 200
        return len(endpoint.connections) == 2

    until(connections, "two connections")
    for _ in range(20):
        http.post(f"{bridge.url}/v1/echo", json={})
    assert len(endpoint.connections) == 2


def test_a_token_file_is_reloaded_for_gRPC(start_bridge, http, backend, tmp_path):
    token = tmp_path / "token"
    token.write_text("one")
    settings = service(
        backend.address, "echo", auth={"scheme": "raw", "token_file": token, "header": "X-Token"}
    )
    bridge = start_bridge({"test": settings})

    def seen():
        response = http.get(f"{bridge.url}/v1/metadata", headers={"X-Token": "mine"})
        assert response.status_code == 200, response.text
        return [e["value"] for e in response.json()["entries"] if e["name"] == "x-token"]

    assert seen() == ["one"]
    token.write_text("two\n")
    until(lambda: seen() == ["two"], "the second token")
    token.unlink()
    bridge.wait_for_line("the last valid token stays in use")
    assert seen() == ["two"]


def test_check_warns(tmp_path):
    services = {
        "a": service({"nlb": "nlb.internal:8080"}, "echo", prefix="/a"),
        "b": service(
            {"eas-gateway": {"gateway": "gw-1", "region": "cn-hangzhou", "service": "my_model"}},
            "echo", prefix="/b",
        ),
    }  # fmt: skip
    result = run("check", "--config", write_configuration({"services": services}, tmp_path))
    assert result.returncode == 0, result.stderr
    assert "services.a.endpoint: 8080 is the port of the instances" in result.stderr
    assert "services.b.endpoint: my-model.gw-1.cn-hangzhou.pai-eas.aliyuncs.com is a guess" in (
        result.stderr
    )
    assert "a: any host, prefix /a, calls go to the balancer nlb.internal:8080" in result.stdout
