"""TLS to endpoints: trust, errors and their messages, and files that change."""

import contextlib
import json
import os
import re
import socket
import ssl
import time

import pytest
from support import tls
from support.bridge import configuration, run, service, write_configuration
from support.processes import until

DAY = tls.DAY


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return tls.Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """An authority that the bridge doesn't trust."""
    return tls.Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
def serve(stubs):
    """Starts gRPC servers, or others, that end with the test."""
    started = []

    def start(pair, **more):
        server = pair if hasattr(pair, "stop") else tls.GRPCServer(stubs, pair, **more)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def secure(port, section, host="localhost", **more):
    return service(f"{host}:{port}", "echo", tls=section, **more)


def call(http, bridge, text="x"):
    return http.post(f"{bridge.url}/v1/echo", json={"aString": text}, timeout=15)


def reason(http, bridge):
    """The reason of a call that fails without a connection."""
    reply = call(http, bridge)
    assert reply.status_code == 503, reply.text
    assert reply.json()["code"] == 14
    return reply.json()["message"]


class TestTrust:
    def test_the_authority_of_the_configuration(self, serve, authority, start_bridge, http):
        server = serve(authority.issue("good", "localhost"))
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path})})
        assert call(http, bridge).json() == {"aString": "x"}

    def test_a_chain_with_an_authority_between(
        self, serve, authority, start_bridge, http, tmp_path
    ):
        between = tls.Authority(tmp_path, "between", parent=authority)
        server = serve(between.issue("below", "localhost"))
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path})})
        assert call(http, bridge).json() == {"aString": "x"}

    @pytest.mark.parametrize(
        ("names", "section", "host"),
        [
            (["127.0.0.1"], {}, "127.0.0.1"),
            (["other.internal"], {"server_name": "other.internal"}, "127.0.0.1"),
            (["*.internal"], {"server_name": "Other.Internal"}, "localhost"),
            (["10.1.2.3"], {"server_name": "10.1.2.3"}, "localhost"),
        ],
    )
    def test_names_and_addresses(
        self, serve, authority, start_bridge, http, names, section, host
    ):
        server = serve(authority.issue("named", *names))
        section = {"ca": authority.path, **section}
        bridge = start_bridge({"test": secure(server.port, section, host)})
        assert call(http, bridge).json() == {"aString": "x"}

    def test_the_addresses_of_a_name_have_its_certificate(
        self, serve, authority, start_bridge, http
    ):
        server = serve(authority.issue("good", "localhost"))
        endpoint = {"dns": {"address": f"localhost:{server.port}"}}
        settings = service("", "echo", tls={"ca": authority.path})
        bridge = start_bridge({"test": {**settings, "endpoint": endpoint}})
        assert call(http, bridge).json() == {"aString": "x"}

    def test_one_of_two_endpoints_has_an_untrusted_certificate(
        self, serve, authority, stranger, start_bridge, http
    ):
        right = serve(authority.issue("right", "localhost"))
        wrong = serve(stranger.issue("wrong", "localhost"))
        endpoint = {"static": [f"localhost:{wrong.port}", f"localhost:{right.port}"]}
        settings = service("", "echo", tls={"ca": authority.path})
        bridge = start_bridge({"test": {**settings, "endpoint": endpoint}})
        for _ in range(10):
            assert call(http, bridge).json() == {"aString": "x"}

    def test_a_client_certificate(self, serve, authority, start_bridge, http):
        server = serve(authority.issue("good", "localhost"), client_ca=authority)
        client = authority.issue("client")
        section = {
            "ca": authority.path,
            "certificate": client.certificate_path,
            "key": client.key_path,
            "minimum_version": "1.3",
        }
        bridge = start_bridge({"test": secure(server.port, section)})
        assert call(http, bridge).json() == {"aString": "x"}

    def test_without_verification_any_server_is_accepted_with_a_warning(
        self, serve, stranger, start_bridge, http, tmp_path
    ):
        server = serve(stranger.issue("any", "nobody.internal"))
        services = {"test": secure(server.port, {"verify": False})}
        bridge = start_bridge(services)
        assert call(http, bridge).json() == {"aString": "x"}
        warning = "services.test.tls.verify is off: any server at"
        assert warning in bridge.errors
        checked = run("check", "--config", write_configuration(configuration(services), tmp_path))
        assert (checked.returncode, warning in checked.stderr) == (0, True)

    def test_an_endpoint_without_alpn(self, serve, authority, start_bridge, http):
        plain = serve(None)
        context = tls.server_context(authority.issue("good", "localhost"))
        front = serve(tls.terminator(context, plain.port))
        bridge = start_bridge(
            {"test": secure(front.port, {"ca": authority.path, "alpn": "off"})}
        )
        assert call(http, bridge).json() == {"aString": "x"}

    def test_bodies_of_several_megabytes(self, serve, authority, start_bridge, http):
        server = serve(authority.issue("good", "localhost"))
        bridge = start_bridge(
            {"test": secure(server.port, {"ca": authority.path})},
            limits={"request_body_bytes": "32MiB"},
        )
        text = "0123456789abcdef" * (9 << 16)
        for _ in range(3):
            assert call(http, bridge, text).json() == {"aString": text}

    def test_the_health_of_the_endpoint(self, serve, authority, stranger, start_bridge, http):
        server = serve(authority.issue("good", "localhost"))
        bridge = start_bridge(
            {
                "good": secure(server.port, {"ca": authority.path}),
                "bad": secure(server.port, {"ca": stranger.path}, prefix="/bad"),
            },
            admin="127.0.0.1:0",
        )
        reply = http.get(f"{bridge.admin_url}/readyz", timeout=15)
        assert reply.status_code == 503
        assert '"bad"' in reply.text
        assert '"good"' not in reply.text


