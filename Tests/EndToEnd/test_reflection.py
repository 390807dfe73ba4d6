"""Schemas from the endpoint itself, by gRPC server reflection."""

import concurrent.futures
import re

import pytest
from support import tls
from support.bridge import PROTOS, configuration, run, write_configuration
from support.processes import until
from support.reflection import ReflectionServer, compile_protos, compile_texts
from support.sockets import free_port

CONFIGURATION_ERROR = 78

HEAD = 'syntax = "proto3"; package shop; import "google/api/annotations.proto";\n'
ITEM = "message Item { string name = 1; int32 count = 2; }\n"


def rpc(name, path):
    option = f'option (google.api.http) = {{ post: "{path}" body: "*" }};'
    return f"rpc {name}(Item) returns (Item) {{ {option} }}\n"


def shop(*methods, item=ITEM):
    rpcs = "".join(rpc(name, f"/v1/{name.lower()}") for name in methods)
    return HEAD + item + "service Shop {\n" + rpcs + "}\n"


@pytest.fixture
def start_server(tmp_path):
    started = []

    def start(descriptors, **options):
        name = f"server-{len(started) + 1}"
        server = ReflectionServer(descriptors, tmp_path, name, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.end()


@pytest.fixture
def descriptors(tmp_path):
    """A set with one service that has one method, Buy."""
    return compile_texts(tmp_path / "shop.binpb", shop=shop("Buy"))


@pytest.fixture
def home(tmp_path):
    """An environment in which nothing is cached yet."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def reflected(address, **more):
    """A service that uses reflection."""
    return {"schemas": {"reflection": {"cache": "off", **more}}, "endpoint": address}


def check(service, folder, **more):
    path = write_configuration(configuration({"test": service}), folder, "check")
    return run("check", "--config", path, **more)


def buy(http, bridge, path="/v1/buy", **item):
    return http.post(bridge.url + path, json=item, timeout=20)


def serves(http, bridge, path):
    """Waits until a path is served."""
    until(lambda: buy(http, bridge, path).status_code == 200, f"{path} is served", 20)


class TestCheck:
    @pytest.mark.parametrize("versions", ["v1,v1alpha", "v1", "v1alpha"])
    @pytest.mark.parametrize("manner", ["whole", "single"])
    def test_the_routes_equal_those_of_the_files(self, start_server, tmp_path, versions, manner):
        """For every version of the protocol, and whether the server sends imports unrequested or not."""
        names = ("echo", "routes", "legacy")
        compiled = compile_protos(tmp_path / "all.binpb", *names)
        server = start_server(compiled, versions=versions, manner=manner)
        files = [PROTOS / f"{name}.proto" for name in names]
        by_file = check({"schemas": files, "endpoint": server.address}, tmp_path)
        by_reflection = check(reflected(server.address), tmp_path)
        assert by_reflection.returncode == by_file.returncode == 0, by_reflection.stderr
        assert by_reflection.stdout == by_file.stdout
        assert by_reflection.stdout.count("\n") > 50

    def test_the_reflection_of_grpcio(self, start_server, tmp_path):
        names = ("echo", "routes", "legacy")
        server = start_server(compile_protos(tmp_path / "all.binpb", *names), manner="package")
        files = [PROTOS / f"{name}.proto" for name in names]
        by_file = check({"schemas": files, "endpoint": server.address}, tmp_path)
        by_reflection = check(reflected(server.address), tmp_path)
        assert by_reflection.returncode == by_file.returncode == 0, by_reflection.stderr
        assert by_reflection.stdout == by_file.stdout

    def test_only_the_keyword(self, start_server, descriptors, tmp_path, home):
        server = start_server(descriptors)
        service = {"schemas": "reflection", "endpoint": server.address}
        done = check(service, tmp_path, environment=home)
        assert done.returncode == 0 and "/v1/buy" in done.stdout
        assert not (tmp_path / "cache").exists(), "a check writes no cache"

    def test_a_file_name_is_not_the_keyword(self, descriptors, tmp_path):
        (tmp_path / "reflection").write_bytes(descriptors.read_bytes())
        service = {"schemas": "./reflection", "endpoint": f"127.0.0.1:{free_port()}"}
        done = check(service, tmp_path)
        assert done.returncode == 0 and "/v1/buy" in done.stdout

    def test_only_some_services(self, start_server, tmp_path):
        compiled = compile_protos(tmp_path / "all.binpb", "echo", "routes", "legacy")
        server = start_server(compiled)
        done = check(
            reflected(server.address, services=["bridge.test.legacy.LegacyService"]), tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "LegacyService" in done.stdout and "RouteService" not in done.stdout

    def test_services_that_are_not_offered_are_not_served(self, start_server, tmp_path):
        """Even if they are in the same files as those that are offered."""
        compiled = compile_protos(tmp_path / "all.binpb", "echo")
        server = start_server(compiled, services="bridge.test.EchoService")
        done = check(reflected(server.address), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "EchoService" in done.stdout and "TroubleService" not in done.stdout

    def test_without_reflection(self, backend, tmp_path):
        done = check(reflected(backend.address), tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert f"{backend.address} offers no server reflection; give --schema" in done.stderr
        assert re.search(r"check\.yaml:\d+:\d+: services\.test\.schemas: ", done.stderr)

    def test_without_an_endpoint(self, tmp_path):
        port = free_port()
        done = check(reflected(f"127.0.0.1:{port}"), tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert f"can't connect to 127.0.0.1:{port}: connection refused" in done.stderr

    def test_the_token_is_sent(self, start_server, descriptors, tmp_path):
        server = start_server(descriptors, token="Bearer sesame")
        done = check(reflected(server.address), tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert "UNAUTHENTICATED: who are you?" in done.stderr
        auth = {"auth": {"scheme": "bearer", "token_env": "TOKEN"}}
        done = check(
            {**reflected(server.address), **auth}, tmp_path, environment={"TOKEN": "sesame"}
        )
        assert done.returncode == 0, done.stderr
        assert "sesame" not in done.stdout + done.stderr


class TestEndpoints:
    def test_by_tls(self, start_server, descriptors, tmp_path, start_bridge, http):
        authority = tls.Authority(tmp_path)
        pair = authority.issue("good", "localhost")
        server = start_server(
            descriptors, certificate=pair.certificate_path, key=pair.key_path
        )
        address = f"localhost:{server.port}"
        done = check({**reflected(address), "tls": "on"}, tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert f"can't connect to {address}: " in done.stderr
        bridge = start_bridge({"test": {**reflected(address), "tls": {"ca": authority.path}}})
        assert buy(http, bridge, name="tea").json() == {"name": "tea"}
        assert server.stop() == 0
        more = compile_texts(tmp_path / "more.binpb", shop=shop("Buy", "Sell"))
        start_server(
            more, port=server.port, certificate=pair.certificate_path, key=pair.key_path
        )
        serves(http, bridge, "/v1/sell")

    def test_by_a_name(self, start_server, descriptors, tmp_path, start_bridge, http):
        """The name is resolved before the first request."""
        server = start_server(descriptors)
        endpoint = {"dns": f"localhost:{server.port}"}
        bridge = start_bridge({"test": reflected(endpoint)})
        assert buy(http, bridge, name="tea").json() == {"name": "tea"}
        assert server.stop() == 0
        more = compile_texts(tmp_path / "more.binpb", shop=shop("Buy", "Sell"))
        start_server(more, port=server.port)
        bridge.wait_for_line("service test serves the endpoint's current schema, 4 routes")
        serves(http, bridge, "/v1/sell")

    def test_one_of_several_is_replaced(
        self, start_server, descriptors, tmp_path, start_bridge, http
    ):
        """The others stay: they keep their connections."""
        more = compile_texts(tmp_path / "more.binpb", shop=shop("Buy", "Sell"))
        first, second = start_server(descriptors), start_server(descriptors)
        bridge = start_bridge({"test": reflected({"static": [first.address, second.address]})})
        assert buy(http, bridge, name="tea").status_code == 200
        for server in (first, second):
            assert server.stop() == 0
            start_server(more, port=server.port)
        serves(http, bridge, "/v1/sell")

    def test_a_transport_that_is_not_grpc(self, tmp_path):
        types = {"request_type": "shop.Item", "response_type": "shop.Item", "path": "/p"}
        done = check({**reflected("127.0.0.1:1"), "transport": {"http-protobuf": types}}, tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert "services.test.schemas: reflection requires gRPC" in done.stderr


class TestBadResponses:
    @pytest.mark.parametrize(
        "manner, reason",
        [
            ("garbage", "sent a response that can't be decoded"),
            ("endless", "sent a response"),
            ("many", "sends more than 5000 files"),
            ("wrong", "sent a response of the wrong type"),
            ("silent", "didn't respond to reflection requests in time"),
        ],
    )
    def test_broken(self, start_server, descriptors, tmp_path, manner, reason):
        server = start_server(descriptors, manner=manner)
        done = check(reflected(server.address, timeout="2s"), tmp_path)
        assert done.returncode == CONFIGURATION_ERROR
        assert reason in done.stderr

    def two_services(self, tmp_path, other="import 'google/protobuf/empty.proto';"):
        head = 'syntax = "proto3"; package two;'
        return compile_texts(
            tmp_path / "two.binpb",
            common=head + "message Common { string a = 1; }",
            one=head + "message Plain { string a = 1; }"
            " service One { rpc Do(Plain) returns (Plain); }",
            other=head + 'import "common.proto";'
            " service Other { rpc Do(Common) returns (Common); }"
            " message Wrapped { Common common = 1; }",
            third=head + 'import "common.proto";'
            " service Third { rpc Do(Common) returns (Common); }",
        )

    def test_services_with_a_missing_import_are_left_out(self, start_server, tmp_path):
        server = start_server(self.two_services(tmp_path), manner="lost", about="common.proto")
        done = check(reflected(server.address), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "/two.One/Do" in done.stdout
        assert "Other" not in done.stdout and "/two.Third" not in done.stdout
        assert "two.Other is left out" in done.stderr and "common.proto" in done.stderr

    def test_a_service_that_cannot_be_described(self, start_server, tmp_path):
        server = start_server(self.two_services(tmp_path), manner="undescribed", about="two.Other")
        done = check(reflected(server.address), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "/two.One/Do" in done.stdout and "/two.Third/Do" in done.stdout
        assert "two.Other is left out: the endpoint can't describe it" in done.stderr

    def test_two_files_of_one_name(self, start_server, tmp_path):
        server = start_server(self.two_services(tmp_path), manner="differing", about="common.proto")
        done = check(reflected(server.address), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "/two.One/Do" in done.stdout and "/two.Other/Do" not in done.stdout
        assert "sent two different files named common.proto" in done.stderr

    def test_an_unused_import(self, start_server, tmp_path):
        """Files of options are often imported but seldom registered."""
        head = 'syntax = "proto3"; package shop;'
        compiled = compile_texts(
            tmp_path / "a.binpb", options=head + "message Unused {}",
            shop=head + 'import "options.proto"; message Item { string name = 1; }'
            " service Shop { rpc Buy(Item) returns (Item); }",
        )  # fmt: skip
        server = start_server(compiled, manner="lost", about="options.proto")
        done = check(reflected(server.address), tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "/shop.Shop/Buy" in done.stdout


class TestServe:
    def test_without_a_file(self, start_server, descriptors, start_bridge, http, home):
        server = start_server(descriptors)
        bridge = start_bridge(
            arguments=["serve", "--endpoint", server.address, "--listen", "127.0.0.1:0"],
            environment=home,
        )
        assert buy(http, bridge, name="tea").json() == {"name": "tea"}

    def test_a_server_without_reflection(self, backend, home):
        done = run("serve", "--endpoint", backend.address, "--listen", "127.0.0.1:0",
                   environment=home)  # fmt: skip
        assert done.returncode == CONFIGURATION_ERROR
        assert "offers no server reflection" in done.stderr

    def test_an_endpoint_that_starts_later(self, start_server, descriptors, start_bridge, http):
        port = free_port()
        bridge = start_bridge(
            {"test": reflected(f"127.0.0.1:{port}")}, admin="127.0.0.1:0"
        )
        response = buy(http, bridge)
        assert response.status_code == 503 and int(response.headers["Retry-After"]) > 0
        assert response.json()["details"][0]["reason"] == "SCHEMA_NOT_LOADED"
        assert f"can't connect to 127.0.0.1:{port}" in response.json()["message"]
        ready = http.get(bridge.admin_url + "/readyz", timeout=20)
        assert ready.status_code == 503
        assert "no schema yet: can't connect" in ready.json()["services"][0]["reason"]
        start_server(descriptors, port=port)
        serves(http, bridge, "/v1/buy")
        assert http.get(bridge.admin_url + "/readyz", timeout=20).status_code == 200
        bridge.wait_for_line("service test serves the endpoint's current schema, 2 routes")

    def test_an_endpoint_that_returns_with_another_schema(
        self, start_server, descriptors, start_bridge, http, tmp_path
    ):
        server = start_server(descriptors)
        bridge = start_bridge({"test": reflected(server.address)})
        assert buy(http, bridge, name="tea").status_code == 200
        assert buy(http, bridge, "/v1/sell").status_code == 404
        assert server.stop() == 0
        item = "message Item { string name = 1; int32 count = 2; string colour = 3; }\n"
        more = compile_texts(tmp_path / "more.binpb", shop=shop("Buy", "Sell", item=item))
        start_server(more, port=server.port)
        # No calls meanwhile: the bridge detects it on its own.
        bridge.wait_for_line("service test serves the endpoint's current schema, 4 routes")
        assert buy(http, bridge, "/v1/sell", colour="red").json() == {"colour": "red"}
        assert buy(http, bridge, colour="red").json() == {"colour": "red"}

    def test_a_request_in_flight_finishes(
        self, start_server, start_bridge, http, tmp_path
    ):
        """It started with a method that the next schema doesn't have."""
        first = start_server(compile_texts(tmp_path / "a.binpb", shop=shop("Buy", "Slow")))
        bridge = start_bridge({"test": reflected(first.address, refresh="1s")}, threads=1)
        serves(http, bridge, "/v1/buy")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(buy, http, bridge, "/v1/slow", name="x")
            first.wait_for_line("a slow call has arrived")
            # It listens on the same port as the first, which finishes its calls.
            stopping = pool_stop(first)
            other = compile_texts(tmp_path / "b.binpb", shop=shop("Buy", "Sell"))
            start_server(other, port=first.port)
            assert under_way.result(20).json() == {"name": "x"}
            stopping.result(20)
        serves(http, bridge, "/v1/sell")
        assert buy(http, bridge, "/v1/slow").status_code == 404

    def test_a_schema_that_cannot_be_served(
        self, start_server, descriptors, start_bridge, http, tmp_path
    ):
        server = start_server(descriptors)
        service = {**reflected(server.address), "http": {"clashes": "refuse"}}
        bridge = start_bridge({"test": service})
        assert server.stop() == 0
        clash = HEAD + ITEM + "service Shop {" + rpc("Buy", "/v1/b") + rpc("Sell", "/v1/b") + "}"
        start_server(compile_texts(tmp_path / "b.binpb", shop=clash), port=server.port)
        bridge.wait_for_line("service test keeps its current schema: .*/v1/b")
        assert buy(http, bridge, name="tea").json() == {"name": "tea"}
        assert buy(http, bridge, "/v1/b").status_code == 404

    def test_refreshed_periodically(self, start_server, descriptors, start_bridge, http, tmp_path):
        """`refresh` finds a new schema though no connection was lost: here from a server whose response
        differs each time."""
        server = start_server(descriptors, manner="differing", about="shop.proto")
        bridge = start_bridge({"test": reflected(server.address, refresh="1s")})
        until(lambda: bridge.errors.count("current schema") >= 2, "the schema was refreshed repeatedly")
        assert buy(http, bridge, name="tea").json() == {"name": "tea"}

    def test_with_another_service_from_files(self, start_server, descriptors, start_bridge, backend, http):
        port = free_port()
        files = {"schemas": [PROTOS / "routes.proto"], "endpoint": backend.address}
        bridge = start_bridge({"files": files, "test": reflected(f"127.0.0.1:{port}")})
        path = f"{bridge.url}/v1/routes/7"
        assert http.get(path, timeout=20).json()["request"] == {"id": "7"}
        assert buy(http, bridge).status_code == 503
        start_server(descriptors, port=port)
        serves(http, bridge, "/v1/buy")
        assert http.get(path, timeout=20).json()["request"] == {"id": "7"}


class TestCache:
    def service(self, server_or_port, tmp_path):
        address = getattr(server_or_port, "address", f"127.0.0.1:{server_or_port}")
        return reflected(address, cache=tmp_path / "kept" / "shop.binpb")

    def filled(self, start_server, descriptors, start_bridge, tmp_path):
        """The port of a server that has exited, and the file that was cached."""
        server = start_server(descriptors)
        bridge = start_bridge({"test": self.service(server, tmp_path)})
        kept = tmp_path / "kept" / "shop.binpb"
        until(kept.exists, "the schema is cached")
        bridge.stop_cleanly()
        bridge.ended_by_test = True
        assert server.stop() == 0
        return server.port, kept

    def test_a_start_without_the_endpoint(
        self, start_server, descriptors, start_bridge, tmp_path, http
    ):
        port, kept = self.filled(start_server, descriptors, start_bridge, tmp_path)
        assert [path.name for path in kept.parent.iterdir()] == [kept.name]
        done = check(self.service(port, tmp_path), tmp_path)
        assert done.returncode == 0 and "/v1/buy" in done.stdout
        assert "connection refused" in done.stderr and str(kept) in done.stderr
        bridge = start_bridge({"test": self.service(port, tmp_path)})
        bridge.wait_for_line("warning: services.test: can't connect .*shop.binpb is served until")
        response = buy(http, bridge)
        assert response.status_code == 503
        assert response.json()["details"][0]["reason"] == "ENDPOINT_NOT_REACHABLE"
        start_server(descriptors, port=port)
        serves(http, bridge, "/v1/buy")
        assert "current schema" not in bridge.errors, "it's the same one"

    def test_the_endpoint_has_changed_its_schema(
        self, start_server, descriptors, start_bridge, tmp_path, http
    ):
        port, kept = self.filled(start_server, descriptors, start_bridge, tmp_path)
        before = kept.read_bytes()
        bridge = start_bridge({"test": self.service(port, tmp_path)})
        more = compile_texts(tmp_path / "more.binpb", shop=shop("Buy", "Sell"))
        start_server(more, port=port)
        serves(http, bridge, "/v1/sell")
        until(lambda: kept.read_bytes() != before, "the new schema is cached")

    @pytest.mark.parametrize("damage", ["cut", "text", "empty", "folder"])
    def test_a_broken_file(
        self, start_server, descriptors, start_bridge, tmp_path, http, damage
    ):
        port, kept = self.filled(start_server, descriptors, start_bridge, tmp_path)
        content = kept.read_bytes()
        kept.unlink()
        if damage == "folder":
            kept.mkdir()
        else:
            kept.write_bytes({"cut": content[:-20], "text": b"not a set\n", "empty": b""}[damage])
        bridge = start_bridge({"test": self.service(port, tmp_path)})
        response = buy(http, bridge)
        assert response.status_code == 503
        assert response.json()["details"][0]["reason"] == "SCHEMA_NOT_LOADED"
        # Clients read why the last request of the schema failed; the log has the cache's error too.
        bridge.wait_for_line(f"has no schema yet.*{re.escape(str(kept))}")
        start_server(descriptors, port=port)
        serves(http, bridge, "/v1/buy")
        if damage == "folder":
            bridge.wait_for_line("can't cache its schema in .*shop.binpb")
        else:
            until(lambda: kept.read_bytes() == content, "the file is complete again")

    def test_the_default_folder(self, start_server, descriptors, start_bridge, tmp_path, home):
        server = start_server(descriptors)
        arguments = ["serve", "--endpoint", server.address, "--listen", "127.0.0.1:0"]
        start_bridge(arguments=arguments, environment=home)
        folder = tmp_path / "cache" / "bridge-proxy"
        until(lambda: list(folder.glob("default-*.binpb")), "the schema is cached there")
        (kept,) = folder.iterdir()
        assert kept.stat().st_mode & 0o077 == 0
        assert run("check", "--config", write_configuration(
            configuration({"a": {"schemas": kept, "endpoint": server.address}}), tmp_path, "kept"
        )).returncode == 0, "it's a descriptor set like any other"  # fmt: skip


def pool_stop(server):
    """Stops a server without waiting for it."""
    server.signal()
    executor = concurrent.futures.ThreadPoolExecutor(1)
    return executor.submit(server.wait)
