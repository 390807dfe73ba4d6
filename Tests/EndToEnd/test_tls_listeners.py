"""TLS on the listeners: real clients of both protocols, client certificates, misuse, files that change."""

import contextlib
import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import time

import grpc
import pytest
import requests
from support import tls
from support.bridge import configuration, run, service, write_configuration
from support.processes import until
from support.raw import Connection
from websockets.sync.client import connect as open_websocket


NOTE = r"can't establish TLS with client 127\.0\.0\.1:\d+: "


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tls.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("bridge", "localhost", "127.0.0.1")


def section(pair, **more):
    return {"certificate": pair.certificate_path, "key": pair.key_path, **more}


@pytest.fixture
def secured(start_bridge, backend, pair):
    """A bridge that listens with TLS."""

    def start(**more):
        services = {"test": service(backend.address, "echo", "routes")}
        settings = {"tls": section(pair), **more}
        bridge = start_bridge(services, **settings)
        assert bridge.url == f"https://127.0.0.1:{bridge.port}"
        return bridge

    return start


def curl(bridge, path, *arguments, host="localhost"):
    return subprocess.run(
        [
            "curl", "--disable", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*",
            "--connect-to", f"localhost:{bridge.port}:127.0.0.1:{bridge.port}",
            "--write-out", "\n%{http_version} %{http_code}", *map(str, arguments),
            f"https://{host}:{bridge.port}{path}",
        ],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def client_context(authority, pair=None, alpn=()):
    context = ssl.create_default_context(cafile=authority.path)
    if pair is not None:
        context.load_cert_chain(pair.certificate_path, pair.key_path)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class SecureConnection(Connection):
    """Handwritten HTTP/1.1 over TLS."""

    def __init__(self, bridge, context, session=None):
        super().__init__((bridge.host, bridge.port))
        plain = self.socket
        self.socket = context.wrap_socket(plain, server_hostname="localhost", session=session)

    @property
    def certificate(self):
        return self.socket.getpeercert(binary_form=True)


class TestClients:
    @pytest.mark.parametrize(("option", "version"), [("--http2", "2"), ("--http1.1", "1.1")])
    def test_curl(self, secured, authority, option, version):
        bridge = secured()
        for host in ("localhost", "127.0.0.1"):
            done = curl(bridge, "/v1/routes/7", "--cacert", authority.path, option, host=host)
            body, shown = done.stdout.rsplit("\n", 1)
            assert shown == f"{version} 200", done.stderr
            assert json.loads(body)["request"] == {"id": "7"}

    @pytest.mark.parametrize(
        ("version", "problem"),
        [
            ("1.2", "it doesn't trust the authority of tls.certificate; install that authority"),
            ("1.3", "it aborted the handshake, most likely because it doesn't trust"),
        ],
    )
    def test_curl_without_trust(self, secured, version, problem):
        bridge = secured()
        done = curl(bridge, "/v1/routes/7", f"--tlsv{version}", "--tls-max", version)
        assert done.returncode == 60, done.stderr
        bridge.wait_for_line(NOTE + problem)

    @pytest.mark.parametrize("option", ["--http2", "--http1.1"])
    def test_large_bodies(self, secured, authority, tmp_path, option):
        bridge = secured(limits={"request_body_bytes": "32MiB"})
        content = json.dumps({"aString": "0123456789abcdef" * (9 << 16)}, separators=(",", ":"))
        (tmp_path / "body").write_text(content)
        done = curl(
            bridge, "/v1/echo", "--cacert", authority.path, option, "--data-binary",
            f"@{tmp_path / 'body'}", "--header", "content-type: application/json",
        )  # fmt: skip
        body, shown = done.stdout.rsplit("\n", 1)
        assert shown.endswith(" 200"), done.stderr
        assert hashlib.sha256(body.encode()).digest() == hashlib.sha256(content.encode()).digest()

    def test_requests(self, secured, authority):
        bridge = secured()
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(authority.path)
            for index in range(5):
                reply = session.get(f"https://localhost:{bridge.port}/v1/routes/{index}", timeout=15)
                assert reply.json()["request"] == {"id": str(index)}

    def test_a_grpc_client(self, secured, authority, stubs):
        bridge = secured()
        credentials = grpc.ssl_channel_credentials(authority.path.read_bytes())
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
        ]
        with grpc.secure_channel(f"localhost:{bridge.port}", credentials, options) as channel:
            echo = stubs.echo_grpc.EchoServiceStub(channel)
            message = stubs.everything.Everything(a_bytes=os.urandom(9 << 20))
            assert echo.Echo(message, timeout=30) == message
            streams = stubs.echo_grpc.StreamServiceStub(channel)
            texts = [f"m{index}" for index in range(50)]
            replies = streams.Chat(
                iter([stubs.echo.ChatMessage(text=text) for text in texts]), timeout=30
            )
            assert [reply.text for reply in replies] == texts

    def test_a_websocket(self, secured, authority):
        bridge = secured()
        with open_websocket(
            f"wss://localhost:{bridge.port}/v1/chat", ssl=client_context(authority), proxy=None,
            open_timeout=15, close_timeout=15,
        ) as chat:  # fmt: skip
            for text in ("a", "b" * 100_000):
                chat.send(json.dumps({"text": text}))
                assert json.loads(chat.recv(timeout=15))["text"] == text

    def test_events_arrive_when_they_are_sent(self, secured, authority, backend, key):
        """Events aren't buffered until more arrive."""
        bridge = secured()
        with SecureConnection(bridge, client_context(authority)) as connection:
            connection.request(
                "GET", f"/v1/count/3?onObserve=true&key={key}", [("accept", "application/x-ndjson")]
            )
            assert connection.read_head()[1] == 200
            for _ in range(3):
                # The next one isn't sent before this one has arrived.
                assert connection.read_chunk()
                backend.observe(key)

    def test_keep_alive_and_pipelines(self, secured, authority):
        bridge = secured()
        with SecureConnection(bridge, client_context(authority)) as connection:
            for index in range(20):
                connection.request("GET", f"/v1/routes/{index}", [("host", "x")])
            for index in range(20):
                assert connection.read_response().json()["request"] == {"id": str(index)}

    def test_connection_close(self, secured, authority):
        bridge = secured()
        with SecureConnection(bridge, client_context(authority)) as connection:
            connection.request("GET", "/v1/routes/1", [("host", "x"), ("connection", "close")])
            assert connection.read_response().status == 200
            # With a close_notify, so that it doesn't look truncated.
            assert connection.socket.recv(1) == b""

    def test_alpn(self, secured, authority):
        bridge = secured()
        for offered, chosen in [
            (["http/1.1", "h2"], "h2"),
            (["http/1.1"], "http/1.1"),
            (["spdy/3"], None),
            ([], None),
        ]:
            context = client_context(authority, alpn=offered)
            with SecureConnection(bridge, context) as connection:
                assert connection.socket.selected_alpn_protocol() == chosen

    def test_versions(self, secured, authority, pair):
        bridge = secured(tls=section(pair, minimum_version="1.3"))
        context = client_context(authority)
        with SecureConnection(bridge, context) as connection:
            assert connection.socket.version() == "TLSv1.3"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            SecureConnection(bridge, context)

    def test_tls_on_both_sides(self, stubs, authority, pair, start_bridge):
        server = tls.GRPCServer(stubs, pair)
        try:
            services = {
                "test": service(f"localhost:{server.port}", "echo", tls={"ca": authority.path})
            }
            bridge = start_bridge(services, tls=section(pair))
            reply = requests.post(
                f"{bridge.url}/v1/echo", json={"aString": "x"}, verify=authority.path, timeout=15
            )
            assert reply.json() == {"aString": "x"}
        finally:
            server.stop()


