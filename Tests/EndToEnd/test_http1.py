"""Valid and invalid HTTP/1.1: what a client can do to the bridge on a bare socket."""

import json
import random
import subprocess

import pytest
from support.bridge import service
from support.processes import until
from support.raw import Closed, chunked, request_bytes

JSON = {"Content-Type": "application/json"}


def post(text="x", **more):
    return request_bytes("POST", "/v1/echo", JSON, {"aString": text}, **more)


class TestWellFormed:
    def test_keep_alive(self, connect):
        connection = connect()
        for index in range(20):
            connection.send(post(f"call {index}"))
            response = connection.read_response()
            assert response.version == "HTTP/1.1"
            assert (response.status, response.json()) == (200, {"aString": f"call {index}"})

    def test_several_requests_in_one_write_are_served_in_order(self, connect):
        connection = connect()
        connection.send(b"".join(post(f"call {index}") for index in range(30)))
        for index in range(30):
            assert connection.read_response().json() == {"aString": f"call {index}"}

    def test_a_fast_response_waits_for_the_slow_one_before_it(self, connect, backend, key):
        connection = connect()
        slow = request_bytes("GET", f"/v1/slow?key={key}&delay=1s")
        missing = request_bytes("GET", "/no/such/path")
        connection.send(slow, post("fast"), missing, post("last"))
        assert "remaining" in connection.read_response().json()
        assert connection.read_response().json() == {"aString": "fast"}
        assert connection.read_response().status == 404
        assert connection.read_response().json() == {"aString": "last"}

    def test_a_request_byte_by_byte(self, connect):
        connection = connect()
        for byte in post("slowly") + post("again"):
            connection.send(bytes([byte]))
        assert connection.read_response().json() == {"aString": "slowly"}
        assert connection.read_response().json() == {"aString": "again"}

    @pytest.mark.parametrize(
        "parts",
        [
            [b'{"aString": "x"}'],
            [b'{"aSt', b'ring": ', b'"x"}'],
            [bytes([byte]) for byte in b'{"aString": "x"}'],
        ],
        ids=["one chunk", "three chunks", "a byte a chunk"],
    )
    def test_chunked_bodies(self, parts, connect):
        connection = connect()
        head = request_bytes("POST", "/v1/echo", JSON | {"Transfer-Encoding": "chunked"})
        for _ in range(2):
            connection.send(head, chunked(*parts))
            assert connection.read_response().json() == {"aString": "x"}

    def test_a_chunked_body_with_extensions_and_trailers(self, connect):
        connection = connect()
        head = request_bytes("POST", "/v1/echo", JSON | {"Transfer-Encoding": "chunked"})
        connection.send(head, b'2;a=b;c="d"\r\n{}\r\n0\r\nX-After: 1\r\n\r\n', post("next"))
        assert connection.read_response().json() == {}
        assert connection.read_response().json() == {"aString": "next"}

    def test_http_1_0_closes(self, connect):
        connection = connect()
        connection.send(post("old", version="HTTP/1.0"))
        response = connection.read_response()
        assert (response.status, response.json()) == (200, {"aString": "old"})
        assert response.header("transfer-encoding") is None
        assert connection.is_closed_by_peer()

    def test_http_1_0_with_keep_alive(self, connect):
        connection = connect()
        for index in range(3):
            body = {"aString": str(index)}
            fields = JSON | {"Connection": "keep-alive"}
            connection.send(request_bytes("POST", "/v1/echo", fields, body, version="HTTP/1.0"))
            response = connection.read_response()
            assert response.json() == body
            if (response.header("connection") or "").lower() != "keep-alive":
                assert connection.is_closed_by_peer()
                break

    def test_connection_close(self, connect):
        connection = connect()
        connection.request("POST", "/v1/echo", JSON | {"Connection": "close"}, {})
        response = connection.read_response()
        assert response.status == 200
        assert (response.header("connection") or "").lower() == "close"
        assert connection.is_closed_by_peer()

    def test_expect_100_continue(self, connect):
        connection = connect()
        fields = JSON | {"Expect": "100-continue", "Content-Length": "2"}
        for _ in range(2):
            connection.request("POST", "/v1/echo", fields)
            _, status, _ = connection.read_head()
            assert status == 100
            connection.send(b"{}")
            assert connection.read_response().status == 200

    def test_expect_100_continue_with_the_body_at_once(self, connect):
        connection = connect()
        fields = JSON | {"Expect": "100-continue", "Content-Length": "2"}
        connection.send(request_bytes("POST", "/v1/echo", fields), b"{}", post("next"))
        statuses = []
        while len(statuses) < 3 and statuses.count(200) < 2:
            response = connection.read_response()
            statuses.append(response.status)
        assert statuses in ([100, 200, 200], [200, 200])

    def test_expect_100_continue_for_a_refused_request(self, connect):
        """No 100 Continue for a body that would be discarded."""
        connection = connect()
        fields = JSON | {"Expect": "100-continue", "Content-Length": str(1 << 30)}
        connection.request("POST", "/v1/echo", fields)
        assert connection.read_head()[1] == 413

    def test_another_expectation(self, connect):
        connection = connect()
        connection.request("POST", "/v1/echo", JSON | {"Expect": "miracles"}, {})
        assert connection.read_response().status in (200, 417)

    def test_head_is_get_without_the_body(self, connect):
        connection = connect()
        connection.request("GET", "/v1/routes/7")
        got = connection.read_response()
        connection.request("HEAD", "/v1/routes/7")
        response = connection.read_response(to_method="HEAD")
        assert response.status == 200
        assert response.header("content-type") == got.header("content-type")
        assert response.header("content-length") in (None, got.header("content-length"))
        connection.request("HEAD", "/no/such/path")
        assert connection.read_response(to_method="HEAD").status == 404
        connection.send(post("after"))
        assert connection.read_response().json() == {"aString": "after"}

    def test_head_of_a_stream(self, connect):
        connection = connect()
        connection.request("HEAD", "/v1/count/3")
        assert connection.read_response(to_method="HEAD").status == 200
        connection.send(post("after"))
        assert connection.read_response().json() == {"aString": "after"}

    def test_a_half_closed_client_still_gets_its_responses(self, connect, key):
        connection = connect()
        connection.send(request_bytes("GET", f"/v1/slow?key={key}&delay=0.3s"), post("last"))
        connection.end_sending()
        assert connection.read_response().status == 200
        assert connection.read_response().json() == {"aString": "last"}
        assert connection.is_closed_by_peer()

    def test_an_empty_line_before_a_request(self, connect):
        connection = connect()
        connection.send(b"\r\n\r\n", post("x"))
        assert connection.read_response().json() == {"aString": "x"}

    def test_an_absolute_target(self, connect):
        connection = connect()
        target = "http://anything.internal:8080/v1/routes/7?note=x"
        connection.request("GET", target, {"Host": "anything.internal:8080"})
        assert connection.read_response().json()["request"] == {"id": "7", "note": "x"}

    @pytest.mark.parametrize("target", ["example.org:443", "127.0.0.1:1", "[::1]:443"])
    def test_connect_is_refused(self, target, bridge, connect):
        connection = connect()
        connection.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
        response = connection.read_response()
        assert response.status == 405
        assert response.header("content-type") == "application/json"
        assert response.json()["message"]

    def test_options(self, connect):
        connection = connect()
        for target in ("*", "/v1/routes/7"):
            connection.request("OPTIONS", target)
            assert connection.read_response().status in (200, 204, 404, 405)

    def test_a_body_that_the_method_ignores(self, connect):
        """A body for a method without one is refused or ignored, but read: the next request is complete."""
        connection = connect()
        connection.request("GET", "/v1/routes/7", JSON, {"aString": "GET / HTTP/1.1\r\n\r\n"})
        assert connection.read_response().status in (200, 400)
        connection.send(post("after"))
        assert connection.read_response().json() == {"aString": "after"}

    def test_a_refused_body_does_not_become_a_request(self, connect):
        connection = connect()
        inner = request_bytes("GET", "/v1/routes/7").decode()
        connection.request("POST", "/no/such/path", JSON, inner)
        assert connection.read_response().status == 404
        try:
            connection.send(post("after"))
            assert connection.read_response().json() == {"aString": "after"}
        except (Closed, BrokenPipeError, ConnectionResetError):
            pass  # closing is correct, too


