"""Messages as HTTP/1.1 bodies: PAI-EAS processors, with their tokens, statuses and peculiarities."""

import concurrent.futures
import gzip
import json
import os
import subprocess
import threading

import pytest
from peers import predict_server
from peers.predict_server import PredictServer
from support.bridge import REPOSITORY, run, write_configuration
from support.discovery import environment
from support.processes import until

SCHEMA = REPOSITORY / "schemas" / "eas" / "tensorflow_predict.proto"
PATH = "/api/predict/mnist_saved_model"
# {"signature_name": "predict_images", …} as the vendor's own client encodes it.
GOLDEN = bytes.fromhex(
    "0a0e707265646963745f696d61676573121c0a06696d616765731212080112040a0201021a080000803f00000040"
    "1a0673636f726573"
)
REQUEST = {
    "signatureName": "predict_images",
    "inputs": {
        "images": {"dtype": "DT_FLOAT", "arrayShape": {"dim": [1, 2]}, "floatVal": [1, 2]}
    },
    "outputFilter": ["scores"],
}
# PredictResponse {outputs: {"scores": {dtype: DT_FLOAT, array_shape: {dim: 1}, float_val: 0.5}}}
REPLY = bytes.fromhex("0a170a0673636f726573120d080112030a01011a040000003f")
RESPONSE = {
    "outputs": {
        "scores": {"dtype": "DT_FLOAT", "arrayShape": {"dim": ["1"]}, "floatVal": [0.5]}
    }
}


@pytest.fixture
def peer():
    server = PredictServer()
    server.default = lambda request: predict_server.good(REPLY)
    yield server
    server.stop()


def gateway(peer, **more):
    transport = {"request_type": "PredictRequest", "response_type": "PredictResponse"}
    transport |= more.pop("transport", {})
    return {
        "schemas": SCHEMA,
        "endpoint": {
            "eas-gateway": {
                "address": peer.address, "service": "mnist_saved_model",
                **more.pop("gateway", {}),
            }
        },
        "transport": {"http-protobuf": transport},
        **more,
    }  # fmt: skip


def test_a_golden_request_byte_by_byte_and_its_reply(start_bridge, http, peer):
    peer.token = "TESTTOKEN"
    auth = {"scheme": "raw", "token_env": "TOKEN"}
    bridge = start_bridge(
        {"mnist": gateway(peer, auth=auth, authority="1234.cn-hangzhou.pai-eas.aliyuncs.com")},
        environment={"TOKEN": "TESTTOKEN"},
    )
    response = http.post(
        f"{bridge.url}/mnist", json=REQUEST,
        headers={"x-team": "legacy", "X-Request-Id": "r-1", "User-Agent": "old", "Authorization": "no"},
    )  # fmt: skip
    assert (response.status_code, response.json()) == (200, RESPONSE)
    (request,) = peer.requests
    assert request.body == GOLDEN
    assert request.line == f"POST {PATH} HTTP/1.1"
    assert request.fields.pop("via").startswith("1.1 bridge-proxy-")
    assert request.fields == {
        "host": "1234.cn-hangzhou.pai-eas.aliyuncs.com",
        "user-agent": "bridge-proxy",
        "accept-encoding": "identity",
        "content-type": "application/octet-stream",
        "content-length": str(len(GOLDEN)),
        "x-team": "legacy",
        "x-request-id": "r-1",
        "authorization": "TESTTOKEN",
    }
    (line,) = until(bridge.access_log, "a line of the log")
    assert (line["rpc"], line["status"]) == ("/mnist/Predict", 200)


