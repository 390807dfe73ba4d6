"""JSON as other programs write it, and messages with types known only to the endpoint."""

import json

import pytest
from support.bridge import service
from websockets.sync.client import connect as open_websocket

MARK = b"\xef\xbb\xbf"
UNKNOWN = {"@type": "type.googleapis.com/other.Thing", "value": "CAE="}


class TestUnknownAny:
    @pytest.mark.parametrize(
        "message",
        [
            {"aInt32": 1, "any": UNKNOWN},
            {"aInt32": 1, "manyAny": [UNKNOWN, UNKNOWN]},
            {"any": {"@type": "other.Thing", "value": "CAE="}},
            {"any": {"@type": "a/b/other.Thing", "value": "CAE="}},
            {"any": {"@type": "type.googleapis.com/google.protobuf.Any", "value": UNKNOWN}},
            {"any": {"@type": "bridge.test.Nested", "text": "x"}},
        ],
    )
    def test_round_trip(self, message, bridge, http):
        reply = http.post(f"{bridge.url}/v1/echo", json=message, timeout=20)
        assert (reply.status_code, reply.json()) == (200, message)

    def test_refused_by_the_configuration_of_the_service(self, start_bridge, backend, http, bridge):
        strict = start_bridge(
            {"test": service(backend.address, "echo", json={"unknown_any": "reject"})}
        )
        message = {"key": "unknown-any", "any": UNKNOWN}
        reply = http.post(f"{strict.url}/v1/echo", json=message, timeout=20)
        assert reply.status_code == 400
        assert "isn't in the loaded schemas" in reply.json()["message"]
        # The endpoint got it from a client that may send it.
        assert http.post(f"{bridge.url}/v1/echo", json=message, timeout=20).status_code == 200
        assert http.get(f"{bridge.url}/v1/kept/unknown-any", timeout=20).json() == message
        reply = http.get(f"{strict.url}/v1/kept/unknown-any", timeout=20)
        assert reply.status_code == 500
        assert reply.json()["details"][0]["reason"] == "INVALID_REPLY"


class TestByteOrderMark:
    def test_a_body(self, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/echo", data=MARK + b'{"aInt32":1}', timeout=20,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert (reply.status_code, reply.json()) == (200, {"aInt32": 1})

    @pytest.mark.parametrize("body", [b'[{"number":1},{"number":2}]', b'{"number":1}\n{"number":2}'])
    @pytest.mark.parametrize("cut", [None, 1, 2, 3])
    def test_a_stream_of_requests(self, body, cut, bridge, http):
        body = MARK + body
        reply = http.post(
            f"{bridge.url}/v1/sum",
            data=body if cut is None else iter([body[:cut], body[cut:]]),
            headers={"Content-Type": "application/json"},
            timeout=20,
        )
        assert reply.status_code == 200, reply.text
        assert reply.json()["total"] == "3"

    def test_a_message_of_a_websocket(self, bridge):
        url = f"ws://{bridge.host}:{bridge.port}/v1/chat"
        with open_websocket(url, open_timeout=15, close_timeout=15, proxy=None) as chat:
            for text in ("a", "b"):
                chat.send("\ufeff" + json.dumps({"text": text}))
                assert json.loads(chat.recv(timeout=15))["text"] == text

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    @pytest.mark.parametrize("path", ["/v1/echo", "/v1/sum"])
    def test_other_encodings_are_named(self, encoding, path, bridge, http):
        reply = http.post(
            f"{bridge.url}{path}", data='{"text":"x"}'.encode(encoding), timeout=20,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        assert reply.status_code == 400
        assert encoding[:6].upper() in reply.json()["message"]


class TestLongTexts:
    """Echoed text doesn't make a response larger."""

    LONG = "x" * 50_000

    @pytest.mark.parametrize(
        ("method", "path", "body", "headers"),
        [
            ("GET", "/v1/big/1?" + LONG + "=1", None, {}),
            ("GET", "/v1/big/1?" + "%01" * 15_000 + "=1", None, {}),
            ("GET", "/v1/big/1?" + LONG + "=%zz", None, {}),
            ("GET", "/v1/pieces/1?failAfter=" + LONG, None, {}),
            ("GET", "/v1/big/" + LONG, None, {}),
            ("GET", "/" + LONG, None, {}),
            ("POST", "/v1/echo", {LONG: 1}, {}),
            ("POST", "/v1/echo", {"\x01" * 20_000: 1}, {}),
            ("POST", "/v1/echo", {"aColor": LONG}, {}),
            ("POST", "/v1/echo", {"aInt32": LONG}, {}),
            ("POST", "/v1/echo", {"timestamp": LONG}, {}),
            ("POST", "/v1/echo", {"byInt32": {LONG: 1}}, {}),
            ("POST", "/v1/echo", {"toInt32": {LONG: "x"}}, {}),
            ("POST", "/v1/echo", {"any": {"@type": LONG, "x": 1}}, {}),
            ("POST", "/v1/echo", {}, {"Content-Type": "text/" + LONG}),
            ("POST", "/v1/echo", {}, {"Content-Encoding": LONG}),
            ("POST", "/v1/echo", {}, {"Accept": "text/" + LONG}),
            ("POST", "/v1/echo", {}, {"X-" + LONG + "-bin": "!"}),
        ],
    )
    def test_the_response_is_short(self, method, path, body, headers, bridge, http):
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", **headers}
        reply = http.request(method, bridge.url + path, data=data, headers=headers, timeout=20)
        assert reply.status_code in (400, 404, 406, 415), reply.text[:200]
        assert len(reply.content) < 3000

