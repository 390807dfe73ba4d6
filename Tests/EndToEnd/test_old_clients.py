"""Requests of programs written for another server, with the options that accept them."""

import json
import subprocess

import pytest
from support.bridge import service

ALL = ("echo", "routes", "legacy")

OPTIONS = {
    "http": {
        "content_type": "any",
        "unexpected_body": "ignore",
        "query_under_body": "ignore",
        "slashes": "merge",
        "method_override": True,
    },
    "status_header": "x-http-code",
    "headers": {"grpc_metadata": True},
    "stream": {"envelope": "result"},
}


@pytest.fixture
def lenient(backend, start_bridge):
    return start_bridge({"test": service(backend.address, *ALL, timeout="20s", **OPTIONS)})


def curl(*arguments, http2=False):
    """Status and body."""
    protocol = ["--http2-prior-knowledge"] if http2 else []
    command = ["curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", *protocol, *arguments]
    ended = subprocess.run(command, capture_output=True, timeout=30)
    assert ended.returncode == 0, ended.stderr
    body, _, status = ended.stdout.rpartition(b"\n")
    return int(status), body.decode()


def bodies(text, charset):
    return json.dumps({"aString": text}, ensure_ascii=False).encode(charset)


class TestBodies:
    def test_a_body_declared_as_a_form(self, bridge, lenient):
        """curl -d declares its body as a form."""
        arguments = ("-d", '{"aString": "x"}')
        status, body = curl(*arguments, f"{bridge.url}/v1/echo")
        assert status == 415
        assert "services.test.http.content_type: any" in json.loads(body)["message"]
        for http2 in (False, True):
            status, body = curl(*arguments, f"{lenient.url}/v1/echo", http2=http2)
            assert (status, json.loads(body)) == (200, {"aString": "x"})

    def test_an_empty_content_type(self, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/echo",
            data=b'{"aString": "x"}',
            headers={"Content-Type": ""},
            timeout=20,
        )
        assert (reply.status_code, reply.json()) == (200, {"aString": "x"})

    @pytest.mark.parametrize(
        ("charset", "codec", "text"),
        [
            ("ISO-8859-1", "latin1", "Grüße"),
            ("windows-1252", "cp1252", "5 €"),
            ("GBK", "gbk", "你好"),
            ("gb18030", "gb18030", "你好 😀"),
            ("utf-16", "utf-16", "你 ü 😀"),
            ("utf-16", "utf-16-le", "ü"),
            ("UTF-16BE", "utf-16-be", "ü"),
        ],
    )
    def test_charsets(self, charset, codec, text, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/echo",
            data=bodies(text, codec),
            headers={"Content-Type": f"application/json; charset={charset}"},
            timeout=20,
        )
        assert (reply.status_code, reply.json()) == (200, {"aString": text})

    def test_an_unknown_charset(self, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/echo",
            data=b"{}",
            headers={"Content-Type": "application/json; charset=koi8-r"},
            timeout=20,
        )
        assert reply.status_code == 415
        assert "ISO-8859-1" in reply.json()["message"]

    def test_a_body_that_the_method_ignores(self, bridge, lenient, http):
        body = {"json": {"a": 1}, "timeout": 20}
        refused = http.get(f"{bridge.url}/v1/routes/7", **body)
        assert refused.status_code == 400
        assert "services.test.http.unexpected_body: ignore" in refused.json()["message"]
        for _ in range(2):
            accepted = http.get(f"{lenient.url}/v1/routes/7", **body)
            assert (accepted.status_code, accepted.json()["request"]) == (200, {"id": "7"})

    def test_a_query_below_the_body_field(self, lenient, http):
        reply = http.post(
            f"{lenient.url}/v1/routes/7/part?part.number=3&note=n", json={"id": "p"}, timeout=20
        )
        assert reply.json()["request"] == {"id": "7", "part": {"id": "p"}, "note": "n"}
        reply = http.post(f"{lenient.url}/v1/echo?aString=q", json={"aString": "x"}, timeout=20)
        assert reply.json() == {"aString": "x"}


class TestTargets:
    def test_a_base_url_that_ends_in_a_slash(self, bridge, lenient):
        status, body = curl(f"{bridge.url}//v1/routes/7")
        assert status == 404
        assert "services.test.http.slashes: merge" in json.loads(body)["message"]
        for http2 in (False, True):
            status, body = curl(f"{lenient.url}//v1///routes/7?note=a//b", http2=http2)
            assert status == 200
            assert json.loads(body)["request"] == {"id": "7", "note": "a//b"}

    def test_a_get_whose_query_is_a_form(self, lenient):
        override = ("-H", "X-HTTP-Method-Override: GET", "-d", "note=" + "x" * 100_000)
        for http2 in (False, True):
            status, body = curl(*override, f"{lenient.url}/v1/routes/7", http2=http2)
            assert status == 200
            assert json.loads(body)["request"] == {"id": "7", "note": "x" * 100_000}
        status, _ = curl("-H", "X-HTTP-Method-Override: DELETE", "-d", "", f"{lenient.url}/v1/routes/7")
        assert status == 400


