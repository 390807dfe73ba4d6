"""Compressed bodies in both directions: what clients send and what they accept."""

import gzip
import json
import random
import subprocess
import zlib

import pytest
from support.bridge import service

BODY = {"aString": "to be compressed, to be compressed, to be compressed"}


def bare(data):
    """deflate without a container."""
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


class TestRequests:
    @pytest.mark.parametrize(
        ("coding", "compress"),
        [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", bare)],
        ids=["gzip", "deflate", "bare deflate"],
    )
    def test_compressed_bodies(self, coding, compress, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/echo", data=compress(json.dumps(BODY).encode()),
            headers={"Content-Encoding": coding, "Content-Type": "application/json"}, timeout=15,
        )  # fmt: skip
        assert (reply.status_code, reply.json()) == (200, BODY)

    def test_curl(self, bridge, tmp_path):
        path = tmp_path / "body.gz"
        path.write_bytes(gzip.compress(json.dumps(BODY).encode()))
        for more in ([], ["-H", "Transfer-Encoding: chunked"]):
            done = subprocess.run(
                ["curl", "-sS", "--data-binary", f"@{path}", "-H", "Content-Encoding: gzip",
                 "-H", "Content-Type: application/json", *more, f"{bridge.url}/v1/echo"],
                capture_output=True, timeout=20, check=True,
            )  # fmt: skip
            assert json.loads(done.stdout) == BODY

    def test_a_bomb(self, bridge, http):
        bomb = gzip.compress(b" " * (64 << 20))
        reply = http.post(
            f"{bridge.url}/v1/echo", data=bomb, headers={"Content-Encoding": "gzip"}, timeout=15
        )
        assert reply.status_code == 413
        assert reply.json()["details"][0]["reason"] == "INFLATION_RATIO_TOO_HIGH"
        assert "limits.inflation_ratio" in reply.json()["message"]

    def test_a_body_that_inflates_beyond_the_limit(self, bridge, http):
        digits = random.Random(7).randbytes(35_000).hex()
        text = json.dumps({"aString": "".join(digit * 64 for digit in digits)})
        reply = http.post(
            f"{bridge.url}/v1/echo", data=gzip.compress(text.encode()),
            headers={"Content-Encoding": "gzip"}, timeout=15,
        )  # fmt: skip
        assert reply.status_code == 413
        assert reply.json()["details"][0]["reason"] == "INFLATED_BODY_TOO_LARGE"

    @pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"{}" + data])
    def test_damaged_bodies(self, damage, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/echo", data=damage(gzip.compress(b"{}")),
            headers={"Content-Encoding": "gzip"}, timeout=15,
        )  # fmt: skip
        assert reply.status_code == 400
        assert reply.json()["details"][0]["reason"] == "DAMAGED_BODY"

    @pytest.mark.parametrize("coding", ["br", "gzip, gzip"])
    def test_other_codings(self, coding, connect):
        connection = connect()
        connection.request("POST", "/v1/echo", {"Content-Encoding": coding}, b"{}")
        response = connection.read_response()
        assert response.status == 415
        assert response.header("accept-encoding") == "gzip, deflate"
        connection.request("POST", "/v1/echo", {}, {})
        assert connection.read_response().status == 200


class TestReplies:
    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    def test_accepted_codings(self, coding, start_bridge, backend, http):
        bridge = start_bridge(
            {"test": service(backend.address, "echo", compression={"replies": "on"})}
        )
        body = {"aString": "ab" * 2000}
        reply = http.post(
            f"{bridge.url}/v1/echo", json=body, headers={"Accept-Encoding": coding}, timeout=15
        )
        # requests inflates.
        assert reply.json() == body
        assert reply.headers["content-encoding"] == coding
        assert reply.headers["vary"] == "accept-encoding"
        assert int(reply.headers["content-length"]) < 500

    def test_curl(self, start_bridge, backend):
        bridge = start_bridge(
            {"test": service(backend.address, "echo", compression={"replies": "on"})}
        )
        done = subprocess.run(
            ["curl", "-sS", "--compressed", f"{bridge.url}/v1/big/3000"],
            capture_output=True, timeout=20, check=True,
        )  # fmt: skip
        assert len(json.loads(done.stdout)["data"]) == 4000

    def test_a_local_client_gets_it_uncompressed(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/big/3000", timeout=15)
        assert "gzip" in reply.request.headers["accept-encoding"]
        assert "content-encoding" not in reply.headers


class TestMessages:
    def test_both_ways(self, start_bridge, start_backend, http):
        # grpcio responds with gzip (2) once the client accepts it.
        backend = start_backend(options={"grpc.default_compression_algorithm": 2})
        bridge = start_bridge(
            {"test": service(backend.address, "echo", compression={"requests": "gzip"})}
        )
        body = {"aString": "ab" * 2000}
        reply = http.post(f"{bridge.url}/v1/echo", json=body, timeout=15)
        assert (reply.status_code, reply.json()) == (200, body)


class TestStreams:
    @pytest.mark.parametrize("coding", ["gzip", "deflate"])
    @pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
    def test_messages_are_not_delayed(
        self, coding, accept, backend, start_bridge, connect, key
    ):
        always = {"replies": "on"}
        bridge = start_bridge({"test": service(backend.address, "echo", compression=always)})
        connection = connect(bridge)
        connection.request(
            "GET", f"/v1/count/3?key={key}&onObserve=true&textSize=500",
            {"Accept": accept, "Accept-Encoding": coding},
        )  # fmt: skip
        head = connection.read_head()
        assert ("content-encoding", coding) in head[2]
        inflater = zlib.decompressobj(wbits=31 if coding == "gzip" else 15)
        for index in range(3):
            text = inflater.decompress(connection.read_chunk()).decode()
            data = json.loads(text.removeprefix("data: "))
            assert (data.get("index", 0), len(data["text"])) == (index, 500)
            backend.observe(key)
        rest = b""
        while chunk := connection.read_chunk():
            rest += chunk
        assert inflater.decompress(rest) == b""
        assert inflater.eof

    def test_curl_reads_them(self, backend, start_bridge):
        always = {"replies": "on"}
        bridge = start_bridge({"test": service(backend.address, "echo", compression=always)})
        done = subprocess.run(
            ["curl", "-sS", "--compressed", f"{bridge.url}/v1/count/200?textSize=1000"],
            capture_output=True, timeout=20, check=True,
        )  # fmt: skip
        assert len(done.stdout.splitlines()) == 200