PROCESSORS = {
    "tensorflow": ("PredictRequest", "PredictResponse", REQUEST, REPLY, RESPONSE),
    "pytorch": (
        "pytorch.eas.PredictRequest", "pytorch.eas.PredictResponse",
        {
            "inputs": [
                {"dtype": "DT_FLOAT", "arrayShape": {"dim": [1, 2]}, "floatVal": [1, 2]},
                {"dtype": "DT_INT64", "arrayShape": {"dim": [3]}, "int64Val": [1, "-2", 1 << 40]},
            ],
            "outputFilter": [0, 3],
        },
        bytes.fromhex("0a0d080112030a01011a040000003f"),
        {"outputs": [{"dtype": "DT_FLOAT", "arrayShape": {"dim": ["1"]}, "floatVal": [0.5]}]},
    ),
    "onnx": (
        "hie.processor.DataProto", "hie.processor.DataProto",
        {"tensors": [{"name": "x", "dims": [1, 2], "dataType": 1, "rawData": "AACAPwAAAEA="}]},
        bytes.fromhex("0a0e0a01791201011801" "2a040000003f"),
        {"tensors": [{"name": "y", "dims": ["1"], "dataType": 1, "rawData": "AAAAPw=="}]},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def vendors_messages():
    """The vendor client's encoding of the same requests."""
    program = REPOSITORY / "Tests" / "EndToEnd" / "peers" / "eas_messages.py"
    ended = subprocess.run(
        [environment(".venv-eas"), program], capture_output=True, text=True, timeout=60, check=True
    )
    return {name: bytes.fromhex(text) for name, text in json.loads(ended.stdout).items()}


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_messages_equal_those_of_the_vendors_client(
    start_bridge, http, peer, vendors_messages, name
):
    request_type, response_type, request, reply, response = PROCESSORS[name]
    peer.default = lambda request: predict_server.good(reply)
    settings = gateway(
        peer, transport={"request_type": request_type, "response_type": response_type}
    )
    settings["schemas"] = SCHEMA.parent / f"{name}_predict.proto"
    bridge = start_bridge({"mnist": settings})
    got = http.post(f"{bridge.url}/mnist", json=request)
    assert (got.status_code, got.json()) == (200, response)
    assert peer.requests[-1].body == vendors_messages[name]


@pytest.mark.parametrize("scheme", ["raw", "bearer", "eas", "none"])
def test_schemes(start_bridge, http, peer, scheme):
    peer.token = "" if scheme == "none" else "a+token/with=signs"
    auth = {"scheme": scheme} | ({} if scheme == "none" else {"token_env": "TOKEN"})
    bridge = start_bridge(
        {"mnist": gateway(peer, auth=auth)}, environment={"TOKEN": "a+token/with=signs"}
    )
    for size in (1, 20_000):
        body = {"inputs": {"x": {"floatVal": [0.5] * size}}}
        response = http.post(f"{bridge.url}/mnist", json=body)
        assert (response.status_code, response.json()) == (200, RESPONSE)
    assert [request.scheme for request in peer.requests] == [scheme] * 2
    assert "a+token" not in bridge.errors + bridge.output


def test_a_wrong_token_is_reported(start_bridge, http, peer):
    peer.token = "another"
    bridge = start_bridge(
        {"mnist": gateway(peer, auth={"scheme": "raw", "token_env": "TOKEN"})},
        environment={"TOKEN": "old"},
    )
    response = http.post(f"{bridge.url}/mnist", json={})
    assert response.status_code == 401
    assert response.json() == {
        "code": 16, "message": "the endpoint responded with HTTP status 401: Unauthorized",
    }  # fmt: skip


# HTTP status of the endpoint: gRPC code, and the HTTP status that the client gets.
STATUSES = {
    400: (3, 400), 401: (16, 401), 403: (7, 403), 404: (5, 404), 405: (12, 501), 408: (4, 504),
    413: (8, 429), 429: (8, 429), 450: (8, 429), 500: (13, 500), 501: (12, 501), 502: (14, 503),
    503: (14, 503), 504: (4, 504), 505: (12, 501),
}  # fmt: skip


def test_every_status(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer)})
    for code, (grpc, status) in STATUSES.items():
        peer.responses = [predict_server.status(code)]
        response = http.post(f"{bridge.url}/mnist", json={})
        assert response.status_code == status, code
        assert response.json()["code"] == grpc, code
        assert str(code) in response.json()["message"]
        assert predict_server.TEXTS[code] in response.json()["message"]
    # Once each: nothing is retried without a policy. Two of them cost a connection.
    assert len(peer.requests) == len(STATUSES)
    assert len({request.connection for request in peer.requests}) == 3


@pytest.mark.parametrize("code", [429, 450, 503, 502])
def test_statuses_that_a_policy_retries(start_bridge, http, peer, code):
    bridge = start_bridge({"mnist": gateway(peer, retry={"attempts": 3, "backoff": "1ms"})})
    peer.responses = [predict_server.status(code)] * 2
    response = http.post(f"{bridge.url}/mnist", json=REQUEST)
    assert (response.status_code, response.json()) == (200, RESPONSE)
    assert [request.body for request in peer.requests] == [GOLDEN] * 3


