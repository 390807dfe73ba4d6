"""Real clients, each used in both ways: with the bridge as base URL, and as `http_proxy`."""

import http.client
import json
import subprocess
import urllib.request

import pytest
import requests
from support.bridge import service


def curl(*arguments, environment=None, seconds=30):
    """Runs curl without user settings; fails if curl does."""
    done = subprocess.run(
        ["curl", "--disable", "--silent", "--show-error", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds,
        env={"PATH": "/usr/bin:/bin", **(environment or {})},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def named(start_bridge, backend):
    """A bridge that serves only bench.internal."""
    return start_bridge({"bench": service(backend.address, "echo", "routes",
                                          hosts=["bench.internal"])})  # fmt: skip


class TestCurl:
    def test_base_url(self, bridge):
        done = curl(f"{bridge.url}/v1/routes/7?note=x")
        assert json.loads(done.stdout)["request"] == {"id": "7", "note": "x"}

    def test_base_url_with_json(self, bridge):
        done = curl(
            "--header", "Content-Type: application/json", "--data", '{"aString": "x"}',
            f"{bridge.url}/v1/echo",
        )  # fmt: skip
        assert json.loads(done.stdout) == {"aString": "x"}

    def test_proxy_from_the_environment(self, named):
        done = curl(
            "http://bench.internal/v1/routes/7", environment={"http_proxy": named.url}
        )
        assert json.loads(done.stdout)["request"] == {"id": "7"}

    def test_proxy_by_option(self, named):
        done = curl("--proxy", named.url, "http://bench.internal/v1/routes/8")
        assert json.loads(done.stdout)["request"] == {"id": "8"}

    def test_proxy_for_an_unknown_host(self, named):
        done = curl(
            "--proxy", named.url, "--write-out", "\n%{http_code}",
            "http://other.internal/v1/routes/7",
        )  # fmt: skip
        body, status = done.stdout.rsplit("\n", 1)
        assert status == "404"
        assert json.loads(body)["message"]

    def test_https_through_the_proxy_is_refused(self, named):
        with pytest.raises(AssertionError, match="405"):
            curl("--proxy", named.url, "https://bench.internal/v1/routes/7")

    def test_expect_100_continue(self, bridge):
        """curl waits for the interim response before it sends a large body."""
        body = json.dumps({"aString": "x" * 1_500_000})
        done = subprocess.run(
            ["curl", "--disable", "--silent", "--verbose", "--max-time", "20",
             "--expect100-timeout", "15", "--header", "Content-Type: application/json",
             "--header", "Expect: 100-continue", "--data-binary", "@-", f"{bridge.url}/v1/echo"],
            input=body.encode(), capture_output=True, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        assert b"HTTP/1.1 100 Continue" in done.stderr
        assert json.loads(done.stdout) == json.loads(body)

    def test_chunked_upload(self, bridge):
        done = subprocess.run(
            ["curl", "--disable", "--silent", "--show-error", "--max-time", "20", "--request",
             "POST", "--header", "Content-Type: application/json", "--upload-file", "-",
             f"{bridge.url}/v1/echo"],
            input=b'{"aString": "from a pipe"}', capture_output=True, timeout=30,
        )  # fmt: skip
        assert json.loads(done.stdout) == {"aString": "from a pipe"}, done.stderr

    def test_head(self, bridge):
        done = curl("--head", f"{bridge.url}/v1/routes/7")
        assert done.stdout.startswith("HTTP/1.1 200")

    def test_http_1_0(self, bridge):
        done = curl("--http1.0", "--include", f"{bridge.url}/v1/routes/7")
        assert json.loads(done.stdout.split("\n\n", 1)[1])["request"] == {"id": "7"}

    def test_many_urls_one_connection(self, bridge):
        urls = [f"{bridge.url}/v1/routes/{index}" for index in range(5)]
        done = curl("--write-out", "%{stderr}%{num_connects} ", *urls)
        assert done.stderr.split() == ["1", "0", "0", "0", "0"]

    def test_a_stream_without_buffering(self, bridge):
        done = curl("--no-buffer", f"{bridge.url}/v1/count/3")
        assert len(done.stdout.splitlines()) == 3

    def test_a_request_for_http_2_stays_with_1_1(self, bridge):
        """curl offers an upgrade to h2c; the bridge may ignore it."""
        done = curl("--http2", "--include", f"{bridge.url}/v1/routes/7")
        assert done.stdout.startswith("HTTP/1.1 200")


class TestRequests:
    def test_keep_alive(self, bridge, http):
        for index in range(10):
            reply = http.post(f"{bridge.url}/v1/echo", json={"aInt32": index}, timeout=20)
            assert reply.json().get("aInt32", 0) == index
        pools = http.get_adapter(bridge.url).poolmanager.pools
        (pool,) = [pools.get(each) for each in pools.keys()]
        assert (pool.num_connections, pool.num_requests) == (1, 10)

    def test_proxies(self, named, http):
        proxies = {"http": named.url}
        for index in range(3):
            reply = http.post(
                "http://bench.internal/v1/echo", json={"aInt32": index + 1}, proxies=proxies,
                timeout=20,
            )  # fmt: skip
            assert reply.json() == {"aInt32": index + 1}

    def test_https_through_the_proxy_is_an_error_at_once(self, named, http):
        with pytest.raises(requests.exceptions.ProxyError, match="405"):
            http.get("https://bench.internal/v1/routes/7", proxies={"https": named.url},
                     timeout=20)  # fmt: skip

    def test_an_iterator_as_body(self, bridge, http):
        parts = iter([b'{"aString"', b": ", b'"in parts"}'])
        headers = {"Content-Type": "application/json"}
        reply = http.post(f"{bridge.url}/v1/echo", data=parts, headers=headers, timeout=20)
        assert reply.json() == {"aString": "in parts"}

    def test_a_stream_line_by_line(self, bridge, http):
        with http.get(f"{bridge.url}/v1/count/4", stream=True, timeout=20) as reply:
            got = [json.loads(line).get("index", 0) for line in reply.iter_lines()]
        assert got == [0, 1, 2, 3]


def test_the_standard_library_with_keep_alive(bridge):
    connection = http.client.HTTPConnection(bridge.host, bridge.port, timeout=20)
    for index in range(3):
        connection.request("GET", f"/v1/routes/{index}")
        reply = connection.getresponse()
        assert json.loads(reply.read())["request"] == {"id": str(index)}
    connection.close()


def test_the_standard_library_through_the_proxy(named):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": named.url}))
    with opener.open("http://bench.internal/v1/routes/7", timeout=20) as reply:
        assert json.loads(reply.read())["request"] == {"id": "7"}