class TestResponses:
    @pytest.mark.parametrize("http2", [False, True])
    def test_a_status_of_success(self, http2, lenient):
        for code, status, has_body in [
            ("201", 201, True), ("204", 204, False), ("304", 304, False), ("302", 302, True),
            ("404", 200, True), ("x", 200, True),
        ]:  # fmt: skip
            url = f"{lenient.url}/v1/metadata?headers[x-http-code]={code}&headers[location]=/b"
            found, body = curl("-g", url, http2=http2)
            assert (found, body != "") == (status, has_body)
            _, head = curl("-g", "-D", "-", "-o", "/dev/null", url, http2=http2)
            assert "x-http-code" not in head.lower()
            assert "\nlocation: /b\r\n" in head

    def test_a_status_without_a_body_keeps_the_connection(self, lenient, connect):
        connection = connect(lenient)
        for code in (204, 304, 205, 201):
            connection.request("GET", f"/v1/metadata?headers[x-http-code]={code}")
            to = "HEAD" if code in (204, 304) else "GET"
            assert connection.read_response(to_method=to).status == code

    def test_metadata_named_as_by_grpc_gateway(self, lenient, http):
        reply = http.get(
            f"{lenient.url}/v1/metadata?headers[x-cost]=7&trailers[x-sum]=8",
            headers={"Grpc-Metadata-X-Team": "legacy", "Grpc-Metadata-TE": "x"},
            timeout=20,
        )
        assert reply.headers["Grpc-Metadata-X-Cost"] == "7"
        assert reply.headers["Grpc-Trailer-X-Sum"] == "8"
        assert "x-cost" not in reply.headers
        sent = {entry["name"]: entry["value"] for entry in reply.json()["entries"]}
        assert sent["x-team"] == "legacy"
        assert not [name for name in sent if name.startswith("grpc-metadata")]

    def test_the_envelope_of_a_stream(self, lenient, http):
        url = f"{lenient.url}/v1/count/5?failAfter=2"
        reply = http.get(url, headers={"Accept": "application/x-ndjson"}, timeout=20)
        first, second, error = [json.loads(line) for line in reply.text.splitlines()]
        assert (first, second) == ({"result": {}}, {"result": {"index": 1}})
        assert (list(error), error["error"]["code"]) == (["error"], 15)

    @pytest.mark.parametrize("http2", [False, True])
    def test_content_fields(self, http2, bridge):
        """Fields that describe neither framing nor bytes pass in both directions."""
        fields = {
            "content-disposition": 'attachment; filename="a.zip"',
            "content-language": "de",
            "content-security-policy": "default-src 'none'",
        }
        query = [("--data-urlencode", f"headers[{name}]={value}") for name, value in fields.items()]
        sent = [("-H", f"{name}: {value}") for name, value in fields.items()]
        arguments = [argument for pair in query + sent for argument in pair]
        status, text = curl("-G", "-D", "-", *arguments, f"{bridge.url}/v1/metadata", http2=http2)
        assert status == 200
        head, _, body = text.partition("\r\n\r\n")
        for name, value in fields.items():
            assert f"\n{name}: {value}" in head
        entries = {entry["name"]: entry["value"] for entry in json.loads(body)["entries"]}
        assert {name: entries.get(name) for name in fields} == fields
        assert "content-length" not in entries

    def test_a_preflight_without_cors_suggests_the_setting(self, bridge, http):
        reply = http.options(
            f"{bridge.url}/v1/echo",
            headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
            timeout=20,
        )
        assert reply.status_code == 405
        assert "services.test.cors.origins" in reply.json()["message"]


class TestLog:
    def test_errors_and_invalid_requests(self, backend, start_bridge, connect, http):
        bridge = start_bridge({"test": service(backend.address, *ALL)}, threads=1)
        http.get(f"{bridge.url}/v1/fail/5?message=no%20such%20thing", timeout=20)
        http.get(f"{bridge.url}/v1/rotes/7?token=s3cret", timeout=20)
        connection = connect(bridge)
        connection.send("GET  /v1/routes/7?token=s3cret HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.read_response().status == 400
        connection = connect(bridge)
        connection.send("GET /v1/rou tes?token=s3cret HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.read_response().status == 400
        bridge.ended_by_test = True
        bridge.stop_cleanly()
        failed, missed, spaces, spaced = bridge.access_log()
        assert (failed["reason"], failed["message"]) == ("", "no such thing")
        assert missed["reason"] == "ROUTE_NOT_FOUND"
        assert "/v1/routes/{id}" in missed["message"]
        assert (spaces["status"], spaces["reason"]) == (400, "MALFORMED_REQUEST")
        assert (spaced["path"], spaced["method"]) == ("/v1/rou", "GET")
        assert "s3cret" not in bridge.output
