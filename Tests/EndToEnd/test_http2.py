"""JSON over cleartext HTTP/2 (prior knowledge), by curl: the same responses as over HTTP/1.1."""

import json
import os
import subprocess
import time

import pytest
from support.bridge import service
from support.processes import until


class Reply:
    """curl's result: status, fields in lower case, body, trailers among the fields."""

    def __init__(self, done):
        self.code = done.returncode
        head, _, self.body = done.stdout.partition(b"\r\n\r\n")
        while b" 100" in head.split(b"\r\n")[0]:
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        # curl prints nothing of a response whose reset it reads together with the head.
        self.version, self.status = None, None
        if lines[0]:
            self.version, self.status = lines[0].split(" ")[0], int(lines[0].split(" ")[1])
        self.fields = dict(line.split(": ", 1) for line in lines[1:])

    def json(self):
        return json.loads(self.body)


def curl(url, *arguments, data=None, data_in=None, version="--http2-prior-knowledge"):
    command = ["curl", "--disable", "--silent", "--include", version, "--max-time", "10"]
    if data is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(
        [*command, *arguments, url], input=data_in or data, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    return Reply(done)


JSON = ("--header", "Content-Type: application/json")


class TestSameAsOverHTTP1:
    @pytest.mark.parametrize(
        ("path", "arguments", "data"),
        [
            ("/v1/routes/7", (), None),
            ("/v1/echo", JSON, b'{"aString": "x", "aInt64": "5"}'),
            ("/v1/echo", JSON, b'{"aString": '),
            ("/v1/echo", JSON, b'{"nothing": 1}'),
            ("/v1/echo", ("--header", "Content-Type: text/plain"), b"x"),
            ("/v1/echo", ("--header", "Content-Type: application/grpc-web"), b"x"),
            ("/v1/echo", ("--request", "DELETE"), None),
            ("/no/such/path", (), None),
            ("/v1/fail/5?message=gone", (), None),
            ("/v1/routes/%zz", (), None),
            ("/v1/count/3", ("--header", "Accept: application/json"), None),
            ("/v1/count/3", ("--header", "Accept: application/x-ndjson"), None),
            ("/v1/count/5?failAfter=3", ("--header", "Accept: application/x-ndjson"), None),
            ("/v1/count/3", ("--header", "Accept: text/event-stream"), None),
            ("/v1/count/0", ("--header", "Accept: application/x-ndjson"), None),
            ("/v1/big/1000000", ("--compressed",), None),
            ("/v1/echo", ("--request", "OPTIONS", "--request-target", "*"), None),
        ],
    )
    def test_status_and_body(self, bridge, path, arguments, data):
        over_1 = curl(bridge.url + path, *arguments, data=data, version="--http1.1")
        over_2 = curl(bridge.url + path, *arguments, data=data)
        assert over_2.version == "HTTP/2"
        assert (over_2.code, over_2.status, over_2.body) == (0, over_1.status, over_1.body)
        ignored = {"connection", "transfer-encoding", "date", "x-request-id", "keep-alive"}
        one, two = (
            {name: value for name, value in each.fields.items() if name.lower() not in ignored}
            for each in (over_1, over_2)
        )
        assert two == one
        assert not {"connection", "transfer-encoding", "keep-alive"} & over_2.fields.keys()

    def test_head(self, bridge):
        reply = curl(f"{bridge.url}/v1/routes/7", "--head")
        assert reply.code == 0 and reply.version == "HTTP/2" and reply.body == b""
        assert int(reply.fields.get("content-length", "1")) > 0

    def test_fields_both_ways(self, bridge):
        order = {"headers": {"x-back": "1"}, "trailers": {"x-end": "2"}}
        reply = curl(
            f"{bridge.url}/v1/metadata", *JSON, "--header", "X-Team: a", "--header", "TE: trailers",
            "--header", "X-Request-Id: mine", "--cookie", "a=1; b=2",
            data=json.dumps(order).encode(),
        )  # fmt: skip
        assert reply.status == 200 and reply.fields["x-request-id"] == "mine"
        body, end = json.JSONDecoder().raw_decode(reply.body.decode())
        assert reply.fields["x-back"] == "1"
        assert reply.body[end:].decode().split() == ["grpc-trailer-x-end:", "2"]
        got = {entry["name"]: entry["value"] for entry in body["entries"]}
        assert got["x-team"] == "a" and got["x-request-id"] == "mine" and got["cookie"] == "a=1; b=2"
        assert "connection" not in got and "transfer-encoding" not in got

    def test_hosts(self, start_bridge, backend):
        bridge = start_bridge({"test": service(backend.address, "routes", hosts=["a.internal"])})
        assert curl(f"{bridge.url}/v1/routes/7").status == 404
        named = ("--connect-to", f"a.internal:80:{bridge.host}:{bridge.port}")
        assert curl("http://a.internal/v1/routes/7", *named).status == 200


class TestSize:
    def test_a_large_body_and_response(self, bridge):
        text = "x" * (3 << 20)
        reply = curl(f"{bridge.url}/v1/echo", *JSON, data=json.dumps({"aString": text}).encode())
        assert (reply.code, reply.status) == (0, 200)
        assert reply.json() == {"aString": text}

    def test_a_body_that_is_too_large(self, bridge):
        data = json.dumps({"aString": "x" * (6 << 20)}).encode()
        reply = curl(f"{bridge.url}/v1/echo", *JSON, data=data)
        assert reply.status == 413 and reply.json()["code"] == 8

    def test_a_body_without_a_length(self, bridge):
        text = "y" * 100_000
        done = subprocess.run(
            ["curl", "--disable", "--silent", "--include", "--http2-prior-knowledge", *JSON,
             "--request", "POST", "--upload-file", "-", f"{bridge.url}/v1/echo"],
            input=json.dumps({"aString": text}).encode(), capture_output=True, timeout=60,
            check=False,
        )  # fmt: skip
        reply = Reply(done)
        assert reply.status == 200 and reply.json() == {"aString": text}

    def test_a_head_that_is_too_large(self, start_bridge, backend):
        bridge = start_bridge(
            {"test": service(backend.address, "routes")}, limits={"head_bytes": "4KiB"}
        )
        for size in (3000, 20_000):
            reply = curl(f"{bridge.url}/v1/routes/7", "--header", "X-A: " + "a" * size)
            assert (reply.code, reply.status) == (0, 200 if size < 4000 else 431)

    def test_a_large_response(self, bridge):
        reply = curl(f"{bridge.url}/v1/big/{8 << 20}")
        assert (reply.code, reply.status) == (0, 200)
        assert len(reply.json()["data"]) > 8 << 20

    def test_a_long_stream(self, bridge):
        reply = curl(f"{bridge.url}/v1/count/20000", "--header", "Accept: application/x-ndjson")
        assert reply.code == 0
        assert reply.body.count(b"\n") == 20_000


class TestFields:
    def test_more_than_accepted(self, bridge):
        many = [part for number in range(120) for part in ("--header", f"X-{number}: 1")]
        assert curl(f"{bridge.url}/v1/big/3", *many).status == 431
        assert curl(f"{bridge.url}/v1/big/3", *many[:160]).status == 200


class TestMethods:
    def test_a_method_that_http_1_does_not_define(self, start_bridge, backend):
        rules = [
            {
                "selector": "bridge.test.EchoService.Big",
                "custom": {"kind": "FROB", "path": "/v1/frob/{size}"},
            }
        ]
        bridge = start_bridge({"test": service(backend.address, "echo", http_rules=rules)})
        reply = curl(f"{bridge.url}/v1/frob/3", "-X", "FROB")
        assert (reply.status, len(reply.json()["data"])) == (200, 4), "three bytes in base64"
        assert curl(f"{bridge.url}/v1/frob/3", "-X", "FROB", version="--http1.1").status == 501


class TestRequestsAsStreams:
    def test_lines(self, bridge):
        body = b"".join(b'{"number":%d}\n' % number for number in range(20000))
        reply = curl(f"{bridge.url}/v1/sum", "--upload-file", "-", "-X", "POST", data_in=body)
        assert (reply.version, reply.status) == ("HTTP/2", 200)
        assert (reply.json()["messages"], reply.json()["total"]) == (20000, "199990000")

    def test_both_ways(self, bridge):
        message = json.dumps({"text": "y" * 60000}).encode() + b"\n"
        reply = curl(
            f"{bridge.url}/v1/chat", "--upload-file", "-", "-X", "POST", data_in=message * 500
        )
        assert reply.code == 0
        replies = reply.body.splitlines()
        assert len(replies) == 500
        assert json.loads(replies[-1])["index"] == 499

    def test_an_error_after_replies(self, bridge):
        body = b'{"text":"1"}\n{"text":"2"}\n{"txet":"3"}\n'
        reply = curl(f"{bridge.url}/v1/chat", "--upload-file", "-", "-X", "POST", data_in=body)
        assert b"message 3 of the stream: txet: " in reply.body


class TestLife:
    def test_a_truncated_response_is_an_error(self, bridge):
        reply = curl(
            f"{bridge.url}/v1/count/5?failAfter=3", "--header", "Accept: application/json"
        )
        assert reply.code == 92  # a stream that was reset
        with pytest.raises(json.JSONDecodeError):
            reply.json()

    def test_messages_arrive_one_by_one(self, bridge, backend, key):
        child = subprocess.Popen(
            ["curl", "--disable", "--silent", "--no-buffer", "--http2-prior-knowledge",
             "--header", "Accept: application/x-ndjson",
             f"{bridge.url}/v1/count/3?key={key}&onObserve=true"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        for index in range(3):
            assert json.loads(child.stdout.readline()).get("index", 0) == index
            backend.observe(key)
        assert child.stdout.read() == b""
        assert child.wait(20) == 0

    def test_a_client_that_disconnects_cancels(self, bridge, backend, key):
        child = subprocess.Popen(
            ["curl", "--disable", "--silent", "--http2-prior-knowledge", f"{bridge.url}/v1/hang/{key}"]
        )
        backend.wait_for_state(key, "RUNNING")
        child.kill()
        child.wait()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_does_not_read(self, start_bridge, backend, key):
        """Backpressure reaches the endpoint, and the bridge buffers little."""
        bridge = start_bridge({"test": service(backend.address, "echo", timeout="60s")})
        curl(f"{bridge.url}/v1/count/1")
        before = resident(bridge)
        child = subprocess.Popen(
            ["curl", "--disable", "--silent", "--http2-prior-knowledge",
             "--header", "Accept: application/x-ndjson",
             f"{bridge.url}/v1/count/2000?key={key}&textSize=65536"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        last = -1
        while last != (now := backend.observe(key).sent):
            last = now
            time.sleep(1)
        assert 0 < last < 2000
        assert resident(bridge) - before < 48 << 20
        assert child.stdout.read().count(b"\n") == 2000
        assert child.wait(20) == 0

    def test_the_access_log(self, start_bridge, backend):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        curl(f"{bridge.url}/v1/echo", *JSON, data=b"{}")
        until(lambda: bridge.access_log(), "there's a line in the log")
        (line,) = bridge.access_log()
        assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/echo", 200)
        assert line["rpc"] == "/bridge.test.EchoService/Echo"


def resident(bridge):
    """Resident memory of the process in bytes."""
    with open(f"/proc/{bridge.child.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