class TestFailures:
    """Each with a message that suggests the fix."""

    @pytest.mark.parametrize(
        ("issue", "section", "expected"),
        [
            ({"end": -DAY / 2}, {}, r"its certificate has expired, on \d{4}-\d\d-\d\d$"),
            ({"start": DAY}, {}, r"its certificate isn't valid before \d{4}-\d\d-\d\d$"),
            (
                {"names": ["a.internal", "10.0.0.1"]},
                {},
                r"its certificate isn't valid for localhost, only for a\.internal, 10\.0\.0\.1; "
                r"set tls\.server_name to one of them$",
            ),
            (
                {"names": ["localhost"]},
                {"server_name": "127.0.0.1"},
                r"isn't valid for 127\.0\.0\.1, only for localhost;",
            ),
            (
                # The address of the connection isn't the configured name.
                {"names": ["127.0.0.1"]},
                {},
                r"isn't valid for localhost, only for 127\.0\.0\.1;",
            ),
            ({"names": []}, {}, r"its certificate has no subjectAltName"),
        ],
        ids=["expired", "not-yet", "names", "address-wanted", "name-wanted", "no-names"],
    )
    def test_certificates(
        self, serve, authority, start_bridge, http, issue, section, expected
    ):
        names = issue.pop("names", ["localhost"])
        server = serve(authority.issue("wrong", *names, **issue))
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path, **section})})
        message = reason(http, bridge)
        assert message.startswith(f"can't connect to localhost:{server.port}: its certificate")
        assert re.search(expected, message), message

    def test_an_unknown_authority(self, serve, authority, stranger, start_bridge, http):
        server = serve(stranger.issue("unknown", "localhost"))
        bridge = start_bridge(
            {
                "configured": secure(server.port, {"ca": authority.path}),
                "system": secure(server.port, True, prefix="/system"),
            }
        )
        expected = "its certificate is signed by an authority that isn't trusted (set tls.ca)"
        assert expected in reason(http, bridge)
        reply = http.post(f"{bridge.url}/system/v1/echo", json={}, timeout=15)
        assert expected in reply.json()["message"]

    def test_a_plaintext_endpoint(self, serve, authority, start_bridge, http):
        server = serve(None)
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path})})
        message = reason(http, bridge)
        assert re.search(
            r"it doesn't speak TLS|during the TLS handshake; does it speak TLS\?$", message
        ), message

    def test_a_plaintext_web_server(self, serve, authority, start_bridge, http):
        def serve_one(connection):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        server = serve(tls.SocketServer(serve_one))
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path})})
        assert "it doesn't speak TLS" in reason(http, bridge)

    @pytest.mark.parametrize("alpn", [(), ("http/1.1",)], ids=["none", "another"])
    def test_no_http2_by_alpn(self, serve, authority, start_bridge, http, alpn):
        context = tls.server_context(authority.issue("good", "localhost"), alpn)
        front = serve(tls.terminator(context, serve(None).port))
        bridge = start_bridge({"test": secure(front.port, {"ca": authority.path})})
        assert "it doesn't offer HTTP/2 (h2) by ALPN" in reason(http, bridge)

    def test_an_old_version(self, serve, authority, start_bridge, http):
        context = tls.server_context(
            authority.issue("good", "localhost"), ["h2"], ssl.TLSVersion.TLSv1_2
        )
        front = serve(tls.terminator(context, serve(None).port))
        section = {"ca": authority.path, "minimum_version": "1.3"}
        bridge = start_bridge({"test": secure(front.port, section)})
        assert "no TLS version that is allowed here (tls.minimum_version)" in reason(
            http, bridge
        )

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_a_required_client_certificate(
        self, serve, authority, start_bridge, http, version
    ):
        context = tls.server_context(authority.issue("good", "localhost"), ["h2"], version)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.path)
        front = serve(tls.terminator(context, serve(None).port))
        bridge = start_bridge({"test": secure(front.port, {"ca": authority.path})})
        assert "client certificate (set tls.certificate and tls.key)" in reason(http, bridge)

    def test_a_client_certificate_of_an_untrusted_authority(
        self, serve, authority, stranger, start_bridge, http
    ):
        context = tls.server_context(authority.issue("good", "localhost"), ["h2"])
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.path)
        front = serve(tls.terminator(context, serve(None).port))
        client = stranger.issue("client")
        section = {
            "ca": authority.path,
            "certificate": client.certificate_path,
            "key": client.key_path,
        }
        bridge = start_bridge({"test": secure(front.port, section)})
        message = reason(http, bridge)
        assert "it doesn't trust the authority of the client certificate" in message

    def test_no_client_certificate_for_a_grpc_server(self, serve, authority, start_bridge, http):
        """grpcio closes the connection without an alert."""
        server = serve(authority.issue("good", "localhost"), client_ca=authority)
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path})})
        assert reason(http, bridge) == (
            f"the endpoint localhost:{server.port} closed the connection right after the TLS"
            " handshake; does it require a client certificate (set tls.certificate and tls.key), or"
            " another one?"
        )

    def test_a_handshake_that_never_ends(self, serve, authority, start_bridge, http):
        server = serve(tls.SocketServer(lambda connection: time.sleep(20)))
        bridge = start_bridge(
            {"test": secure(server.port, {"ca": authority.path})},
            limits={"connect_timeout": "500ms"},
        )
        begin = time.monotonic()
        message = reason(http, bridge)
        expected = f"can't connect to localhost:{server.port}: TLS handshake timed out after 500 ms"
        assert message == f"{expected} (limits.connect_timeout)"
        assert time.monotonic() - begin < 10
        # The bridge has closed its side.
        until(lambda: is_closed(server.opened[0]), "the connection is closed")

    def test_an_endpoint_that_disconnects_in_the_handshake(
        self, serve, authority, start_bridge, http
    ):
        server = serve(tls.SocketServer(lambda connection: connection.close()))
        bridge = start_bridge({"test": secure(server.port, {"ca": authority.path})})
        assert "the TLS handshake; does it speak TLS?" in reason(http, bridge)

    def test_a_tls_endpoint_without_tls_in_the_bridge(self, serve, authority, start_bridge, http):
        server = serve(authority.issue("good", "localhost"))
        bridge = start_bridge({"test": service(f"localhost:{server.port}", "echo")})
        assert reason(http, bridge) == (
            f"the endpoint localhost:{server.port} closed the connection before it sent HTTP/2"
            " SETTINGS; does it require TLS (tls: on)?"
        )

    def test_an_alert_without_tls_in_the_bridge(self, serve, authority, start_bridge, http):
        context = tls.server_context(authority.issue("good", "localhost"), ["h2"])
        front = serve(tls.terminator(context, serve(None).port))
        bridge = start_bridge({"test": service(f"localhost:{front.port}", "echo")})
        assert f"localhost:{front.port}" in reason(http, bridge)