class TestClientCertificates:
    @pytest.fixture
    def bridge(self, secured, authority, pair):
        return secured(tls=section(pair, client_ca=authority.path))

    def test_a_certificate_of_the_authority(self, bridge, authority):
        client = authority.issue("client")
        done = curl(
            bridge, "/v1/routes/7", "--cacert", authority.path, "--cert", client.certificate_path,
            "--key", client.key_path,
        )  # fmt: skip
        assert done.stdout.endswith(" 200"), done.stderr

    def test_no_certificate(self, bridge, authority):
        done = curl(bridge, "/v1/routes/7", "--cacert", authority.path)
        assert done.returncode != 0
        assert "200" not in done.stdout
        bridge.wait_for_line(NOTE + "it sent no client certificate, which tls.client_ca requires")

    def test_a_certificate_of_another_authority(self, bridge, authority, tmp_path):
        client = tls.Authority(tmp_path, "stranger").issue("client")
        done = curl(
            bridge, "/v1/routes/7", "--cacert", authority.path, "--cert", client.certificate_path,
            "--key", client.key_path,
        )  # fmt: skip
        assert done.returncode != 0
        assert "200" not in done.stdout
        bridge.wait_for_line(NOTE + "its client certificate isn't signed by an authority in tls.client_ca")

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_a_session_is_resumed(self, bridge, authority, version):
        context = client_context(authority, authority.issue("client"))
        context.maximum_version = version
        session = None
        for _ in range(3):
            with SecureConnection(bridge, context, session) as connection:
                connection.request("GET", "/v1/routes/1", [("host", "x")])
                assert connection.read_response().status == 200
                session = connection.socket.session
        assert session is not None


