"""google.api.HttpBody: non-JSON bodies, in requests and responses, complete and streamed."""

import os

import pytest
import requests

PICTURE = bytes(range(256)) * 40


class TestWhole:
    @pytest.mark.parametrize("kind", ["image/png", "text/plain; charset=latin-1", None])
    @pytest.mark.parametrize("body", [PICTURE, b"", b"{not json", b"\x00"])
    def test_round_trip(self, kind, body, bridge, http):
        headers = {"Content-Type": kind} if kind else {}
        reply = http.post(f"{bridge.url}/v1/mirror", data=body, headers=headers, timeout=20)
        assert reply.status_code == 200
        assert reply.content == body
        assert reply.headers["content-type"] == (kind or "application/octet-stream")

    def test_the_largest_body(self, bridge, http):
        body = os.urandom(4 << 20)
        reply = http.post(
            f"{bridge.url}/v1/mirror", data=body, headers={"Content-Type": "a/b"}, timeout=20
        )
        assert reply.content == body
        reply = http.post(f"{bridge.url}/v1/mirror", data=body + b"x", timeout=20)
        assert (reply.status_code, reply.json()["code"]) == (413, 8)

    def test_a_body_field_with_a_path_variable(self, bridge, http):
        reply = http.put(
            f"{bridge.url}/v1/files/a/b.png", data=PICTURE, headers={"Content-Type": "image/png"},
            timeout=20,
        )  # fmt: skip
        assert reply.content == PICTURE
        assert reply.headers["content-type"] == "image/png"

    def test_an_accept_field_of_another_type_is_ignored(self, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/mirror", data=b"x", timeout=20,
            headers={"Content-Type": "image/png", "Accept": "image/png"},
        )  # fmt: skip
        assert (reply.status_code, reply.content) == (200, b"x")

    def test_by_the_name_of_the_method(self, bridge, http):
        reply = http.post(
            f"{bridge.url}/bridge.test.EchoService/Mirror", data=b"x",
            headers={"Content-Type": "text/html"}, timeout=20,
        )  # fmt: skip
        assert (reply.headers["content-type"], reply.content) == ("text/html", b"x")


class TestPieces:
    def test_pieces_form_one_body(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/pieces/12", timeout=20)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/x-piece"
        assert reply.text == "".join(f"<{index}>" for index in range(12))

    def test_no_pieces_are_an_empty_body(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/pieces/0", timeout=20)
        assert (reply.status_code, reply.content) == (200, b"")

    def test_each_piece_arrives_separately(self, backend, connect, key):
        connection = connect()
        connection.request("GET", f"/v1/pieces/3?key={key}&onObserve=true")
        assert connection.read_head()[1] == 200
        for index in range(3):
            assert connection.read_chunk() == b"<%d>" % index
            backend.observe(key)
        assert connection.read_chunk() == b""

    def test_a_failed_stream_never_looks_complete(self, bridge, http):
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            http.get(f"{bridge.url}/v1/pieces/5?failAfter=3", timeout=20)
        reply = http.get(f"{bridge.url}/v1/pieces/5?failAfter=0", timeout=20)
        assert (reply.status_code, reply.json()["message"]) == (500, "lost a piece")