def is_closed(connection):
    connection.settimeout(0.05)
    try:
        while connection.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


class TestReload:
    def test_another_authority_while_calls_run(
        self, serve, stubs, authority, stranger, start_bridge, http, tmp_path
    ):
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes(authority.path.read_bytes())
        first = serve(authority.issue("first", "localhost"))
        bridge = start_bridge({"test": secure(first.port, {"ca": trusted})})
        with chat(bridge) as talk:
            assert talk("before") == "before"
            tls.replace(trusted, stranger.path.read_bytes())
            bridge.wait_for_line(r"services\.test\.tls: the files have changed; new connections use")
            assert talk("after") == "after"
        port = first.port
        first.stop()
        serve(stranger.issue("second", "localhost"), port=port)

        def is_trusted():
            reply = call(http, bridge)
            return reply.status_code == 200 or None

        until(is_trusted, "the new authority's endpoint is trusted", 20)

    def test_a_client_certificate_by_a_swapped_link(
        self, serve, authority, stranger, start_bridge, http, tmp_path
    ):
        """As Kubernetes updates a mounted secret: paths lead through a link that's swapped."""
        server = serve(authority.issue("good", "localhost"), client_ca=authority)
        wrong, right = stranger.issue("wrong"), authority.issue("right")
        for folder, pair in (("v1", wrong), ("v2", right)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "tls.crt").write_bytes(pair.certificate_pem)
            (tmp_path / folder / "tls.key").write_bytes(pair.key_pem)
        data = tmp_path / "..data"
        data.symlink_to("v1")
        for name in ("tls.crt", "tls.key"):
            (tmp_path / name).symlink_to(f"..data/{name}")
        section = {
            "ca": authority.path,
            "certificate": tmp_path / "tls.crt",
            "key": tmp_path / "tls.key",
        }
        bridge = start_bridge({"test": secure(server.port, section)})
        assert call(http, bridge).status_code == 503
        (tmp_path / "..new").symlink_to("v2")
        os.replace(tmp_path / "..new", data)
        bridge.wait_for_line(r"services\.test\.tls: the files have changed; new connections use")

        def is_trusted():
            return call(http, bridge).status_code == 200 or None

        until(is_trusted, "the endpoint accepts the new certificate", 20)

    def test_a_broken_file_is_logged_once_and_changes_nothing(
        self, serve, authority, start_bridge, http, tmp_path
    ):
        trusted = tmp_path / "ca.pem"
        trusted.write_bytes(authority.path.read_bytes())
        server = serve(authority.issue("good", "localhost"))
        bridge = start_bridge({"test": secure(server.port, {"ca": trusted})})
        tls.replace(trusted, b"nothing")
        kept = r"services\.test\.tls: the files have changed, but .*ca\.pem contains no certificate"
        bridge.wait_for_line(kept)
        assert call(http, bridge).status_code == 200
        # Three more checks.
        time.sleep(6.5)
        assert len(re.findall(kept, bridge.errors)) == 1
        tls.replace(trusted, authority.path.read_bytes())
        bridge.wait_for_line(r"services\.test\.tls: the files have changed; new connections use")