class TestOldPrograms:
    """Requests of programs with their own HTTP implementation."""

    @pytest.mark.parametrize(
        ("line", "status", "words"),
        [
            ("GET /v1/routes/a b HTTP/1.1", 400, "write %20"),
            ("GET  /v1/routes/7 HTTP/1.1", 400, "an extra space"),
            ("GET /v1/routes/7  HTTP/1.1", 400, "an extra space"),
            ("GET\t/v1/routes/7\tHTTP/1.1", 400, "has a tab"),
            ("GET /v1/routes/7", 400, "has no version"),
            ("GET /v1/routes/7 http/1.1", 400, "in capitals"),
            ("GET /v1/routes/7 RTSP/1.0", 400, "another protocol?"),
            ("OPTIONS * RTSP/1.0", 400, "another protocol?"),
            ("GET /v1/routes/7 HTTP/1.2", 505, "use HTTP/1.1 or HTTP/1.0"),
            ("GET /v1/routes/7 HTTP/3.0", 505, "use HTTP/1.1 or HTTP/1.0"),
        ],
    )
    def test_the_error_names_what_is_wrong_with_the_request_line(self, line, status, words, connect):
        for ahead in (b"", post("before")):
            connection = connect()
            connection.send(ahead, f"{line}\r\nHost: x\r\n\r\n", post("after"))
            if ahead:
                assert connection.read_response().json() == {"aString": "before"}
            response = connection.read_response()
            assert response.status == status
            assert words in response.json()["message"]
            assert connection.is_closed_by_peer()

    @pytest.mark.parametrize(
        "head", ["GET /v1/routes/7 HTTP/1.1\nHost: x\n\n",
                 "GET /v1/routes/7 HTTP/1.1\r\nHost: x\nX-A: b\r\n\r\n"]
    )  # fmt: skip
    def test_the_error_names_a_bare_line_feed(self, head, connect):
        connection = connect()
        connection.send(head)
        response = connection.read_response()
        assert (response.status, "bare LF" in response.json()["message"]) == (400, True)

    def test_a_target_that_is_not_encoded(self, connect):
        connection = connect()
        for piece in (1, 1000):
            request = "GET /v1/routes/größe?note=日本%20x HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            for start in range(0, len(request), piece):
                connection.send(request[start : start + piece])
            asked = connection.read_response().json()["request"]
            assert asked == {"id": "größe", "note": "日本 x"}
        connection.send(b"GET /v1/routes/gr\xf6\xdfe HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.read_response().status == 400
        connection.send(post("after"))
        assert connection.read_response().json() == {"aString": "after"}

    def test_clients_that_offer_http2_keep_their_connection(self, bridge):
        """curl --http2 offers h2c by Upgrade on each connection, with a body too."""
        url = f"{bridge.url}/v1/routes/7"
        asked = ["-o", "/dev/null", "-w", "%{http_code} %{http_version} %{num_connects}\n"]
        first = ["curl", "-sS", "--http2", "--noproxy", "*", *asked, url, *asked, url, "--next"]
        second = ["--http2", "-sS", *asked, "-H", "Content-Type: application/json",
                  "-d", '{"aString": "x"}', f"{bridge.url}/v1/echo"]  # fmt: skip
        ended = subprocess.run(first + second, capture_output=True, text=True, timeout=30)
        assert ended.stdout.split("\n") == ["200 1.1 1", "200 1.1 0", "200 1.1 0", ""], ended


SMUGGLED = request_bytes("POST", "/v1/echo", JSON, {"key": "smuggled"})

MALFORMED = {
    "no HTTP at all": b"hello\r\n\r\n",
    "a TLS greeting": bytes.fromhex("16030100a5010000a10303") + b"\x00" * 160,
    "zero bytes": b"\x00" * 400,
    "no version": b"GET /v1/routes/7\r\nHost: x\r\n\r\n",
    "an invalid version": b"GET /v1/routes/7 HTTP/x.y\r\nHost: x\r\n\r\n",
    "an unsupported version": b"GET /v1/routes/7 HTTP/3.7\r\nHost: x\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "a blank in the target": b"GET /v1/routes/a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "a control byte in the target": b"GET /v1/routes/\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a relative target": b"GET v1/routes/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method with a parenthesis": b"G(T /v1/routes/7 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /v1/routes/7 HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /v1/routes/7 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no colon": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "no name": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\n: value\r\n\r\n",
    "a blank before the colon": b"GET /v1/routes/7 HTTP/1.1\r\nHost : x\r\n\r\n",
    "a zero byte in a value": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "a bare return in a value": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n",
    "a folded field": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
    "an invalid length": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: two\r\n\r\n{}",
    "a negative length": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}",
    "a signed length": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
    "a length beyond 64 bits": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                               + b"9" * 40 + b"\r\n\r\n{}",
    "two lengths": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                   b"Content-Length: 3\r\n\r\n{}" + SMUGGLED,
    "two lengths in one field": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                b"Content-Length: 2, 3\r\n\r\n{}" + SMUGGLED,
    "a length and chunks": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a coding that is not chunked": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                    b"Transfer-Encoding: identity\r\n\r\n" + SMUGGLED,
    "chunked and then another": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a coding that looks like chunked": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked in HTTP/1.0 with a length": b"POST /v1/echo HTTP/1.0\r\nHost: x\r\n"
                                         b"Content-Length: 6\r\nTransfer-Encoding: chunked"
                                         b"\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "an invalid chunk size": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                 b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a sign": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk size in C notation": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n"
                                   b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than declared": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\n"
                                           b"Transfer-Encoding: chunked\r\n\r\n"
                                           b"1\r\n{}\r\n0\r\n\r\n",
    "too many fields": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\n"
                       + b"".join(b"X-%d: 1\r\n" % index for index in range(200)) + b"\r\n",
    "an endless head": b"GET /v1/routes/7 HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (200 << 10),
    "an endless target": b"GET /" + b"x" * (200 << 10),
    "an endless method": b"G" * (200 << 10),
    "endless trailers": b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
                            b"\r\n\r\n2\r\n{}\r\n0\r\n" + b"X-T: " + b"y" * (200 << 10),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_survives(name, bridge, backend, connect, stubs, http):
    """An error or a closed connection; nothing after the error is served, and the bridge keeps working."""
    connection = connect()
    try:
        connection.send(MALFORMED[name])
        connection.end_sending()
    except (BrokenPipeError, ConnectionResetError, OSError):
        pass
    try:
        response = connection.read_response()
    except Closed:
        pass
    else:
        assert 400 <= response.status < 600, response
        assert response.header("content-type") == "application/json", response
        assert response.json()["message"]
        assert (response.header("connection") or "").lower() == "close"
        assert connection.is_closed_by_peer(), "more is served after a malformed request"
    reply = http.get(f"{bridge.url}/v1/kept/smuggled", timeout=20)
    assert reply.status_code == 404, "a request after the error was served"


def test_heads_over_the_limit_are_431(connect):
    for fields in ([("X-Long", "x" * (70 << 10))], [(f"X-{n}", "1") for n in range(120)]):
        connection = connect()
        try:
            connection.request("GET", "/v1/routes/7", fields)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert connection.read_head()[1] == 431


def test_truncated_requests(bridge, connect, http):
    """A client that stops anywhere in a request leaves no state behind."""
    whole = post("cut")
    for end in range(1, len(whole)):
        connection = connect()
        connection.send(whole[:end])
        connection.end_sending()
        rest = connection.read_to_end()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 4"), rest
        connection.socket.close()
    assert http.post(f"{bridge.url}/v1/echo", json={}, timeout=20).status_code == 200


@pytest.mark.parametrize("seed", range(10))
def test_damaged_requests(seed, bridge, connect, http):
    """Valid requests with some bytes changed, truncated, repeated or inserted."""
    source = random.Random(seed)
    head = request_bytes("POST", "/v1/echo", JSON | {"Transfer-Encoding": "chunked"})
    good = post("x") + head + chunked(b'{"manyInt32": ', b"[1, 2]}") + post("y")
    for _ in range(20):
        request = bytearray(good)
        for _ in range(source.randint(1, 4)):
            place = source.randrange(len(request))
            kind = source.randrange(4)
            if kind == 0:
                request[place] = source.randrange(256)
            elif kind == 1:
                del request[place : place + source.randint(1, 5)]
            elif kind == 2:
                request[place:place] = source.randbytes(source.randint(1, 20))
            else:
                request += request[place:]
        connection = connect()
        try:
            connection.send(bytes(request))
            connection.end_sending()
        except OSError:
            pass
        responses = connection.read_to_end()
        assert responses == b"" or responses.startswith(b"HTTP/1.1 "), responses
    assert http.post(f"{bridge.url}/v1/echo", json={}, timeout=20).status_code == 200


def test_a_thousand_silent_connections(bridge, connect, http):
    idle = [connect() for _ in range(1000)]
    assert http.post(f"{bridge.url}/v1/echo", json={}, timeout=20).status_code == 200
    for connection in idle:
        connection.socket.close()
    reply = until(
        lambda: http.post(f"{bridge.url}/v1/echo", json={"aString": "x"}, timeout=20),
        "the bridge responds", 20,
    )  # fmt: skip
    assert json.loads(reply.text) == {"aString": "x"}


def test_slow_heads_and_idle_connections_are_closed(start_bridge, backend, connect):
    bridge = start_bridge(
        {"test": service(backend.address, "echo")},
        limits={"request_read_timeout": "300ms", "idle_timeout": "600ms"},
    )
    for begun in (b"GET /v1/rou", post("x")[:-3]):
        connection = connect(bridge)
        connection.send(begun)
        rest = connection.read_to_end()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 408"), rest
    quiet = connect(bridge)
    assert quiet.is_closed_by_peer()
    served = connect(bridge)
    served.send(post("x"))
    assert served.read_response().status == 200
    assert served.is_closed_by_peer()


def test_a_long_call_is_not_idle(start_bridge, backend, connect, key):
    bridge = start_bridge(
        {"test": service(backend.address, "echo")},
        limits={"request_read_timeout": "300ms", "idle_timeout": "300ms"},
    )
    connection = connect(bridge)
    connection.request("GET", f"/v1/slow?key={key}&delay=1.5s")
    assert connection.read_response().status == 200
