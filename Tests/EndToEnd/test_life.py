"""From start to shutdown: ways to start, rejected input, health, the access log, draining."""

import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import pytest
from support.bridge import (
    PROTOS,
    REPOSITORY,
    Bridge,
    configuration,
    run,
    service,
    write_configuration,
)
from support.processes import until
from support.raw import Closed, Connection, request_bytes
from support.sockets import free_port

CONFIGURATION_ERROR = 78


def get(http, bridge, path="/v1/routes/7"):
    return http.get(bridge.url + path, timeout=20)


def compile_set(target, *names, imports=True):
    include = [f"-I{PROTOS}", f"-I{REPOSITORY / 'schemas'}"]
    subprocess.run(
        ["protoc", *include, *(["--include_imports"] if imports else []),
         f"--descriptor_set_out={target}", *(f"{name}.proto" for name in names)],
        check=True, timeout=60,
    )  # fmt: skip
    return target


class TestSchemas:
    def test_without_a_file(self, start_bridge, backend, http):
        bridge = start_bridge(
            arguments=["serve", "--schema", PROTOS / "routes.proto", "--endpoint", backend.address,
                       "--listen", "127.0.0.1:0"]
        )  # fmt: skip
        assert get(http, bridge).json()["request"] == {"id": "7"}

    def test_a_descriptor_set(self, start_bridge, backend, tmp_path, http):
        compiled = compile_set(tmp_path / "all.binpb", "echo", "routes", "legacy")
        services = {"test": {"schemas": [compiled], "endpoint": backend.address}}
        bridge = start_bridge(services)
        assert get(http, bridge).json()["request"] == {"id": "7"}
        assert get(http, bridge, "/v1/big/3").json() == {"data": "paWl"}

    def test_a_folder(self, start_bridge, backend, tmp_path, http):
        """Sources and descriptor sets in one folder, found by their names."""
        folder = tmp_path / "folder"
        folder.mkdir()
        for name in ("everything", "routes"):
            (folder / f"{name}.proto").write_text((PROTOS / f"{name}.proto").read_text())
        compile_set(folder / "legacy.binpb", "legacy")
        (folder / "README.txt").write_text("not a schema")
        bridge = start_bridge({"test": {"schemas": [folder], "endpoint": backend.address}})
        assert get(http, bridge).json()["request"] == {"id": "7"}
        path = f"{bridge.url}/bridge.test.legacy.LegacyService/Echo"
        assert http.post(path, json={"name": "x"}, timeout=20).json() == {"name": "x"}

    def test_paths_are_relative_to_the_file(self, start_bridge, backend, tmp_path, http):
        folder = tmp_path / "elsewhere" / "schemas"
        folder.mkdir(parents=True)
        for name in ("everything", "routes"):
            (folder / f"{name}.proto").write_text((PROTOS / f"{name}.proto").read_text())
        services = {"test": {"schemas": ["schemas/routes.proto"], "endpoint": backend.address}}
        path = write_configuration(configuration(services), tmp_path / "elsewhere")
        bridge = start_bridge(arguments=["serve", "--config", path])
        assert get(http, bridge).json()["request"] == {"id": "7"}

    def test_import_paths(self, start_bridge, backend, tmp_path, http):
        (tmp_path / "routes.proto").write_text((PROTOS / "routes.proto").read_text())
        (tmp_path / "imports").mkdir()
        everything = (PROTOS / "everything.proto").read_text()
        (tmp_path / "imports" / "everything.proto").write_text(everything)
        services = {
            "test": {
                "schemas": [tmp_path / "routes.proto"], "import_paths": [tmp_path / "imports"],
                "endpoint": backend.address,
            }
        }  # fmt: skip
        assert get(http, start_bridge(services)).json()["request"] == {"id": "7"}


