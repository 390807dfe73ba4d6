"""CONNECT: programs with the bridge as `http_proxy`, and what they send through the tunnel."""

import os
import subprocess
import sys

import pytest
from support import tls
from support.bridge import service
from support.raw import Closed

HOST = "bench.internal"


@pytest.fixture
def named(start_bridge, backend):
    return start_bridge(
        {"test": service(backend.address, "echo", "routes", hosts=[HOST])},
        trusted_hosts=["trusted.internal"],
    )


def curl(*arguments):
    return subprocess.run(
        ["curl", "-q", "-sS", "-m", "20", "--proxytunnel", *(str(each) for each in arguments)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("target", [HOST, f"{HOST}:50051", f"{HOST.upper()}:8080"])
def test_curl(target, version, named):
    done = curl("--proxy", named.url, version, f"http://{target}/v1/routes/7")
    assert '"id":"7"' in done.stdout, done.stderr


def test_several_requests_in_one_tunnel(named, connect):
    connection = connect(named)
    connection.send(f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}:80\r\n\r\n")
    assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    for index in range(3):
        connection.request("GET", f"/v1/routes/{index + 1}", {"Host": HOST})
        assert connection.read_response().json()["request"] == {"id": str(index + 1)}


def test_bytes_sent_before_the_response(named, connect):
    connection = connect(named)
    connection.send(
        f"CONNECT {HOST}:80 HTTP/1.1\r\nHost: {HOST}:80\r\n\r\n"
        f"GET /v1/routes/7 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    )
    assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert connection.read_response().json()["request"] == {"id": "7"}


def test_the_bridges_own_address(bridge):
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:{bridge.port}/v1/routes/7"
        done = curl("--proxy", bridge.url, url)
        assert '"id":"7"' in done.stdout, done.stderr


GRPC = """
import sys, grpc
with grpc.insecure_channel(sys.argv[1]) as channel:
    call = channel.unary_unary("/bridge.test.EchoService/Echo")
    assert call(b"", timeout=20, wait_for_ready=True) == b""
    print("served")
"""


def test_grpc_with_http_proxy(named):
    environment = {**os.environ, "http_proxy": named.url, "no_proxy": ""}
    environment.pop("no_grpc_proxy", None)
    done = subprocess.run(
        [sys.executable, "-c", GRPC, f"{HOST}:50051"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == "served\n", done.stderr


def test_tls_inside(start_bridge, backend, tmp_path):
    authority = tls.Authority(tmp_path)
    pair = authority.issue("bridge", HOST)
    bridge = start_bridge(
        {"test": service(backend.address, "routes", hosts=[HOST])},
        listen=["127.0.0.1:0", {"address": "127.0.0.1:0", "tls": "off"}],
        tls={"certificate": pair.certificate_path, "key": pair.key_path},
    )
    port = bridge.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)")[1]
    done = curl(
        "--proxy", f"http://127.0.0.1:{port}", "--cacert", authority.path,
        f"https://{HOST}/v1/routes/7",
    )  # fmt: skip
    assert '"id":"7"' in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("target", "status", "part"),
    [
        ("example.org:443", 405, "example.org:443"),
        ("127.0.0.1:1", 405, "trusted_hosts"),
        ("localhost:1", 405, "no_proxy"),
        (f"{HOST}:443", 405, "requires TLS"),
        (f"x.{HOST}:80", 405, f"x.{HOST}:80"),
        (HOST, 400, "host:port"),
        (f"{HOST}:0", 400, "host:port"),
        ("[::1]:443", 405, "[::1]:443"),
    ],
)
def test_refused_targets(target, status, part, named, connect):
    connection = connect(named)
    connection.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
    response = connection.read_response()
    assert response.status == status
    assert part in response.json()["message"]
    with pytest.raises(Closed):
        while True:
            connection.fill()


def test_names_inside_are_checked(bridge, connect):
    connection = connect()
    target = f"localhost:{bridge.port}"
    connection.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
    assert connection.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    connection.request("GET", "/v1/routes/7", {"Host": "evil.example"})
    assert connection.read_response().status == 403
