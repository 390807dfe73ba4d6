"""Calls over time: deadlines, server streams, metadata, clients that disconnect."""

import base64
import json
import time

import pytest
from support.bridge import service
from support.processes import until
from support.raw import Closed


def lines(response):
    """The messages of a complete stream."""
    return [json.loads(line) for line in response.text.splitlines()]


class TestDeadlines:
    def test_the_configured_timeout(self, start_bridge, backend, http, key):
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="300ms")})
        began = time.monotonic()
        reply = http.get(f"{bridge.url}/v1/slow", params={"key": key, "delay": "30s"}, timeout=20)
        assert (reply.status_code, reply.json()["code"]) == (504, 4)
        assert time.monotonic() - began < 15
        expected = f"no response from {backend.address} within 300ms (services.test.timeout)"
        assert reply.json()["message"] == expected
        assert reply.json()["details"][0]["reason"] == "DEADLINE_EXCEEDED"
        observation = backend.wait_for_expiry(key)
        assert 0 < observation.remaining.ToMilliseconds() <= 300

    @pytest.mark.parametrize("sent", ["250m", "250000u", "99999999n"])
    def test_the_timeout_of_the_client(self, sent, bridge, backend, http, key):
        reply = http.get(
            f"{bridge.url}/v1/slow", params={"key": key, "delay": "30s"},
            headers={"grpc-timeout": sent}, timeout=15,
        )  # fmt: skip
        assert (reply.status_code, reply.json()["code"]) == (504, 4)
        assert reply.json()["message"].endswith("(the request's own timeout)")
        assert reply.json()["details"][0]["reason"] == "DEADLINE_EXCEEDED"
        observation = backend.wait_for_expiry(key)
        assert 0 < observation.remaining.ToMilliseconds() <= 250

    @pytest.mark.parametrize("name", ["X-Server-Timeout", "Request-Timeout"])
    def test_a_timeout_in_seconds_ends_the_call(self, name, bridge, backend, http, key):
        reply = http.get(
            f"{bridge.url}/v1/hang/{key}", headers={name: "0.25", "grpc-timeout": "10S"}, timeout=15
        )
        assert (reply.status_code, reply.json()["code"]) == (504, 4)
        observation = backend.wait_for_expiry(key)
        assert 0 < observation.remaining.ToMilliseconds() <= 250

    @pytest.mark.parametrize("sent", ["", "1s", "-1", "soon", "1,5"])
    def test_invalid_seconds(self, sent, bridge, http):
        reply = http.get(f"{bridge.url}/v1/slow", headers={"X-Server-Timeout": sent}, timeout=15)
        assert (reply.status_code, reply.json()["code"]) == (400, 3)
        assert "such as 30 or 2.5" in reply.json()["message"]

    def test_the_shorter_timeout_applies(self, start_bridge, backend, http):
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="10s")})
        for sent, most in (("1H", 10), ("4S", 4), (None, 10)):
            headers = {"grpc-timeout": sent} if sent else {}
            reply = http.get(f"{bridge.url}/v1/slow", headers=headers, timeout=15)
            assert reply.status_code == 200, reply.text
            left = float(reply.json()["remaining"].removesuffix("s"))
            assert most - 3 < left <= most

    @pytest.mark.parametrize("sent", ["", "5", "S", "1.5S", "-1S", "123456789S", "5 S", "5s"])
    def test_an_invalid_timeout(self, sent, bridge, http):
        reply = http.get(f"{bridge.url}/v1/slow", headers={"grpc-timeout": sent}, timeout=15)
        assert (reply.status_code, reply.json()["code"]) == (400, 3)
        assert "grpc-timeout" in reply.json()["message"]

    def test_a_deadline_within_a_stream(self, bridge, backend, http, key):
        reply = http.post(
            f"{bridge.url}/v1/count", json={"key": key, "count": 3, "interval": "30s"},
            headers={"grpc-timeout": "400m"}, timeout=15,
        )  # fmt: skip
        assert reply.status_code == 200
        first, last = lines(reply)
        assert first == {} or first["index"] == 0
        assert last["error"]["code"] == 4
        backend.wait_for_expiry(key)