class TestListening:
    def test_on_several_addresses(self, start_bridge, backend, tmp_path, http):
        path = tmp_path / "bridge.sock"
        bridge = start_bridge(
            {"test": service(backend.address, "routes")}, listen=["127.0.0.1:0", f"unix:{path}"]
        )
        assert get(http, bridge).status_code == 200
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(15)
            until(path.exists, "the socket exists")
            connection.connect(str(path))
            connection.sendall(request_bytes("GET", "/v1/routes/7", {"Connection": "close"}))
            response = b""
            while data := connection.recv(65536):
                response += data
        assert response.startswith(b"HTTP/1.1 200")
        bridge.ended_by_test = True
        bridge.stop_cleanly()
        assert not path.exists(), "the socket was not removed"

    def test_curl_over_a_unix_socket(self, start_bridge, backend, tmp_path):
        path = tmp_path / "bridge.sock"
        start_bridge(
            {"test": service(backend.address, "echo")}, listen=["127.0.0.1:0", f"unix:{path}"]
        )
        until(path.exists, "the socket exists")
        done = subprocess.run(
            ["curl", "-sS", "--unix-socket", path, "-H", "X-Forwarded-For: 1.2.3.4",
             "http://localhost/v1/metadata"],
            capture_output=True, timeout=20, check=True,
        )  # fmt: skip
        got = {entry["name"]: entry["value"] for entry in json.loads(done.stdout)["entries"]}
        # A socket of this kind has no address to add.
        assert got["x-forwarded-for"] == "1.2.3.4"

    def test_a_port_in_use(self, backend, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            services = {"test": service(backend.address, "routes")}
            path = write_configuration({"listen": address, "services": services}, tmp_path)
            done = run("serve", "--config", path)
        assert done.returncode not in (0, CONFIGURATION_ERROR)
        assert address in done.stdout + done.stderr


class TestSockets:
    """UNIX sockets and their ownership."""

    @staticmethod
    def ask(path):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(15)
            connection.connect(str(path))
            connection.sendall(b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(65536).split()[1]

    @pytest.mark.parametrize("key", ["listen", "admin"])
    def test_a_socket_in_use(self, key, start_bridge, backend, tmp_path):
        path = tmp_path / "taken.sock"
        services = {"test": service(backend.address, "routes")}
        listen = ["127.0.0.1:0", f"unix:{path}"] if key == "listen" else "127.0.0.1:0"
        admin = f"unix:{path}" if key == "admin" else "127.0.0.1:0"
        bridge = start_bridge(services, listen=listen, admin=admin)
        until(path.exists, "the socket exists")
        response = self.ask(path)
        second = tmp_path / "second"
        second.mkdir()
        settings = configuration(services)
        settings[key] = f"unix:{path}"
        done = run("serve", "--config", write_configuration(settings, second))
        assert done.returncode == 1
        assert "in use" in done.stderr and str(path) in done.stderr
        assert self.ask(path) == response
        bridge.ended_by_test = True
        bridge.stop_cleanly()
        assert not path.exists()

    def test_a_stale_socket(self, start_bridge, backend, tmp_path):
        path = tmp_path / "left.sock"
        services = {"test": service(backend.address, "routes")}
        more = {"listen": ["127.0.0.1:0", f"unix:{path}"], "admin": f"unix:{path}.admin"}
        first = start_bridge(services, **more)
        first.ended_by_test = True
        until(path.exists, "the socket exists")
        first.signal(signal.SIGKILL)
        first.wait()
        assert path.exists()
        start_bridge(services, **more)
        assert self.ask(path) == b"200"

    def test_a_rolling_restart(self, start_bridge, backend, tmp_path, http, key):
        """The old process releases the address immediately, and removes nothing when it exits."""
        path = tmp_path / "rolling.sock"
        services = {"test": service(backend.address, "echo", "routes")}
        more = {"listen": ["127.0.0.1:0", f"unix:{path}"]}
        old = start_bridge(services, **more)
        old.ended_by_test = True
        with Connection((old.host, old.port)) as connection:
            connection.request("GET", f"/v1/hang/{key}")
            backend.wait_for_state(key, "RUNNING")
            old.signal(signal.SIGTERM)
            until(lambda: not path.exists(), "the old process has released it")
            start_bridge(services, **more)
            assert self.ask(path) == b"200"
            old.signal(signal.SIGTERM)
            assert old.wait() == 0
        assert self.ask(path) == b"200"

    def test_a_file_that_is_not_a_socket(self, backend, tmp_path):
        path = tmp_path / "precious"
        path.write_text("text")
        settings = configuration({"test": service(backend.address, "routes")})
        settings["listen"] = f"unix:{path}"
        done = run("serve", "--config", write_configuration(settings, tmp_path))
        assert done.returncode == 1
        assert "isn't a socket" in done.stderr
        assert path.read_text() == "text"


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
    def test_ignored_signals(self, number, start_bridge, backend, http, key):
        bridge = start_bridge({"test": service(backend.address, "echo", "routes")})
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            params = {"key": key, "delay": "1s"}
            slow = pool.submit(http.get, f"{bridge.url}/v1/slow", params=params, timeout=30)
            backend.wait_for_state(key, "RUNNING")
            bridge.signal(number)
            bridge.wait_for_line(f"{number.name} is ignored")
            assert slow.result(30).status_code == 200
        assert get(http, bridge).status_code == 200
        assert bridge.errors.count(number.name) == 1


class TestNames:
    def test_all_addresses_of_a_name(self, start_bridge, backend, tmp_path, http):
        services = {"test": service(backend.address, "routes")}
        bridge = start_bridge(services, listen="localhost:0", admin="localhost:0")
        found = [
            line.rsplit(" ", 1)[1] for line in bridge.errors.splitlines() if " listening on " in line
        ]
        addresses = set()
        for family, _, _, _, address in socket.getaddrinfo("localhost", None):
            with contextlib.suppress(OSError), socket.socket(family) as probe:
                probe.bind((address[0], 0))
                addresses.add(address[0])
        assert len(found) == len(addresses)
        assert len({url.rsplit(":", 1)[1] for url in found}) == 1, "one port"
        for url in found:
            assert http.get(f"{url}/v1/routes/7", timeout=20).status_code == 200

    def test_all_interfaces(self, start_bridge, backend, http):
        services = {"test": service(backend.address, "routes")}
        bridge = start_bridge(services, listen=["127.0.0.1:0", "*:0"])
        port = bridge.wait_for_line(r"listening on http://0\.0\.0\.0:(\d+)")[1]
        hosts = ["127.0.0.1"]
        if f"listening on http://[::]:{port}" in bridge.errors:
            hosts.append("[::1]")
        for host in hosts:
            reply = http.get(f"http://{host}:{port}/v1/routes/7", timeout=20)
            assert reply.status_code == 200


class TestDescriptors:
    """Fewer file descriptors than client connections."""

    LIMIT = 64

    def processor_time(self, bridge):
        with open(f"/proc/{bridge.pid}/stat", encoding="ascii") as file:
            return sum(int(each) for each in file.read().rsplit(")", 1)[1].split()[11:13])

    def test_they_run_out(self, start_bridge, backend, tmp_path, http):
        path = write_configuration(
            configuration(
                {"test": service(backend.address, "routes")}, admin="127.0.0.1:0", threads=1
            ),
            tmp_path,
        )
        bridge = Bridge(
            ["serve", "--config", path], tmp_path,
            inside=["sh", "-c", f'ulimit -n {self.LIMIT}; exec "$@"', "sh"],
        )  # fmt: skip
        idle = []
        try:
            assert "limits.client_connections is 10000" in bridge.errors
            admin = bridge.admin_url
            with Connection((bridge.host, bridge.port)) as first:
                idle += [
                    socket.create_connection((bridge.host, bridge.port), 15)
                    for _ in range(2 * self.LIMIT)
                ]
                bridge.wait_for_line(f"out of file .* may open {self.LIMIT} .*ulimit -n.*LimitNOFILE=")
                before = self.processor_time(bridge)
                start = time.monotonic()
                # An accepted connection is served, with a new connection to the endpoint; so is the admin
                # server.
                first.request("GET", "/v1/routes/7")
                assert first.read_until(b"\r\n").split()[1] == b"200"
                assert http.get(f"{admin}/readyz", timeout=20).status_code == 200
                until(lambda: time.monotonic() - start > 1, "a second has passed")
                used = self.processor_time(bridge) - before
                assert used < 0.5 * os.sysconf("SC_CLK_TCK"), "it doesn't busy-loop"
            for connection in idle:
                connection.close()
            bridge.wait_for_line("accepting connections again")
            assert get(http, bridge).status_code == 200
            assert bridge.errors.count("out of file descriptors") == 1
            bridge.stop_cleanly()
        finally:
            for connection in idle:
                connection.close()
            bridge.end()


class TestHealth:
    def test_alive_and_ready(self, bridge, http):
        for path in ("/healthz", "/readyz"):
            assert http.get(bridge.admin_url + path, timeout=20).status_code == 200
        assert http.get(bridge.admin_url + "/nothing", timeout=20).status_code == 404

    def test_not_ready_while_the_endpoint_is_down(self, start_bridge, start_backend, http):
        port = free_port()
        services = {"test": service(f"127.0.0.1:{port}", "echo")}
        bridge = start_bridge(services, admin="127.0.0.1:0")

        def ready():
            return http.get(f"{bridge.admin_url}/readyz", timeout=20).status_code

        assert ready() == 503
        assert http.get(f"{bridge.admin_url}/healthz", timeout=20).status_code == 200
        backend = start_backend(port=port)
        until(lambda: ready() == 200, "ready with its endpoint", 30)
        assert backend.stop() == 0
        until(lambda: ready() == 503, "not ready without it", 30)

    def test_the_admin_paths_are_not_on_the_listeners(self, bridge, http):
        assert get(http, bridge, "/healthz").status_code == 404


class TestAccessLog:
    def test_one_line_per_request(self, start_bridge, backend, http):
        bridge = start_bridge({"named": service(backend.address, "echo", "routes")})
        get(http, bridge, "/v1/routes/7?note=secret%22")
        get(http, bridge, "/no/such%22path%0a")
        http.post(f"{bridge.url}/v1/fail", json={"code": 5, "message": "m"}, timeout=20)
        lines = until(
            lambda: (log := bridge.access_log()) and len(log) >= 3 and log, "three lines", 20
        )
        assert len(lines) == 3
        found, missing, failed = [json.dumps(line) for line in lines]
        assert "/v1/routes/7" in found and "named" in found and "200" in found
        assert "/bridge.test.RouteService/Get" in found
        assert "secret" not in found, "the query was logged"
        assert "404" in missing and "no/such" in missing
        assert "/bridge.test.TroubleService/Fail" in failed and "404" in failed

    def test_off(self, start_bridge, backend, http):
        services = {"test": service(backend.address, "routes")}
        bridge = start_bridge(services, access_log=False)
        get(http, bridge)
        bridge.ended_by_test = True
        bridge.stop_cleanly()
        assert bridge.access_log() == []

    def test_the_log_is_complete_after_exit(self, start_bridge, backend, http):
        bridge = start_bridge({"test": service(backend.address, "routes")})
        for _ in range(100):
            get(http, bridge)
        bridge.ended_by_test = True
        bridge.stop_cleanly()
        assert len(bridge.access_log()) == 100


class TestDrain:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
    def test_calls_in_flight_finish(self, number, start_bridge, backend, http, key):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        bridge.ended_by_test = True
        idle = Connection((bridge.host, bridge.port))
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            params = {"key": key, "delay": "3s"}
            slow = pool.submit(http.get, f"{bridge.url}/v1/slow", params=params, timeout=30)
            backend.wait_for_state(key, "RUNNING")
            bridge.signal(number)
            until(lambda: refused(bridge), "new connections are refused")
            assert not slow.done()
            assert backend.observe(key).state == backend.stubs.echo.Observation.STATE_RUNNING
            assert idle.is_closed_by_peer()
            reply = slow.result(30)
        assert reply.status_code == 200
        assert reply.headers.get("connection", "").lower() == "close"
        assert bridge.wait() == 0, bridge.report()

    def test_the_wait_is_bounded(self, start_bridge, backend, key):
        bridge = start_bridge(
            {"test": service(backend.address, "echo")}, drain_timeout="300ms"
        )
        bridge.ended_by_test = True
        with Connection((bridge.host, bridge.port)) as connection:
            connection.request("GET", f"/v1/hang/{key}")
            backend.wait_for_state(key, "RUNNING")
            assert bridge.stop(20) == 0, bridge.report()
            with pytest.raises(Closed):
                while True:
                    connection.fill()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_second_signal_does_not_wait(self, start_bridge, backend, key):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        bridge.ended_by_test = True
        with Connection((bridge.host, bridge.port)) as connection:
            connection.request("GET", f"/v1/hang/{key}")
            backend.wait_for_state(key, "RUNNING")
            bridge.signal(signal.SIGTERM)
            until(lambda: refused(bridge), "the drain began")
            bridge.signal(signal.SIGTERM)
            bridge.wait(35)


    def test_a_delay(self, start_bridge, backend, http):
        """A program on the same host may still call during its own shutdown."""
        bridge = start_bridge(
            {"test": service(backend.address, "routes")}, admin="127.0.0.1:0", drain_delay="60s"
        )
        bridge.ended_by_test = True
        admin = bridge.admin_url
        bridge.signal(signal.SIGTERM)
        bridge.wait_for_line("keeps serving for 60s")
        assert http.get(f"{admin}/readyz", timeout=20).json() == {"status": "draining"}
        assert http.get(f"{admin}/healthz", timeout=20).status_code == 200
        with Connection((bridge.host, bridge.port)) as connection:
            connection.request("GET", "/v1/routes/7")
            assert connection.read_until(b"\r\n").split()[1] == b"200"
            bridge.signal(signal.SIGTERM)
            assert bridge.wait() == 0, bridge.report()
        assert "draining; requests in flight" in bridge.errors

    def test_a_delay_ends_on_its_own(self, start_bridge, backend):
        bridge = start_bridge({"test": service(backend.address, "routes")}, drain_delay="200ms")
        bridge.ended_by_test = True
        bridge.stop_cleanly()


def refused(bridge):
    try:
        socket.create_connection((bridge.host, bridge.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


class TestCheck:
    def test_prints_the_routes(self, backend, tmp_path):
        services = {"named": service(backend.address, "routes", prefix="/p", hosts=["h.internal"])}
        path = write_configuration(configuration(services), tmp_path)
        done = run("check", "--config", path)
        assert done.returncode == 0, done.stderr
        for part in (
            "named", "/p", "h.internal", "/v1/routes/{id}", "DELETE", "PATCH",
            "/v1/{name=shelves/*/books/*}", "/v1/files/{name=**}:stat",
            "/bridge.test.RouteService/Unmapped",
        ):  # fmt: skip
            assert part in done.stdout

    def test_does_not_need_the_endpoint(self, tmp_path):
        services = {"test": service(f"127.0.0.1:{free_port()}", "routes")}
        path = write_configuration(configuration(services), tmp_path)
        assert run("check", "--config", path).returncode == 0

    FAULTY = """\
listen: 127.0.0.1:99999
colour: blue
services:
  one:
    schemas: [missing.proto]
    endpoint: nowhere
    timeout: soon
  two:
    schema: [routes.proto]
    endpoint: 127.0.0.1:50051
    auth: {scheme: magic, token_env: NO_SUCH_VARIABLE_HERE}
"""

    @pytest.mark.parametrize("command", ["check", "serve"])
    def test_all_errors_are_reported_at_once(self, command, tmp_path):
        path = write_configuration(self.FAULTY, tmp_path, "faulty")
        done = run(command, "--config", path)
        assert done.returncode == CONFIGURATION_ERROR, done.stderr
        errors = done.stderr
        for line, key in [
            (1, "listen"), (2, "colour"), (5, "missing.proto"), (6, "endpoint"), (7, "timeout"),
            (9, "schema"), (11, "scheme"), (11, "NO_SUCH_VARIABLE_HERE"),
        ]:  # fmt: skip
            hits = [text for text in errors.splitlines() if f"faulty.yaml:{line}:" in text]
            assert any(key in text for text in hits), f"nothing about {key} in line {line}:\n{errors}"
        assert "Traceback" not in errors and "Fatal error" not in errors

    @pytest.mark.parametrize(
        "text",
        ["", "services: [", "- a\n- b\n", "services: {}\n", "a: &a [*a]\n", "\x00\x01", "%YAML 9"],
    )
    def test_files_that_are_not_a_configuration(self, text, tmp_path):
        path = tmp_path / "broken.yaml"
        path.write_text(text)
        done = run("check", "--config", path)
        assert done.returncode == CONFIGURATION_ERROR
        assert "broken.yaml" in done.stderr

    def test_no_such_file(self, tmp_path):
        done = run("check", "--config", tmp_path / "absent.yaml")
        assert done.returncode == CONFIGURATION_ERROR
        assert "absent.yaml" in done.stderr

    SYNTAX_ERROR = 'syntax = "proto3";\nmessage A {\n  int32 a = ;\n}\n'
    CLASH = """\
syntax = "proto3";
package clash;
import "google/api/annotations.proto";
message E { string id = 1; string name = 2; }
service S {
  rpc First(E) returns (E) { option (google.api.http) = { get: "/v1/{id}" }; }
  rpc Second(E) returns (E) { option (google.api.http) = { get: "/v1/{name}" }; }
}
"""
    BROKEN_RULE = CLASH.replace("/v1/{name}", "/v2/{missing").replace("clash", "broken")

    @pytest.mark.parametrize(
        ("name", "source", "wanted"),
        [
            ("syntax", SYNTAX_ERROR, ["syntax.proto", "3"]),
            ("clash", CLASH, ["First", "Second", "/v1/{", "http_rules"]),
        ],
    )
    def test_schemas_that_cannot_be_served(self, name, source, wanted, tmp_path):
        (tmp_path / f"{name}.proto").write_text(source)
        service = {"schemas": [f"{name}.proto"], "endpoint": "127.0.0.1:1"}
        services = {"test": {**service, "http": {"clashes": "refuse"}}}
        path = write_configuration(configuration(services), tmp_path)
        done = run("check", "--config", path)
        assert done.returncode == CONFIGURATION_ERROR, done.stdout
        assert done.stderr.count("\n") == 1, "one line per error"
        for part in wanted:
            assert part in done.stderr

    def test_one_broken_rule_does_not_affect_others(self, tmp_path):
        (tmp_path / "broken.proto").write_text(self.BROKEN_RULE)
        services = {"test": {"schemas": ["broken.proto"], "endpoint": "127.0.0.1:1"}}
        path = write_configuration(configuration(services), tmp_path)
        done = run("check", "--config", path)
        assert done.returncode == 0, done.stderr
        assert "/v1/{id}" in done.stdout
        assert "/v2/{missing" in done.stdout + done.stderr

    def test_a_descriptor_set_without_its_imports(self, tmp_path):
        compiled = compile_set(tmp_path / "bare.binpb", "routes", imports=False)
        services = {"test": {"schemas": [compiled], "endpoint": "127.0.0.1:1"}}
        path = write_configuration(configuration(services), tmp_path)
        done = run("check", "--config", path)
        assert done.returncode == CONFIGURATION_ERROR
        assert "bridge.test.Color" in done.stderr and "include_imports" in done.stderr

    @pytest.mark.parametrize("damage", ["cut", "noise", "empty", "huge length"])
    def test_invalid_descriptor_sets(self, damage, tmp_path):
        path = compile_set(tmp_path / "damaged.binpb", "routes")
        whole = path.read_bytes()
        path.write_bytes(
            {
                "cut": whole[: len(whole) // 2],
                "noise": bytes(range(256)) * 20,
                "empty": b"",
                "huge length": b"\x0a\xff\xff\xff\xff\x07" + whole,
            }[damage]
        )
        services = {"test": {"schemas": [path], "endpoint": "127.0.0.1:1"}}
        done = run("check", "--config", write_configuration(configuration(services), tmp_path))
        assert done.returncode == CONFIGURATION_ERROR, (done.returncode, done.stderr)
        assert "damaged.binpb" in done.stderr
