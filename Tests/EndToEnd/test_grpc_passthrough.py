"""gRPC clients of the bridge: passed through unchanged, on the same port as JSON clients."""

import base64
import concurrent.futures
import json
import os
import signal
import socket
import time

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from support.bridge import service
from support.processes import until

BYTES = "/bridge.hidden.Bytes/"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")


class Client:
    """A channel to the bridge, with the stubs of the tests and calls on bytes."""

    def __init__(self, stubs, target, options=(), compression=None):
        self.channel = grpc.insecure_channel(
            target,
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_retries", 0),
                *options,
            ],
            compression=compression,
        )
        self.echo = stubs.echo_grpc.EchoServiceStub(self.channel)
        self.trouble = stubs.echo_grpc.TroubleServiceStub(self.channel)
        self.routes = stubs.routes_grpc.RouteServiceStub(self.channel)

    def unary(self, name):
        return self.channel.unary_unary(BYTES + name)

    def join(self, name="Join"):
        return self.channel.stream_unary(BYTES + name)

    def split(self):
        return self.channel.unary_stream(BYTES + "Split")

    def talk(self):
        return self.channel.stream_stream(BYTES + "Talk")


@pytest.fixture
def open_client(stubs):
    opened = []

    def open_one(target, **more):
        client = Client(stubs, target, **more)
        opened.append(client)
        return client

    yield open_one
    for client in opened:
        client.channel.close()


@pytest.fixture
def client(bridge, open_client):
    return open_client(f"{bridge.host}:{bridge.port}")