class TestStreams:
    def test_one_line_per_message(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/5?textSize=3", timeout=20)
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("application/x-ndjson")
        assert [line.get("index", 0) for line in lines(reply)] == [0, 1, 2, 3, 4]
        assert {line["text"] for line in lines(reply)} == {"xxx"}
        assert reply.text.endswith("\n")

    def test_an_empty_stream(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/0", timeout=20)
        assert (reply.status_code, reply.text) == (200, "")

    def test_a_long_stream(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/20000", timeout=60)
        assert [line.get("index", 0) for line in lines(reply)] == list(range(20_000))

    def test_large_messages(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/20?textSize=1000000", timeout=60)
        assert [len(line["text"]) for line in lines(reply)] == [1_000_000] * 20

    def test_each_message_arrives_separately(self, bridge, backend, connect, key):
        """The server sends the next message only after the test reports that the previous one arrived."""
        connection = connect()
        connection.request("GET", f"/v1/count/5?key={key}&onObserve=true")
        assert connection.read_head()[1] == 200
        text = b""
        for index in range(5):
            while text.count(b"\n") <= index:
                chunk = connection.read_chunk()
                assert chunk, "the stream ended early"
                text += chunk
            assert text.count(b"\n") == index + 1
            backend.observe(key)
        assert connection.read_chunk() == b""
        assert [json.loads(line).get("index", 0) for line in text.splitlines()] == [0, 1, 2, 3, 4]

    def test_an_error_before_the_first_message(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/5?failAfter=0", timeout=20)
        assert (reply.status_code, reply.json()["code"]) == (500, 15)

    def test_an_error_midway_is_the_last_line(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/5?failAfter=3", timeout=20)
        assert reply.status_code == 200
        *messages, last = lines(reply)
        assert [message.get("index", 0) for message in messages] == [0, 1, 2]
        assert set(last) == {"error"}
        assert (last["error"]["code"], last["error"]["message"]) == (15, "lost count")
        assert last["error"]["details"][0]["reason"] == "OUT_OF_STOCK"

    def test_a_stream_to_http_1_0_ends_with_the_connection(self, connect):
        connection = connect()
        connection.request("GET", "/v1/count/3", version="HTTP/1.0")
        response = connection.read_response()
        assert response.header("transfer-encoding") is None
        assert len(response.body.splitlines()) == 3

    def test_the_connection_is_reusable_after_a_stream(self, connect):
        connection = connect()
        for _ in range(3):
            connection.request("GET", "/v1/count/2")
            assert len(connection.read_response().body.splitlines()) == 2

    def test_a_slow_reader_slows_the_server(self, bridge, backend, connect, key):
        """No more is sent than fits in windows and buffers: nowhere near the requested gigabyte."""
        connection = connect()
        connection.request("GET", f"/v1/count/1000?key={key}&textSize=1000000")
        assert connection.read_head()[1] == 200
        counts = []

        def is_stalled():
            counts.append(backend.observe(key).sent)
            return len(counts) > 50 and counts[-50] == counts[-1]

        until(is_stalled, "the server stops sending", 60)
        assert 0 < counts[-1] < 200
        for _ in range(3):
            connection.read_until(b"\n")
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")


class TestMetadata:
    def test_headers_become_metadata(self, bridge, http):
        reply = http.get(
            f"{bridge.url}/v1/metadata",
            headers={
                "X-Team": "legacy", "X-Empty": "", "Authorization": "Bearer token",
                "X-Raw-Bin": base64.b64encode(b"\x00\xff\x10").decode().rstrip("="),
                "X-Keep": "a, b; c=\"d\"", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
            },
            timeout=20,
        )  # fmt: skip
        assert reply.status_code == 200, reply.text
        entries = [(entry["name"], entry.get("value", "")) for entry in reply.json()["entries"]]
        got = dict(entries)
        assert got["x-team"] == "legacy"
        assert got["authorization"] == "Bearer token"
        assert got["x-keep"] == 'a, b; c="d"'
        assert got["traceparent"].startswith("00-a")
        assert base64.b64decode(got["x-raw-bin"]) == b"\x00\xff\x10"

    def test_the_request_id_is_forwarded_and_logged(self, start_bridge, backend, http):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        sent = ["mine-1", None, "not kept"]
        replies = [
            http.get(
                f"{bridge.url}/v1/metadata", headers={"X-Request-Id": value} if value else {},
                timeout=20,
            )
            for value in sent
        ]  # fmt: skip
        ids = [reply.headers["x-request-id"] for reply in replies]
        for reply, name in zip(replies, ids, strict=True):
            entries = [entry["value"] for entry in reply.json()["entries"]
                       if entry["name"] == "x-request-id"]  # fmt: skip
            assert entries == [name]
        assert ids[0] == "mine-1"
        assert len(ids[1]) == len(ids[2]) == 36
        assert ids[1] != ids[2]
        until(lambda: [line["id"] for line in bridge.access_log()] == ids, "the ids in the log")

    def test_an_allow_list(self, start_bridge, backend, http):
        rules = {"allow": ["x-team*"], "deny": ["x-team-secret"]}
        bridge = start_bridge({"test": service(backend.address, "echo", headers=rules)})
        sent = {"X-Team": "1", "X-Team-A": "2", "X-Team-Secret": "3", "Cookie": "a=b"}
        reply = http.get(f"{bridge.url}/v1/metadata", headers=sent, timeout=20)
        got = {entry["name"] for entry in reply.json()["entries"]}
        assert {"x-team", "x-team-a", "x-request-id"} <= got
        assert not {"x-team-secret", "cookie", "accept-language"} & got

    @pytest.mark.parametrize(
        ("setting", "expected"),
        [(None, "1.2.3.4, 127.0.0.1"), ("keep", "1.2.3.4"), ("drop", None)],
    )
    def test_forwarded(self, setting, expected, start_bridge, backend, http):
        more = {"forwarded": setting} if setting else {}
        bridge = start_bridge({"test": service(backend.address, "echo", **more)})
        reply = http.get(
            f"{bridge.url}/v1/metadata", headers={"X-Forwarded-For": "1.2.3.4"}, timeout=20
        )
        got = {entry["name"]: entry["value"] for entry in reply.json()["entries"]}
        assert got.get("x-forwarded-for") == expected

    def test_a_repeated_header_is_sent_repeatedly(self, connect):
        connection = connect()
        connection.request("GET", "/v1/metadata", [("X-Many", "1"), ("X-Many", "2")])
        entries = connection.read_response().json()["entries"]
        values = [entry["value"] for entry in entries if entry["name"] == "x-many"]
        assert values in (["1", "2"], ["1,2"], ["1, 2"])

    def test_connection_fields_are_not_forwarded(self, connect):
        connection = connect()
        connection.request(
            "POST", "/v1/metadata",
            {
                "Connection": "keep-alive, X-Mine", "X-Mine": "1", "Keep-Alive": "timeout=5",
                "Proxy-Connection": "keep-alive", "Proxy-Authorization": "Basic eDp5", "TE": "gzip",
                "Accept-Encoding": "identity", "grpc-encoding": "gzip", "grpc-status": "3",
                "Upgrade": "websocket",
            },
            {},
        )  # fmt: skip
        response = connection.read_response()
        assert response.status == 200, response.body
        names = {entry["name"] for entry in response.json().get("entries", [])}
        forbidden = {
            "connection", "x-mine", "keep-alive", "proxy-connection", "proxy-authorization", "te",
            "grpc-encoding", "grpc-status", "upgrade", "host", "content-length",
            "transfer-encoding",
        }  # fmt: skip
        assert names & forbidden == set()

    def test_configured_metadata_is_sent_with_every_call(self, start_bridge, backend, http):
        bridge = start_bridge(
            {
                "test": service(
                    backend.address, "echo", metadata={"x-team": "legacy", "x-other": "1"},
                    auth={"scheme": "bearer", "token_env": "BRIDGE_TEST_TOKEN"},
                )
            },
            environment={"BRIDGE_TEST_TOKEN": "from-the-environment"},
        )  # fmt: skip
        reply = http.get(f"{bridge.url}/v1/metadata", timeout=20)
        got = {entry["name"]: entry["value"] for entry in reply.json()["entries"]}
        assert (got["x-team"], got["x-other"]) == ("legacy", "1")
        assert got["authorization"] == "Bearer from-the-environment"
        assert "from-the-environment" not in bridge.output + bridge.errors

    def test_metadata_becomes_headers_and_trailers(self, bridge, connect):
        connection = connect()
        raw = base64.b64encode(b"\x00\xff").decode()
        connection.request(
            "POST", "/v1/metadata", {},
            {
                "headers": {"x-down": "first", "x-down-two": "a b"},
                "trailers": {"x-last": "second"},
                "binaryHeaders": {"x-raw-bin": raw},
                "binaryTrailers": {"x-raw-last-bin": raw},
            },
        )  # fmt: skip
        response = connection.read_response()
        assert response.status == 200, response.body
        assert response.header("x-down") == "first"
        assert response.header("x-down-two") == "a b"
        assert (response.header("x-raw-bin") or "").rstrip("=") == raw.rstrip("=")
        assert response.header("grpc-trailer-x-last") == "second"
        assert (response.header("grpc-trailer-x-raw-last-bin") or "").rstrip("=") == raw.rstrip("=")

    def test_trailers_follow_the_body_when_accepted(self, connect):
        connection = connect()
        for _ in range(2):
            connection.request(
                "POST", "/v1/metadata", {"TE": "trailers", "Connection": "TE"},
                {"trailers": {"x-last": "second"}},
            )  # fmt: skip
            response = connection.read_response()
            assert response.status == 200, response.body
            assert response.json()["entries"]
            assert response.header("trailer") == "grpc-trailer-x-last"
            assert response.header("grpc-trailer-x-last") is None
            assert connection.trailers == [("grpc-trailer-x-last", "second")]

    @pytest.mark.parametrize("where", ["headers", "trailers"])
    def test_metadata_cannot_break_the_reply(self, where, connect):
        """A server may send metadata with the names of HTTP/1.1 framing fields."""
        connection = connect()
        fields = {"content-encoding": "gzip", "trailer": "x-fine", "content-range": "bytes 0-1/2"}
        connection.request("POST", "/v1/metadata", {}, {where: fields | {"x-fine": "1"}})
        response = connection.read_response()
        assert response.status == 200, response.body
        assert response.json()["entries"]
        assert response.header("content-encoding") is None
        connection.request("POST", "/v1/metadata", {}, {})
        assert connection.read_response().status == 200


class TestCancellation:
    def test_a_client_that_leaves_cancels_its_call(self, backend, connect, key):
        connection = connect()
        connection.request("GET", f"/v1/hang/{key}")
        backend.wait_for_state(key, "RUNNING")
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_closes_cancels_its_call(
        self, start_bridge, backend, connect, key
    ):
        """A close looks like a half-close by a client that still reads, so detection takes a while."""
        bridge = start_bridge(
            {"test": service(backend.address, "echo")}, limits={"half_closed_timeout": "300ms"}
        )
        connection = connect(bridge)
        connection.request("GET", f"/v1/hang/{key}")
        backend.wait_for_state(key, "RUNNING")
        connection.socket.close()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_leaves_cancels_its_stream(self, backend, connect, key):
        connection = connect()
        connection.request("GET", f"/v1/count/3?key={key}&interval=30s")
        assert connection.read_head()[1] == 200
        assert connection.read_chunk()
        backend.wait_for_state(key, "RUNNING")
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")

    def test_other_calls_continue(self, backend, bridge, connect, http, key):
        staying = connect()
        staying.request("GET", f"/v1/slow?key={key}-stays&delay=2s")
        backend.wait_for_state(f"{key}-stays", "RUNNING")
        leaving = connect()
        leaving.request("GET", f"/v1/hang/{key}")
        backend.wait_for_state(key, "RUNNING")
        leaving.reset()
        backend.wait_for_state(key, "CANCELLED")
        assert staying.read_response().status == 200
        backend.wait_for_state(f"{key}-stays", "FINISHED")

    def test_pipelined_requests_of_a_client_that_leaves(self, backend, connect, key):
        connection = connect()
        connection.request("GET", f"/v1/hang/{key}")
        connection.request("GET", f"/v1/hang/{key}-second")
        backend.wait_for_state(key, "RUNNING")
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")
        with pytest.raises((Closed, OSError)):
            connection.read_head()