def test_a_timeout_of_the_endpoint_is_not_retried(start_bridge, http, peer):
    retry = {"attempts": 3, "backoff": "1ms", "on": ["UNAVAILABLE", "DEADLINE_EXCEEDED"]}
    bridge = start_bridge({"mnist": gateway(peer, retry=retry)})
    peer.responses = [predict_server.status(408)]
    assert http.post(f"{bridge.url}/mnist", json={}).status_code == 504
    assert len(peer.requests) == 1


def test_a_request_dropped_by_a_full_instance_is_retried_at_another(start_bridge, http, peer):
    other = PredictServer()
    try:
        peer.default = predict_server.status(450)
        other.default = lambda request: predict_server.good(REPLY)
        service = gateway(peer, retry={"attempts": 2, "backoff": "1ms"})
        service["endpoint"] = {"static": [peer.address, other.address]}
        service["transport"]["http-protobuf"]["path"] = PATH
        bridge = start_bridge({"mnist": service}, threads=1)
        for _ in range(10):
            assert http.post(f"{bridge.url}/mnist", json={}).json() == RESPONSE
        assert peer.requests and len(other.requests) == 10
    finally:
        other.stop()


def test_a_message_too_large_for_the_gateway_is_not_sent(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer)}, limits={"request_body_bytes": "16MiB"})
    body = {"inputs": {"x": {"floatVal": [0.5] * 300_000}}}
    response = http.post(f"{bridge.url}/mnist", json=body)
    assert response.status_code == 413
    assert response.json()["details"][0]["reason"] == "BODY_TOO_LARGE"
    assert "1 MB" in response.json()["message"] and "eas-direct, nlb" in response.json()["message"]
    assert peer.requests == []
    assert http.post(f"{bridge.url}/mnist", json={}).status_code == 200


def test_without_a_limit_it_is_sent(start_bridge, http, peer):
    service = gateway(peer, gateway={"body_limit": 0})
    bridge = start_bridge({"mnist": service}, limits={"request_body_bytes": "16MiB"})
    body = {"inputs": {"x": {"floatVal": [0.5] * 300_000}}}
    assert http.post(f"{bridge.url}/mnist", json=body).json() == RESPONSE
    assert len(peer.requests[0].body) > 1_200_000


REPLIES = {
    "chunks": lambda request: predict_server.chunked(REPLY, 5),
    "one byte per chunk": lambda request: predict_server.chunked(REPLY, 1),
    "an informational head first": lambda request: b"HTTP/1.1 100 Continue\r\n\r\n"
    + b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + predict_server.good(REPLY),
    "a body that ends with the connection": lambda request: predict_server.response(
        200, REPLY, "connection: close"
    ),
    "HTTP/1.0": lambda request: b"HTTP/1.0 200 OK\r\ncontent-length: %d\r\n\r\n" % len(REPLY)
    + REPLY,
    "gzip that wasn't requested": lambda request: predict_server.good(
        gzip.compress(REPLY), "content-encoding: gzip"
    ),
    "additional fields": lambda request: predict_server.good(REPLY, "x-trace: t", "server: e"),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_shapes_of_replies(start_bridge, http, peer, reply):
    bridge = start_bridge({"mnist": gateway(peer)})
    peer.responses = [reply] * 3
    for _ in range(3):
        response = http.post(f"{bridge.url}/mnist", json={})
        assert (response.status_code, response.json()) == (200, RESPONSE)
    if reply is REPLIES["additional fields"]:
        assert response.headers["x-trace"] == "t"


# A response: the gRPC codes in which it may result.
BROKEN = {
    "nothing": (None, {14}),
    "a truncated head": (lambda request: b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-le", {14}),
    "a truncated body": (
        lambda request: predict_server.response(
            200, REPLY[:5], f"content-length: {len(REPLY)}", "connection: close"
        ), {14},
    ),
    "a truncated chunk": (
        lambda request: predict_server.response(
            200, b"ff\r\nabc", "transfer-encoding: chunked", "connection: close"
        ), {14},
    ),
    "no HTTP": (lambda request: b"SSH-2.0-x\r\n\r\n", {14}),
    "a body of four gigabytes": (
        lambda request: predict_server.response(200, b"x", "content-length: 4294967296"), {8},
    ),
    "a body beyond the limit": (
        lambda request: predict_server.chunked(b"\0" * 300_000, 1000), {8},
    ),
    "an endless error page": (
        lambda request: predict_server.response(
            500, b"ffffff\r\n" + b"no " * 1_000_000, "transfer-encoding: chunked"
        ), {13},
    ),
    "an endless head": (
        lambda request: predict_server.response(
            200, b"", *(f"x-{index}: {'y' * 1000}" for index in range(200)), "content-length: 0"
        ), {8, 14},
    ),
    "two lengths": (
        lambda request: predict_server.response(200, b"ab", "content-length: 1", "content-length: 2"),
        {14},
    ),
    "an unknown coding": (
        lambda request: predict_server.good(REPLY, "content-encoding: zstd"), {13},
    ),
    "gzip that isn't": (
        lambda request: predict_server.good(REPLY, "content-encoding: gzip"), {13},
    ),
    "an invalid message": (lambda request: predict_server.good(b"<html>"), {13}),
    "a redirect": (
        lambda request: predict_server.response(302, b"", "location: /", "content-length: 0"), {2},
    ),
    "no content": (lambda request: predict_server.response(204, b""), {2}),
    "a switch of protocols": (
        lambda request: predict_server.response(101, b"", "upgrade: x", "connection: upgrade"),
        {2, 4, 14},
    ),
}  # fmt: skip


@pytest.mark.parametrize("reply, codes", BROKEN.values(), ids=BROKEN)
def test_broken_replies(start_bridge, http, peer, reply, codes):
    service = gateway(peer, timeout="3s")
    bridge = start_bridge({"mnist": service}, limits={"reply_bytes": "100KiB"})
    peer.responses = [reply]
    response = http.post(f"{bridge.url}/mnist", json={})
    assert response.json()["code"] in codes, response.text
    assert http.post(f"{bridge.url}/mnist", json={}).json() == RESPONSE


def test_connections_are_reused(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer)}, threads=1)
    for _ in range(30):
        assert http.post(f"{bridge.url}/mnist", json={}).json() == RESPONSE
    assert len(peer.connections) == 1

    # 40 concurrent requests, none of which waits for another.
    gate = threading.Barrier(40, timeout=20)
    peer.default = lambda request: gate.wait() >= 0 and predict_server.good(REPLY)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        calls = [pool.submit(http.post, f"{bridge.url}/mnist", json={}) for _ in range(40)]
        assert all(call.result(30).json() == RESPONSE for call in calls)
    assert len(peer.connections) == 40


