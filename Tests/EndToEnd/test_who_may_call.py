"""Access control: pages of other sites, and names that a page has pointed at this machine."""

import subprocess

import grpc
import pytest
from support.bridge import run, service, write_configuration
from support.processes import until

EVIL = "https://evil.example"
FOREIGN = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
]
OWN = [{}, {"Sec-Fetch-Site": "none"}, {"Sec-Fetch-Site": "same-origin"}]
VERSIONS = ("--http1.1", "--http2-prior-knowledge")


def curl(url, *arguments, headers=()):
    """The status and the body of a response."""
    sent = [part for name, value in dict(headers).items() for part in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        ["curl", "-q", "-sS", "-m", "20", "-w", "\n%{http_code}", *sent, *arguments, url],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


class TestPages:
    @pytest.mark.parametrize("version", VERSIONS)
    @pytest.mark.parametrize("headers", FOREIGN)
    def test_foreign_pages_are_refused(self, headers, version, bridge):
        for path, *more in [
            ("/v1/routes/7",), ("/v1/count/2",), ("/v1/echo", "-X", "POST", "-H", "Content-Type;"),
        ]:  # fmt: skip
            status, body = curl(f"{bridge.url}{path}", version, *more, headers=headers)
            assert (status, "ORIGIN_NOT_ALLOWED" in body) == (403, True), (path, body)
            assert "services.test.cors.origins" in body

    @pytest.mark.parametrize("version", VERSIONS)
    def test_own_pages_and_programs_are_served(self, version, bridge):
        own = [*OWN, {"Origin": bridge.url}, {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"}]
        for headers in own:
            assert curl(f"{bridge.url}/v1/routes/7", version, headers=headers)[0] == 200, headers

    def test_pages_that_cors_allows(self, start_bridge, backend):
        services = {
            "one": service(backend.address, "routes", cors={"origins": [EVIL]}, prefix="/one"),
            "any": service(backend.address, "routes", cors={"origins": "*"}, prefix="/any"),
        }
        bridge = start_bridge(services)
        for prefix, headers, status in [
            ("/one", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}, 200),
            ("/one", {"Sec-Fetch-Site": "cross-site"}, 403),
            ("/one", {"Origin": "null"}, 403),
            ("/any", {"Sec-Fetch-Site": "cross-site"}, 200),
            ("/any", {"Origin": "null"}, 200),
        ]:
            got, body = curl(f"{bridge.url}{prefix}/v1/routes/7", headers=headers)
            assert got == status, (prefix, headers, body)

    @pytest.mark.parametrize("headers", FOREIGN)
    def test_grpc_calls(self, headers, bridge):
        metadata = [(name.lower(), value) for name, value in headers.items()]
        with grpc.insecure_channel(f"{bridge.host}:{bridge.port}") as channel:
            call = channel.unary_unary("/bridge.test.EchoService/Echo")
            assert call(b"", timeout=20) == b""
            with pytest.raises(grpc.RpcError) as failed:
                call(b"", timeout=20, metadata=metadata)
        assert failed.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert "services.test.cors.origins" in failed.value.details()

    @pytest.mark.parametrize(("headers", "status"), [*((each, 403) for each in FOREIGN), ({}, 101)])
    def test_web_sockets(self, headers, status, bridge, connect):
        connection = connect()
        connection.request(
            "GET", "/v1/chat",
            {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", **headers},
        )  # fmt: skip
        assert connection.read_until(b"\r\n").split()[1] == b"%d" % status


class TestNames:
    """By a name that resolves to 127.0.0.1, as after DNS rebinding."""

    @staticmethod
    def get(bridge, host, *arguments):
        url = f"http://{host}:{bridge.port}/v1/routes/7"
        return curl(url, "--resolve", f"{host.rstrip('.')}:{bridge.port}:127.0.0.1", *arguments)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_on_loopback(self, version, start_bridge, backend):
        bridge = start_bridge(
            {
                "open": service(backend.address, "routes"),
                "named": service(backend.address, "routes", hosts=["named.internal"]),
            },
            trusted_hosts=["trusted.internal", "*.wild.internal"],
        )
        for host in ["localhost", "127.0.0.1", "a.localhost", "bench", "named.internal",
                     "trusted.internal", "a.wild.internal"]:  # fmt: skip
            assert self.get(bridge, host, version)[0] == 200, host
        for host in ["evil.example", "127.0.0.1.evil.example", "wild.internal", "xtrusted.internal"]:
            status, body = self.get(bridge, host, version)
            assert (status, "HOST_NOT_TRUSTED" in body) == (403, True), (host, body)
            assert "trusted_hosts" in body and host in body

    def test_through_the_bridge_as_a_proxy(self, bridge):
        status, _ = curl("http://any.example/v1/routes/7", "--proxy", bridge.url)
        assert status == 200

    def test_without_a_name(self, bridge, connect):
        connection = connect()
        connection.request("GET", "/v1/routes/7", version="HTTP/1.0")
        assert connection.read_until(b"\r\n").split()[1] == b"200"

    def test_grpc_calls(self, bridge):
        options = [("grpc.default_authority", "evil.example")]
        with grpc.insecure_channel(f"{bridge.host}:{bridge.port}", options) as channel:
            with pytest.raises(grpc.RpcError) as failed:
                channel.unary_unary("/bridge.test.EchoService/Echo")(b"", timeout=20)
        assert failed.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert "trusted_hosts" in failed.value.details()

    def test_on_a_unix_socket(self, start_bridge, backend, tmp_path):
        path = tmp_path / "bridge.sock"
        start_bridge(
            {"test": service(backend.address, "routes")}, listen=["127.0.0.1:0", f"unix:{path}"]
        )
        until(path.exists, "the socket exists")
        socket = ["--unix-socket", path]
        assert curl("http://any.example/v1/routes/7", *socket)[0] == 200
        assert curl("http://a/v1/routes/7", *socket, headers={"Origin": EVIL})[0] == 403

    def test_on_all_interfaces(self, start_bridge, backend):
        bridge = start_bridge(
            {"test": service(backend.address, "routes")}, listen=["127.0.0.1:0", "0.0.0.0:0"]
        )
        port = int(bridge.wait_for_line(r"listening on http://0\.0\.0\.0:(\d+)")[1])
        status, _ = curl(
            f"http://any.example:{port}/v1/routes/7", "--resolve", f"any.example:{port}:127.0.0.1"
        )
        assert status == 200

    def test_invalid_names(self, tmp_path):
        settings = {"services": {"a": service("h:1", "echo")}, "trusted_hosts": ["a/b", "c:1"]}
        done = run("check", "--config", write_configuration(settings, tmp_path))
        assert done.returncode == 78
        assert "trusted_hosts[0]" in done.stderr and "trusted_hosts[1]" in done.stderr