@contextlib.contextmanager
def chat(bridge):
    """A call that stays open and echoes."""
    with socket.create_connection((bridge.host, bridge.port), timeout=15) as connection:
        connection.sendall(
            b"POST /bridge.test.StreamService/Chat HTTP/1.1\r\nhost: x\r\n"
            b"content-type: application/x-ndjson\r\naccept: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        received = b""

        def talk(text):
            nonlocal received
            line = json.dumps({"text": text}).encode() + b"\n"
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            while text.encode() not in received:
                part = connection.recv(65536)
                assert part, received
                received += part
            return text

        yield talk
        connection.sendall(b"0\r\n\r\n")
        while b"\r\n0\r\n" not in received:
            part = connection.recv(65536)
            assert part, received
            received += part


class TestConfiguration:
    def test_errors_have_locations_and_no_secrets(self, authority, stranger, tmp_path):
        pair, other = authority.issue("one", "localhost"), stranger.issue("two", "localhost")
        section = {"ca": "gone.pem", "certificate": pair.certificate_path, "key": other.key_path}
        services = {
            "a": secure(1, section),
            "b": secure(
                1, {"certificate": pair.certificate_path, "key": other.key_path}, prefix="/b"
            ),
        }
        path = write_configuration(configuration(services), tmp_path)
        checked = run("check", "--config", path)
        assert checked.returncode == 78
        lines = checked.stderr.splitlines()
        assert re.search(r":\d+:\d+: services\.a\.tls\.ca: .*gone\.pem: No such file", lines[0])
        assert re.search(
            r":\d+:\d+: services\.b\.tls\.key: the key in .*two\.key doesn't match the certificate",
            lines[1],
        )
        secret = other.key_pem.decode().splitlines()[1]
        assert secret not in checked.stderr + checked.stdout
