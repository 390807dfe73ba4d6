"""Schemas found in practice: copies, shared services, unusual names."""

import json
import re
import shutil
import subprocess

import pytest
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from support.bridge import REPOSITORY, configuration, run, write_configuration
from support.processes import until
from support.reflection import ReflectionServer, compile_texts

CONFIGURATION_ERROR = 78
SCHEMAS = REPOSITORY / "schemas"

HEAD = 'syntax = "proto3"; package {}; import "google/api/annotations.proto";\n'


@pytest.fixture
def start_server(tmp_path):
    started = []

    def start(descriptors, **options):
        server = ReflectionServer(descriptors, tmp_path, f"server-{len(started) + 1}", **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.end()


def check(services, folder, *arguments, **more):
    path = write_configuration(configuration(services), folder, "check")
    return run("check", "--config", path, *arguments, **more)


def reflected(server):
    return {"schemas": {"reflection": {"cache": "off"}}, "endpoint": server.address}


@pytest.fixture
def vendored(tmp_path):
    """A tree with Google's files in a separate folder, and files that import either copy."""
    tree = tmp_path / "tree"
    api = tree / "vendor" / "google" / "api"
    api.mkdir(parents=True)
    shutil.copy(SCHEMAS / "google/api/http.proto", api)
    text = (SCHEMAS / "google/api/annotations.proto").read_text()
    (api / "annotations.proto").write_text(text.replace('"google/api/', '"vendor/google/api/'))
    for name, folder in [("menu", "vendor/"), ("dish", "")]:
        (tree / f"{name}.proto").write_text(
            f'syntax = "proto3"; package {name};\nimport "{folder}google/api/annotations.proto";\n'
            "message M { string id = 1; }\nservice S { rpc Get(M) returns (M) {"
            f' option (google.api.http) = {{ get: "/{name}/{{id}}" }}; }} }}\n'
        )
    return tree


def compiled(tree, target, *names):
    subprocess.run(
        ["protoc", f"-I{tree}", f"-I{SCHEMAS}", "--include_imports",
         f"--descriptor_set_out={target}", *names],
        check=True, timeout=60,
    )  # fmt: skip
    return target


class TestCopies:
    def test_sources(self, vendored, tmp_path):
        done = check({"t": {"schemas": vendored, "endpoint": "127.0.0.1:1"}}, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "/menu/{id}" in done.stdout and "/dish/{id}" in done.stdout
        assert done.stderr == ""

    def test_sets_with_either_copy(self, vendored, tmp_path):
        sets = [
            compiled(vendored, tmp_path / f"{name}.pb", f"{name}.proto") for name in ("menu", "dish")
        ]
        done = check({"t": {"schemas": sets, "endpoint": "127.0.0.1:1"}}, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "/menu/{id}" in done.stdout and "/dish/{id}" in done.stdout

    def test_reflection(self, vendored, tmp_path, start_server, start_bridge, http):
        server = start_server(compiled(vendored, tmp_path / "menu.pb", "menu.proto"))
        done = check({"t": reflected(server)}, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "GET    /menu/{id}" in done.stdout

    def test_json_names_that_one_copy_omits(self, vendored, tmp_path):
        """As in Python servers: compilers write json_name, generated code drops it."""
        path = compiled(vendored, tmp_path / "menu.pb", "menu.proto")
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
        for file in files.file:
            file.name = "copy/" + file.name
            for message in file.message_type:
                for field in message.field:
                    field.ClearField("json_name")
        other = tmp_path / "other.pb"
        other.write_bytes(files.SerializeToString())
        done = check({"t": {"schemas": [path, other], "endpoint": "127.0.0.1:1"}}, tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("/menu/{id}") == 1

    def test_two_versions_of_one_message(self, tmp_path):
        for name, kind in [("a", "string"), ("b", "int32")]:
            (tmp_path / f"{name}.proto").write_text(
                f'syntax = "proto3"; package acme; message Common {{ {kind} id = 1; }}\n'
            )
        schemas = [tmp_path / "a.proto", tmp_path / "b.proto"]
        done = check({"t": {"schemas": schemas, "endpoint": "127.0.0.1:1"}}, tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert "acme.Common: declared in two ways, in a.proto and in b.proto (field 1, id)" in (
            done.stderr
        )


class TestSharedServices:
    def server(self, start_server, tmp_path, name, more=""):
        text = HEAD.format(name) + (
            "message Item { string name = 1; }\n"
            f'service Shop {{ rpc Buy(Item) returns (Item) {{ option (google.api.http) = {{'
            f' post: "/{name}/buy" body: "*" }}; }} }}\n{more}'
        )
        health = (
            'syntax = "proto3"; package grpc.health.v1;\n'
            "message HealthCheckRequest { string service = 1; }\n"
            "message HealthCheckResponse { int32 status = 1; }\n"
            "service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }\n"
        )
        return start_server(compile_texts(tmp_path / f"{name}.pb", **{name: text, "health": health}))

    def test_health_belongs_to_the_first_service(self, start_server, start_bridge, tmp_path, http):
        services = {
            name: reflected(self.server(start_server, tmp_path, name)) for name in ("north", "south")
        }
        done = check(services, tmp_path)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stderr.splitlines() if "Health" in line]
        assert len(lines) == 1 and "services.south: POST /grpc.health.v1.Health/Check" in lines[0]
        assert "reaches service north" in lines[0] and "hosts or prefix" in lines[0]
        bridge = start_bridge(services)
        for name in services:
            done = http.post(f"{bridge.url}/{name}/buy", json={"name": name}, timeout=20)
            assert done.json() == {"name": name}

    def test_one_schema_twice_is_one_line(self, tmp_path):
        (tmp_path / "a.proto").write_text(
            HEAD.format("a")
            + "message M { string id = 1; }\nservice S {\n"
            + "".join(
                f'rpc M{n}(M) returns (M) {{ option (google.api.http) = {{ get: "/v{n}/{{id}}" }}; }}\n'
                for n in range(13)
            )
            + "}\n"
        )
        service = {"schemas": [tmp_path / "a.proto"], "endpoint": "127.0.0.1:1"}
        done = check({"one": service, "two": service}, tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        (line,) = done.stderr.splitlines()
        assert "services.two: GET /v0/{id} and 12 more" in line and "hosts or prefix" in line
        done = check({"one": service, "two": {**service, "hosts": ["two.internal"]}}, tmp_path)
        assert done.returncode == 0, done.stderr


class TestRules:
    PROTO = HEAD.format("a") + (
        "message M { string name = 1; oneof pick { string x = 2; string y = 3; } }\n"
        "service S {\n"
        '  rpc Two(M) returns (M) { option (google.api.http) = { post: "/v1/{name=a/*}:x:y" }; }\n'
        '  rpc Lost(M) returns (M) { option (google.api.http) = { post: "/v1/{nome=b/*}" }; }\n'
        '  rpc Both(M) returns (M) { option (google.api.http) = { post: "/v1/{x}/{y}/c" }; }\n'
        '  rpc All(M) returns (M) { option (google.api.http) = { post: "/v1/{name=**}" }; }\n'
        '  rpc Hash(M) returns (M) { option (google.api.http) = { get: "/hash/{name}" }; }\n'
        '  rpc HashKV(M) returns (M) { option (google.api.http) = { get: "/hash/{name}" }; }\n'
        "}\n"
    )

    def test_paths_and_their_methods(self, start_server, start_bridge, tmp_path, http):
        server = start_server(compile_texts(tmp_path / "a.pb", a=self.PROTO))
        bridge = start_bridge({"t": {"schemas": [tmp_path / "a.pb"], "endpoint": server.address}})
        served = {"/v1/a/b:x:y": "Two", "/v1/a/b": "All", "/v1/z:x:y": "All"}
        for path in served:
            assert http.post(bridge.url + path, timeout=20).status_code == 200
        until(lambda: len(bridge.access_log()) == len(served), "the access log has all calls")
        called = {line["path"]: line["rpc"] for line in bridge.access_log()}
        assert called == {path: f"/a.S/{method}" for path, method in served.items()}
        for path in ("/v1/b/7", "/v1/p/q/c"):
            done = http.post(bridge.url + path, timeout=20)
            assert done.status_code == 404 and "is not served" in done.json()["message"]
        assert http.get(bridge.url + "/hash/7", timeout=20).status_code == 200
        warned = [line for line in bridge.errors.splitlines() if "HashKV" in line]
        assert len(warned) == 1 and "a.S/Hash, which is declared first" in warned[0]
        assert len(warned[0]) < 220


class TestForeignText:
    def test_names_cannot_control_the_terminal(self, tmp_path):
        """A compiler wouldn't write them, a hostile endpoint can."""
        files = descriptor_pb2.FileDescriptorSet()
        file = files.file.add(name="a\n\x1b[31m.proto", package="a", syntax="proto3")
        file.message_type.add(name="M")
        service = file.service.add(name="S\r\nforged line\u202e\x9b")
        for n in range(300):
            method = service.method.add(name=f"M\n{n}", input_type=".a.M", output_type=".a.M")
            method.options.Extensions[annotations_pb2.http].get = f"/v1/{{\x1b]0;t\x07{n}" + "x" * 3000
        path = tmp_path / "hostile.pb"
        path.write_bytes(files.SerializeToString())
        done = check({"t": {"schemas": [path], "endpoint": "127.0.0.1:1"}}, tmp_path)
        assert done.returncode == 0, done.stderr
        for text in (done.stdout, done.stderr):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert "290 more rules that are not served" in done.stderr
        assert len(done.stderr.splitlines()) == 11 and len(done.stderr) < 10_000
        assert not [line for line in done.stdout.splitlines() if line.startswith("forged")]


class TestConfiguration:
    @pytest.fixture
    def proto(self, tmp_path):
        path = tmp_path / "a.proto"
        path.write_text(
            HEAD.format("a") + "message M { string id = 1; }\nservice S { rpc Get(M) returns (M) {"
            ' option (google.api.http) = { get: "/v1/{id}" }; } }\n'
        )
        return path

    def test_no_secrets(self, proto, tmp_path):
        service = {
            "schemas": [proto], "endpoint": "127.0.0.1:1",
            "auth": {"scheme": "bearer", "token_env": "NOT_SET_ANYWHERE"},
        }  # fmt: skip
        done = check({"t": service}, tmp_path)
        assert done.returncode == CONFIGURATION_ERROR and "NOT_SET_ANYWHERE" in done.stderr
        done = check({"t": service}, tmp_path, "--no-secrets")
        assert done.returncode == 0, done.stderr
        assert "token_env: the token isn't read" in done.stderr and "/v1/{id}" in done.stdout

    def test_variables(self, proto, tmp_path):
        text = f'services: {{t: {{schemas: "${{FOLDER}}/a.proto", endpoint: "${{PEER}}:1"}}}}\n'
        path = tmp_path / "b.yaml"
        path.write_text(text)
        environment = {"FOLDER": str(tmp_path), "PEER": "peer.internal"}
        done = run("check", "--config", path, environment=environment)
        assert done.returncode == 0 and "peer.internal:1" in done.stdout
        done = run("check", "--config", path, environment={"FOLDER": str(tmp_path)})
        assert done.returncode == CONFIGURATION_ERROR
        assert "b.yaml:1:56: services.t.endpoint: the environment variable PEER is not set" in (
            done.stderr
        )

    def test_hosts(self, proto, start_bridge, backend, http):
        service = {"schemas": [proto], "endpoint": backend.address}
        bridge = start_bridge(
            {
                "exact": {**service, "hosts": ["a.bench.internal"]},
                "wild": {**service, "hosts": ["*.bench.internal"]},
                "longer": {**service, "hosts": ["*.x.bench.internal"]},
            }
        )
        for host, name in [
            ("a.bench.internal", "exact"), ("a.bench.internal.", "exact"),
            ("A.bench.internal.:80", "exact"), ("b.bench.internal", "wild"),
            ("b.c.bench.internal", "wild"), ("b.x.bench.internal.", "longer"),
        ]:  # fmt: skip
            done = http.get(bridge.url + "/nothing", headers={"Host": host}, timeout=20)
            assert f"service {name} has no route" in done.json()["message"], host
        done = http.get(bridge.url + "/nothing", headers={"Host": "bench.internal"}, timeout=20)
        assert "no service for host bench.internal" in done.json()["message"]

    @pytest.mark.parametrize(
        ("arguments", "wanted"),
        [
            (["serve", "--endpiont", "h:1"], "Unknown option '--endpiont'; did you mean --endpoint?"),
            (["serve", "--endpoint", "h:1", "--shema=a"], "'--shema'; did you mean --schema?"),
            (["check", "--confg", "x"], "'--confg'; did you mean --config?"),
            (["chek", "--config", "x"], "Unknown subcommand 'chek'; did you mean check?"),
            (["endpoints", "--config", "x", "--wat\x1b[31mch"], "Unknown option '--wat?[31mch'"),
        ],
    )
    def test_misspelled_arguments(self, arguments, wanted):
        done = run(*arguments)
        assert done.returncode == 64 and wanted in done.stderr

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["serve", "--help"],
                                           ["help", "check"], ["check", "--version"]])  # fmt: skip
    def test_valid_arguments(self, arguments):
        assert run(*arguments).returncode == 0

    def test_thirty_thousand_keys(self, tmp_path):
        """The number of lines shows that nothing is read once per key."""
        path = tmp_path / "many.yaml"
        path.write_text("a: 1\n" * 30_000)
        done = run("check", "--config", path, seconds=20)
        assert done.returncode == CONFIGURATION_ERROR
        assert "29989 more keys are written twice" in done.stderr
        assert len(done.stderr.splitlines()) < 20

    @pytest.mark.parametrize(
        ("path", "wanted"),
        [("/S/Get", "/a.S/Get"), ("/a.S.Get", "/a.S/Get"), ("/get", "/a.S/Get"), ("/V1/7", "/v1/{id}")],
    )
    def test_hints(self, path, wanted, proto, start_bridge, backend, http):
        bridge = start_bridge({"t": {"schemas": [proto], "endpoint": backend.address}})
        message = http.post(bridge.url + path, json={}, timeout=20).json()["message"]
        assert f"{wanted}" in json.dumps(message)