def test_requests_beyond_the_connections_wait(start_bridge, http, peer):
    service = gateway(peer, transport={"connections_max": 3})
    bridge = start_bridge({"mnist": service}, threads=1)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(http.post, f"{bridge.url}/mnist", json={}) for _ in range(200)]
        assert all(call.result(30).json() == RESPONSE for call in calls)
    assert len(peer.connections) <= 3


def test_a_deadline_closes_the_connection(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer, timeout="300ms")}, threads=1)
    hold = threading.Event()
    peer.responses = [lambda request: hold.wait(20) and predict_server.good(b"late")]
    response = http.post(f"{bridge.url}/mnist", json={})
    assert response.status_code == 504
    assert response.json()["details"][0]["reason"] == "DEADLINE_EXCEEDED"
    # The late reply is discarded: the next request uses another connection.
    assert http.post(f"{bridge.url}/mnist", json={}).json() == RESPONSE
    hold.set()
    assert [request.connection for request in peer.requests] == [1, 2]
    until(lambda: peer.closed_count == 1, "the first connection is closed")


def test_a_client_that_disconnects_closes_the_connection(start_bridge, connect, peer):
    bridge = start_bridge({"mnist": gateway(peer)}, threads=1)
    hold = threading.Event()
    peer.responses = [lambda request: hold.wait(20) and predict_server.good(b"late")]
    client = connect(bridge)
    client.send(b"POST /mnist HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}")
    until(lambda: peer.requests, "the request has arrived")
    client.socket.close()
    until(lambda: any(line["status"] == 499 for line in bridge.access_log()), "the call is over")
    hold.set()
    until(lambda: peer.closed_count == 1, "the connection is closed")