def memory(bridge):
    """Resident memory of the process in bytes."""
    with open(f"/proc/{bridge.child.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TestKinds:
    def test_unary(self, client, stubs):
        message = stubs.everything.Everything(a_string="ünï", a_int64=-5, a_bytes=b"\0\xff")
        assert client.echo.Echo(message, timeout=20) == message

    def test_an_empty_message(self, client, stubs):
        message = stubs.everything.Everything()
        assert client.echo.Echo(message, timeout=20) == message

    def test_server_streaming(self, client, stubs):
        replies = client.trouble.Count(stubs.echo.CountRequest(count=1000), timeout=20)
        assert [reply.index for reply in replies] == list(range(1000))

    def test_each_message_arrives_separately(self, backend, client, stubs, key):
        order = stubs.echo.CountRequest(key=key, count=3, on_observe=True)
        replies = client.trouble.Count(order, timeout=20)
        for index in range(3):
            assert next(replies).index == index
            backend.observe(key)
        assert list(replies) == []

    def test_client_streaming(self, client, stubs):
        messages = (stubs.everything.Nested(number=index) for index in range(500))
        assert client.echo.Collect(messages, timeout=20).number == 500

    def test_no_messages(self, client):
        assert json.loads(client.join()(iter([]), timeout=20)) == {"messages": 0, "bytes": 0}

    def test_both_ways_in_turn(self, client):
        """Each reply arrives before the next request is sent."""
        replies_read = []

        def ask():
            for index in range(20):
                until(lambda at=index: len(replies_read) == at, "the previous reply")
                yield b"%d" % index

        call = client.talk()(ask(), timeout=20)
        assert dict(call.initial_metadata())["x-open"] == "yes"
        for reply in call:
            replies_read.append(reply)
        assert replies_read == [b"re: %d" % index for index in range(20)]

    def test_the_head_comes_before_any_message(self, client):
        call = client.talk()(hold(), timeout=20)
        assert dict(call.initial_metadata())["x-open"] == "yes"
        call.cancel()

    def test_a_service_without_a_schema(self, client):
        assert client.unary("Echo")(b"any bytes", timeout=20) == b"any bytes"

    def test_an_unknown_method(self, client):
        with pytest.raises(grpc.RpcError) as failed:
            client.unary("Nothing")(b"", timeout=20)
        assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert failed.value.details() == "Method not found!"  # the endpoint's own message


def hold():
    """No message, for a while."""
    time.sleep(3)
    yield b"late"


class TestMetadata:
    def test_both_ways_in_order(self, client):
        sent = (
            ("x-b", "2"), ("x-a", "1"), ("x-b", "3"), ("back-one", "a, b"), ("back-two-bin", b"\0\1"),
            ("back-one", "c"), ("x-request-id", "mine"), ("x-bin", bytes(range(256))),
        )  # fmt: skip
        reply, call = client.unary("Describe").with_call(b"", metadata=sent, timeout=20)
        got = json.loads(reply)["entries"]
        names = {name for name, _ in sent}
        expected = [
            [name, base64.b64encode(value).decode() if isinstance(value, bytes) else value]
            for name, value in sent
        ]
        ours = ["x-request-id", "mine"]
        expected.remove(ours)
        assert [entry for entry in got if entry[0] in names] == [*expected, ours]
        assert [entry for entry in got if entry[0] == "user-agent"][0][1].startswith("grpc-python")
        head = [(name, value) for name, value in call.initial_metadata() if name[:4] == "back"]
        assert head == [("back-one", "a, b"), ("back-two-bin", b"\0\1"), ("back-one", "c")]
        assert ("x-request-id", "mine") in list(call.initial_metadata())
        tail = [(name, value) for name, value in call.trailing_metadata()]
        assert tail == [("trail-one", "c"), ("trail-two-bin", b"\0\1"), ("trail-one", "a, b")]

    def test_the_rules_of_the_service_apply(self, start_bridge, backend, open_client):
        bridge = start_bridge(
            {
                "test": service(
                    backend.address, "echo", metadata={"x-team": "legacy"},
                    headers={"deny": ["x-hidden"]},
                )
            }
        )
        client = open_client(f"{bridge.host}:{bridge.port}")
        sent = (("x-team", "mine"), ("x-hidden", "1"), ("x-shown", "1"))
        got = json.loads(client.unary("Describe")(b"", metadata=sent, timeout=20))["entries"]
        assert ["x-team", "legacy"] in got and ["x-team", "mine"] not in got
        assert ["x-shown", "1"] in got
        assert not [entry for entry in got if entry[0] == "x-hidden"]

    def test_x_forwarded_for_of_previous_proxies(self, client):
        sent = (("x-forwarded-for", "1.2.3.4"),)
        got = json.loads(client.unary("Describe")(b"", metadata=sent, timeout=20))["entries"]
        assert ["x-forwarded-for", "1.2.3.4, 127.0.0.1"] in got


class TestStatus:
    @pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code.value[0]])
    @pytest.mark.parametrize("after_headers", [False, True])
    def test_codes_and_messages(self, client, stubs, code, after_headers):
        order = stubs.echo.FailRequest(
            code=code.value[0], message="schön 100% ✗\n", after_headers=after_headers
        )
        with pytest.raises(grpc.RpcError) as failed:
            client.trouble.Fail(order, timeout=20)
        assert failed.value.code() == code
        assert failed.value.details() == "schön 100% ✗\n"

    def test_rich_details(self, client, stubs):
        kinds = stubs.echo.FailRequest
        order = stubs.echo.FailRequest(
            code=3, message="wrong",
            details=[kinds.DETAIL_BAD_REQUEST, kinds.DETAIL_UNKNOWN_TYPE, kinds.DETAIL_NESTED],
        )  # fmt: skip
        with pytest.raises(grpc.RpcError) as failed:
            client.trouble.Fail(order, timeout=20)
        status = rpc_status.from_call(failed.value)
        assert (status.code, status.message, len(status.details)) == (3, "wrong", 3)
        violations = error_details_pb2.BadRequest()
        assert status.details[0].Unpack(violations)
        assert violations.field_violations[1].description == "ungültig ✗"

    def test_a_failure_after_messages(self, client, stubs):
        got = []
        with pytest.raises(grpc.RpcError) as failed:
            for reply in client.trouble.Count(
                stubs.echo.CountRequest(count=5, fail_after=3), timeout=20
            ):
                got.append(reply.index)
        assert got == [0, 1, 2]
        assert failed.value.code() == grpc.StatusCode.DATA_LOSS
        assert rpc_status.from_call(failed.value).details

    def test_a_reply_before_the_request_is_complete(self, client):
        def endless():
            for _ in range(100_000):
                yield b"x" * 10_000

        call = client.join("Early").future(endless(), timeout=20)
        with pytest.raises(grpc.RpcError) as failed:
            call.result()
        assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert failed.value.details() == "no more after 10000 bytes"
        assert ("x-early", "yes") in failed.value.trailing_metadata()
        # The connection is still usable.
        assert client.unary("Echo")(b"next", timeout=20) == b"next"

    def test_no_endpoint(self, start_bridge, open_client):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
        bridge = start_bridge({"test": service(address, "echo")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        with pytest.raises(grpc.RpcError) as failed:
            client.unary("Echo")(b"", timeout=20)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
        assert address in failed.value.details()

    def test_an_endpoint_that_dies(self, start_bridge, start_backend, open_client, key):
        backend = start_backend()
        bridge = start_bridge({"test": service(backend.address, "echo")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        order = json.dumps({"count": 1000, "size": 10, "pause": 0.05, "key": key}).encode()
        replies = client.split()(order, timeout=20)
        assert next(replies) == b"\x5a" * 10
        backend.child.kill()
        with pytest.raises(grpc.RpcError) as failed:
            list(replies)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE

    def test_no_service(self, start_bridge, backend, open_client):
        bridge = start_bridge({"test": service(backend.address, "echo", hosts=["other.internal"])})
        client = open_client(f"{bridge.host}:{bridge.port}")
        with pytest.raises(grpc.RpcError) as failed:
            client.unary("Echo")(b"", timeout=20)
        assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert "test (host other.internal)" in failed.value.details()
        named = open_client(
            f"{bridge.host}:{bridge.port}",
            options=[("grpc.default_authority", "other.internal")],
        )
        assert named.unary("Echo")(b"by name", timeout=20) == b"by name"

    def test_the_service_that_has_the_method(self, start_bridge, backend, open_client, stubs):
        """A prefix, which gRPC clients can't send, doesn't apply to them."""
        bridge = start_bridge(
            {
                "first": service("127.0.0.1:1", "legacy", prefix="/legacy"),
                "second": service(backend.address, "routes", prefix="/routes"),
                "third": service(backend.address, "echo"),
            }
        )
        client = open_client(f"{bridge.host}:{bridge.port}")
        method = next(iter(stubs.routes.DESCRIPTOR.services_by_name["RouteService"].methods))
        reply = getattr(client.routes, method.name)(method.input_type._concrete_class(), timeout=20)
        assert reply.method == method.name
        assert client.unary("Echo")(b"unknown", timeout=20) == b"unknown"
        prefixed = client.channel.unary_unary("/routes/bridge.test.EchoService/Big")
        with pytest.raises(grpc.RpcError) as failed:
            client.channel.unary_unary("/legacy/any.Thing/Call")(b"", timeout=20)
        assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
        assert prefixed(b"", timeout=20) == b""


class TestTime:
    def test_the_clients_deadline(self, backend, client, stubs, key):
        start = time.monotonic()
        with pytest.raises(grpc.RpcError) as failed:
            client.trouble.Hang(stubs.echo.HangRequest(key=key), timeout=1)
        assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert time.monotonic() - start < 5
        backend.wait_for_expiry(key)

    def test_the_endpoint_receives_it(self, client):
        left = json.loads(client.unary("Describe")(b"", timeout=7))["left"]
        assert 5 < left <= 7.01

    def test_the_services_timeout_applies_where_it_is_shorter(
        self, start_bridge, backend, open_client, stubs, key
    ):
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="1s")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        with pytest.raises(grpc.RpcError) as failed:
            client.trouble.Hang(stubs.echo.HangRequest(key=key))
        assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        backend.wait_for_expiry(key)

    def test_a_cancelled_call_is_cancelled_at_the_endpoint(self, backend, client, stubs, key):
        call = client.trouble.Hang.future(stubs.echo.HangRequest(key=key), timeout=30)
        backend.wait_for_state(key, "RUNNING")
        call.cancel()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_disconnects(self, bridge, backend, open_client, stubs, key):
        client = open_client(f"{bridge.host}:{bridge.port}")
        # grpcio cancels a call without references.
        call = client.trouble.Hang.future(stubs.echo.HangRequest(key=key), timeout=30)
        backend.wait_for_state(key, "RUNNING")
        client.channel.close()
        backend.wait_for_state(key, "CANCELLED")
        assert call.done()


class TestSize:
    SIZE = 64 << 20

    def test_a_large_message_both_ways(self, client):
        data = os.urandom(1 << 20) * 64
        assert client.unary("Echo")(data, timeout=60) == data

    def test_large_streams(self, client):
        order = json.dumps({"count": 1024, "size": 64 << 10}).encode()
        assert sum(len(piece) for piece in client.split()(order, timeout=60)) == self.SIZE
        pieces = (b"\x11" * (64 << 10) for _ in range(1024))
        got = json.loads(client.join()(pieces, timeout=60))
        assert got == {"messages": 1024, "bytes": self.SIZE}

    def test_many_small_messages_both_ways(self, client):
        replies = client.talk()((b"%d" % index for index in range(5000)), timeout=60)
        assert sum(1 for _ in replies) == 5000

    def test_a_client_that_does_not_read(self, start_bridge, backend, open_client, key):
        """Backpressure reaches the endpoint, and the bridge buffers little."""
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="60s")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        client.unary("Echo")(b"", timeout=20)
        before = memory(bridge)
        order = json.dumps({"count": 4096, "size": 64 << 10, "key": key}).encode()
        replies = client.split()(order, timeout=60)
        next(replies)
        sent = self.settled(client, key)
        assert sent < 64 << 20
        assert memory(bridge) - before < 32 << 20
        assert sum(len(piece) for piece in replies) == 4095 * (64 << 10)

    def test_an_endpoint_that_does_not_read(self, start_bridge, backend, open_client, key):
        """Backpressure reaches the client, and the bridge buffers little."""
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="60s")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        client.unary("Echo")(b"", timeout=20)
        before = memory(bridge)
        given = []

        def pieces():
            for _ in range(2048):
                given.append(64 << 10)
                yield b"\x11" * (64 << 10)

        call = client.join("Lazy").future(pieces(), metadata=(("key", key),), timeout=60)
        until(lambda: json.loads(client.unary("Observe")(key.encode(), timeout=20)), "the call has started")
        last = -1
        while last != len(given):
            last = len(given)
            time.sleep(0.5)
        assert sum(given) < 64 << 20
        assert memory(bridge) - before < 32 << 20
        client.unary("Go")(key.encode(), timeout=20)
        assert json.loads(call.result()) == 2048 * (64 << 10)

    @staticmethod
    def settled(client, key):
        """The value sent under a key once it has stopped growing."""
        last = -1
        while True:
            now = json.loads(client.unary("Observe")(key.encode(), timeout=20))
            if now == last:
                return now
            last = now
            time.sleep(0.5)

    def test_compressed_messages_pass_unchanged(self, start_bridge, backend, open_client):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        client = open_client(f"{bridge.host}:{bridge.port}", compression=grpc.Compression.Gzip)
        data = bytes(1 << 20)
        assert client.unary("Squeeze")(data, timeout=20) == data
        until(lambda: bridge.access_log(), "there's a line in the log")
        line = bridge.access_log()[0]
        assert line["bytes_in"] < 10_000 and line["bytes_out"] < 10_000


class TestConnection:
    def test_many_calls_at_once(self, client):
        order = json.dumps({"count": 50, "size": 1000}).encode()
        streams = [client.split()(order, timeout=60) for _ in range(40)]
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            echoes = list(
                pool.map(lambda n: client.unary("Echo")(b"%d" % n, timeout=60), range(300))
            )
        assert echoes == [b"%d" % index for index in range(300)]
        assert all(sum(len(piece) for piece in stream) == 50_000 for stream in streams)

    def test_more_calls_than_streams(self, start_bridge, backend, open_client, stubs):
        bridge = start_bridge(
            {"test": service(backend.address, "echo")}, limits={"client_streams": 4}, threads=1
        )
        client = open_client(f"{bridge.host}:{bridge.port}")
        order = stubs.echo.SlowRequest()
        order.delay.FromMilliseconds(50)
        calls = [client.trouble.Slow.future(order, timeout=30) for _ in range(40)]
        assert all(call.result() is not None for call in calls)

    def test_json_on_the_same_port_at_the_same_time(self, bridge, client, http):
        def ask(index):
            if index % 2:
                return client.unary("Echo")(b"%d" % index, timeout=20) == b"%d" % index
            reply = http.post(f"{bridge.url}/v1/echo", json={"aString": str(index)}, timeout=20)
            return reply.json() == {"aString": str(index)}

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            assert all(pool.map(ask, range(100)))

    def test_a_unix_socket(self, start_bridge, backend, open_client, tmp_path):
        path = tmp_path / "bridge.sock"
        start_bridge(
            {"test": service(backend.address, "echo")}, listen=["127.0.0.1:0", f"unix:{path}"]
        )
        client = open_client(f"unix:{path}")
        assert client.unary("Echo")(b"by file", timeout=20) == b"by file"

    def test_the_access_log(self, start_bridge, backend, open_client, stubs):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        list(client.trouble.Count(stubs.echo.CountRequest(count=1), timeout=20))
        with pytest.raises(grpc.RpcError):
            reasons = [stubs.echo.FailRequest.DETAIL_ERROR_INFO]
            failing = stubs.echo.FailRequest(code=5, message="no such", details=reasons)
            client.trouble.Fail(failing, timeout=20)
        until(lambda: len(bridge.access_log()) == 2, "there are two lines")
        first, second = bridge.access_log()
        assert first["service"] == "test" and first["rpc"] == "/bridge.test.TroubleService/Count"
        assert first["method"] == "POST" and first["status"] == 200
        assert (first["grpc"], second["grpc"]) == ("OK", "NOT_FOUND")
        assert (second["reason"], second["message"]) == ("OUT_OF_STOCK", "no such")
        assert "message" not in first
        assert first["id"]

    def test_a_drain_lets_a_stream_end(self, start_bridge, backend, open_client, stubs, key):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        client = open_client(f"{bridge.host}:{bridge.port}")
        order = stubs.echo.CountRequest(key=key, count=4, on_observe=True)
        replies = client.trouble.Count(order, timeout=30)
        assert next(replies).index == 0
        idle = open_client(f"{bridge.host}:{bridge.port}")
        assert idle.unary("Echo")(b"x", timeout=20) == b"x"
        bridge.signal(signal.SIGTERM)
        time.sleep(2.5)
        assert bridge.is_running()
        for index in range(1, 4):
            backend.observe(key)
            assert next(replies).index == index
        assert list(replies) == []
        bridge.ended_by_test = True
        until(lambda: not bridge.is_running(), "the bridge has ended", 10)
        assert bridge.child.returncode == 0


class TestOtherClients:
    """Clients that aren't gRPC clients, or not yet."""

    @pytest.mark.parametrize("cut", [1, 3, 14, 23])
    def test_a_preface_in_two_pieces(self, connect, cut):
        connection = connect()
        connection.socket.sendall(PREFACE[:cut])
        time.sleep(0.05)
        connection.socket.sendall(PREFACE[cut:] + SETTINGS)
        got = b""
        while len(got) < 9:
            got += connection.socket.recv(9 - len(got))
        assert got[3] == 4, "the first frame is SETTINGS"

    @pytest.mark.parametrize("part", [b"P", PREFACE[:20], PREFACE])
    def test_a_silent_client_is_closed(self, start_bridge, backend, part):
        bridge = start_bridge(
            {"test": service(backend.address, "echo")},
            limits={"request_read_timeout": "1s", "idle_timeout": "1s"},
        )
        with socket.create_connection((bridge.host, bridge.port), 15) as connection:
            connection.sendall(part)
            while connection.recv(1024):
                pass

    @pytest.mark.parametrize(
        "rest", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64, b"\xff" * 64, SETTINGS + b"\xff" * 64]
    )
    def test_invalid_http_2_after_the_preface(self, bridge, connect, rest):
        connection = connect()
        connection.socket.sendall(PREFACE + rest)
        try:
            while connection.socket.recv(1024):
                pass
        except ConnectionResetError:
            pass

    def test_a_method_that_begins_like_the_preface(self, bridge, http):
        reply = http.request("PRIX", f"{bridge.url}/v1/routes/7", timeout=20)
        assert reply.status_code == 501