class TestMisuse:
    def closed_after(self, connection, seconds=10):
        begin = time.monotonic()
        connection.settimeout(seconds)
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass
        return time.monotonic() - begin

    def test_plain_http_on_the_secure_port(self, secured, authority):
        bridge = secured(threads=1)
        before = bridge.errors
        # A mere port check isn't logged as a failure.
        socket.create_connection((bridge.host, bridge.port), timeout=10).close()
        with socket.create_connection((bridge.host, bridge.port), timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert self.closed_after(plain) < 5
            client = re.escape("%s:%d" % plain.getsockname())
        bridge.wait_for_line(f"can't establish TLS with client {client}: it speaks HTTP without TLS; use https://")
        with socket.create_connection((bridge.host, bridge.port), timeout=10) as plain:
            plain.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert self.closed_after(plain) < 5
        done = curl(bridge, "/v1/routes/7", "--cacert", authority.path)
        assert done.stdout.endswith(" 200"), done.stderr
        assert bridge.errors.removeprefix(before).count("\n") == 1, "once a minute is enough"

    def test_tls_on_the_plain_port(self, bridge, authority):
        before = bridge.errors
        begin = time.monotonic()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            SecureConnection(bridge, client_context(authority))
        assert time.monotonic() - begin < 5
        assert bridge.errors == before

    def test_garbage(self, secured, authority):
        bridge = secured()
        for length in (1, 5, 100, 20_000):
            with socket.create_connection((bridge.host, bridge.port), timeout=10) as plain:
                with contextlib.suppress(OSError):
                    plain.sendall(b"\x16\x03\x01" + os.urandom(length))
                    plain.shutdown(socket.SHUT_WR)
                assert self.closed_after(plain) < 5
        done = curl(bridge, "/v1/routes/7", "--cacert", authority.path)
        assert done.stdout.endswith(" 200"), done.stderr

    def test_a_handshake_that_never_ends(self, secured, authority):
        """It's counted as a connection, and closed after the time limit of a request head."""
        bridge = secured(
            threads=1, limits={"client_connections": 2, "request_read_timeout": "2s"}
        )
        with contextlib.ExitStack() as opened:
            slow = [
                opened.enter_context(
                    socket.create_connection((bridge.host, bridge.port), timeout=15)
                )
                for _ in range(2)
            ]
            # The start of a record with a ClientHello, which is longer.
            slow[1].sendall(bytes.fromhex("160301020001"))

            def refused():
                try:
                    SecureConnection(bridge, client_context(authority)).socket.close()
                except (OSError, ssl.SSLError):
                    return True
                return False

            until(refused, "a third connection is refused", 5)
            for connection in slow:
                assert self.closed_after(connection, 15) < 15
        until(
            lambda: curl(bridge, "/v1/routes/7", "--cacert", authority.path).stdout.endswith("200"),
            "there's room again",
        )

    def test_an_idle_connection_is_not_a_slow_handshake(self, secured, authority):
        bridge = secured(limits={"request_read_timeout": "1s"})
        with SecureConnection(bridge, client_context(authority)) as connection:
            time.sleep(3)
            connection.request("GET", "/v1/routes/1", [("host", "x")])
            assert connection.read_response().status == 200

    def test_bounded_shutdown_with_unresponsive_clients(self, secured, authority):
        bridge = secured()
        with SecureConnection(bridge, client_context(authority)) as idle:
            with socket.create_connection((bridge.host, bridge.port), timeout=15):
                begin = time.monotonic()
                bridge.stop_cleanly()
                bridge.ended_by_test = True
                assert time.monotonic() - begin < 10
            assert idle.socket.recv(1) == b""


class TestReload:
    def test_another_certificate(self, secured, authority, tmp_path):
        first = authority.issue("first", "localhost")
        second = tls.Authority(tmp_path, "another").issue("second", "localhost")
        certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
        certificate.write_bytes(first.certificate_pem)
        key.write_bytes(first.key_pem)
        bridge = secured(tls={"certificate": certificate, "key": key})
        context = client_context(authority)
        anyone = ssl.create_default_context()
        anyone.check_hostname = False
        anyone.verify_mode = ssl.CERT_NONE
        with SecureConnection(bridge, context) as before:
            assert before.certificate == first.der
            tls.replace(certificate, second.certificate_pem)
            tls.replace(key, second.key_pem)
            bridge.wait_for_line(r"bridge-proxy tls: the files have changed; new connections use")
            with SecureConnection(bridge, anyone) as after:
                assert after.certificate == second.der
                after.request("GET", "/v1/routes/2", [("host", "x")])
                assert after.read_response().status == 200
            before.request("GET", "/v1/routes/1", [("host", "x")])
            assert before.read_response().status == 200

    def test_a_key_that_does_not_match(self, secured, authority, tmp_path):
        first, second = (authority.issue(name, "localhost") for name in ("first", "second"))
        certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"
        certificate.write_bytes(first.certificate_pem)
        key.write_bytes(first.key_pem)
        bridge = secured(tls={"certificate": certificate, "key": key})
        tls.replace(key, second.key_pem)
        bridge.wait_for_line(r"bridge-proxy tls: the files have changed, but the key in .* doesn't match")
        with SecureConnection(bridge, client_context(authority)) as connection:
            assert connection.certificate == first.der
        assert second.key_pem.decode().splitlines()[1] not in bridge.errors


class TestListeners:
    def test_one_with_tls_and_one_without(self, start_bridge, backend, authority, pair, tmp_path, http):
        path = tmp_path / "b.sock"
        bridge = start_bridge(
            {"test": service(backend.address, "routes")},
            listen=["127.0.0.1:0", {"address": "127.0.0.1:0", "tls": False}, f"unix:{path}"],
            tls=section(pair),
        )
        assert bridge.url.startswith("https://")
        plain = bridge.wait_for_line(r"listening on (http://\S+)")[1]
        assert http.get(f"{plain}/v1/routes/1", timeout=15).status_code == 200
        reply = http.get(f"{bridge.url}/v1/routes/1", verify=authority.path, timeout=15)
        assert reply.status_code == 200
        done = subprocess.run(
            ["curl", "--disable", "--silent", "--unix-socket", path, "http://x/v1/routes/1"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout)["request"] == {"id": "1"}

    @pytest.mark.parametrize(
        ("listen", "has_section", "expected"),
        [
            (
                [{"address": "127.0.0.1:0", "tls": True}], False,
                "listen: listen[0] has tls: on, but there is no certificate; write tls:",
            ),
            (
                [{"address": "unix:b.sock", "tls": True}, "127.0.0.1:0"], True,
                "listen[0].tls: TLS isn't supported on a UNIX socket; leave this out",
            ),
            (["unix:b.sock"], True, "tls: no listener uses it; leave it out, or"),
            ([{"tls": True}], True, "listen[0].address: missing; write where clients connect"),
            ([{"adress": "127.0.0.1:0"}], True, "unknown key; did you mean address?"),
        ],
    )  # fmt: skip
    def test_configuration_errors(self, pair, tmp_path, listen, has_section, expected):
        more = {"tls": section(pair)} if has_section else {}
        services = {"test": service("127.0.0.1:1", "echo")}
        settings = configuration(services, **{"listen": listen, **more})
        checked = run("check", "--config", write_configuration(settings, tmp_path))
        assert checked.returncode == 78
        assert expected in checked.stderr