def test_connections_that_the_endpoint_closed_are_not_used(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer)}, threads=1)
    for _ in range(3):
        assert http.post(f"{bridge.url}/mnist", json={}).json() == RESPONSE
        closed_count = peer.closed_count
        peer.close_connections()
        until(lambda: peer.closed_count > closed_count, "the connection is closed")
    assert len(peer.connections) == 3


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_connection_that_closes_as_a_request_is_sent(start_bridge, http, peer, idempotent):
    """Resent only where that's allowed, and then only once."""
    service = gateway(peer, transport={"idempotent": idempotent})
    bridge = start_bridge({"mnist": service}, threads=1)
    assert http.post(f"{bridge.url}/mnist", json=REQUEST).json() == RESPONSE
    peer.responses = [None]
    response = http.post(f"{bridge.url}/mnist", json=REQUEST)
    if idempotent:
        assert response.json() == RESPONSE
        assert [request.connection for request in peer.requests] == [1, 1, 2]
        peer.responses = [None, None]
        response = http.post(f"{bridge.url}/mnist", json=REQUEST)
        assert len(peer.requests) == 5
    assert response.status_code == 503
    assert response.json()["details"][0]["reason"] == "ENDPOINT_PROTOCOL_ERROR"
    # A new connection that is closed isn't stale.
    peer.responses = [None]
    peer.close_connections()
    until(lambda: peer.closed_count == len(peer.connections), "all are closed")
    count = len(peer.requests)
    assert http.post(f"{bridge.url}/mnist", json=REQUEST).status_code == 503
    assert len(peer.requests) == count + 1


def test_an_endpoint_that_is_down(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer)})
    peer.stop()
    response = http.post(f"{bridge.url}/mnist", json={})
    assert response.status_code == 503
    assert response.json()["details"][0]["reason"] == "ENDPOINT_NOT_REACHABLE"


def test_readiness(start_bridge, http, peer):
    bridge = start_bridge({"mnist": gateway(peer)}, admin="127.0.0.1:0")
    assert http.get(f"{bridge.admin_url}/readyz").status_code == 200
    assert peer.requests == []


def test_a_token_file_that_is_replaced_while_requests_run(start_bridge, http, peer, tmp_path):
    """As in Kubernetes: the file is a link through a link to a folder that is swapped atomically."""
    def publish(name, text):
        folder = tmp_path / f"..{name}"
        folder.mkdir()
        (folder / "token").write_text(text)
        os.symlink(folder, tmp_path / "..new")
        os.replace(tmp_path / "..new", tmp_path / "..data")

    publish("1", "first-token\n")
    os.symlink("..data/token", tmp_path / "token")
    seen = set()
    peer.default = lambda request: seen.add(request.fields["authorization"]) or (
        predict_server.good(REPLY)
    )
    auth = {"scheme": "bearer", "token_file": tmp_path / "token"}
    bridge = start_bridge({"mnist": gateway(peer, auth=auth)})
    stop = threading.Event()
    failures = []

    def call():
        while not stop.is_set():
            response = http.post(f"{bridge.url}/mnist", json={})
            if response.status_code != 200:
                failures.append(response.text)

    thread = threading.Thread(target=call)
    thread.start()
    try:
        until(lambda: "Bearer first-token" in seen, "the first token")
        publish("2", "second-token")
        until(lambda: "Bearer second-token" in seen, "the second token")
        publish("3", "")
        bridge.wait_for_line(r"token_file: .* is empty; the last valid token stays in use")
        os.unlink(tmp_path / "token")
        publish("4", "bad\ttoken")
        os.symlink("..data/token", tmp_path / "token")
        publish("5", "third-token")
        until(lambda: "Bearer third-token" in seen, "the third token")
        bridge.wait_for_line(r"calls use the new token")
        seen.clear()
        until(lambda: seen == {"Bearer third-token"}, "only the third token")
    finally:
        stop.set()
        thread.join()
    assert failures == []
    assert bridge.errors.count("the last valid token stays in use") == 1
    for token in ("first-token", "second-token", "third-token"):
        assert token not in bridge.errors + bridge.output


def test_check_prints_the_destination(peer, tmp_path):
    service = gateway(peer, transport={"route": "/v1/predict", "name": "Classify"})
    service["endpoint"] = {
        "eas-gateway": {"uid": "1234", "region": "cn-hangzhou", "service": "mnist_saved_model"}
    }
    result = run("check", "--config", write_configuration({"services": {"mnist": service}}, tmp_path))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "mnist: any host, calls go to mnist_saved_model by the gateway "
        f"1234.cn-hangzhou.pai-eas.aliyuncs.com:80 as POST {PATH} over HTTP/1.1",
        "  POST   /v1/predict  →  mnist/Classify",
    ]


def test_unknown_types(peer, tmp_path):
    service = gateway(peer, transport={"request_type": "PredictRequests", "response_type": "a.B"})
    path = write_configuration({"services": {"mnist": service}}, tmp_path)
    result = run("check", "--config", path)
    assert result.returncode == 78
    assert 'no message "PredictRequests"; did you mean PredictRequest?' in result.stderr
    assert "services.mnist.transport.http-protobuf.response_type" in result.stderr
