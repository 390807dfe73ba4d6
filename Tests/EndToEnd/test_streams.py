"""Server streams in each format, read by clients that support it."""

import json
import subprocess

import pytest
import requests
import sseclient
from support.bridge import service

ARRAY = {"Accept": "application/json"}
EVENTS = {"Accept": "text/event-stream"}


def indices(messages):
    return [message.get("index", 0) for message in messages]


class TestArray:
    @pytest.mark.parametrize("count", [0, 1, 5, 20_000])
    def test_the_stream_is_one_json_text(self, count, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/{count}", headers=ARRAY, timeout=60)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/json"
        assert indices(reply.json()) == list(range(count))

    def test_each_message_arrives_separately(self, backend, connect, key):
        connection = connect()
        connection.request(
            "GET", f"/v1/count/3?key={key}&onObserve=true", [("Accept", "application/json")]
        )
        assert connection.read_head()[1] == 200
        text = b""
        for index in range(3):
            while text.count(b"{") <= index:
                chunk = connection.read_chunk()
                assert chunk, "the stream ended early"
                text += chunk
            assert text.count(b"{") == index + 1
            backend.observe(key)
        while chunk := connection.read_chunk():
            text += chunk
        assert indices(json.loads(text)) == [0, 1, 2]

    def test_a_failed_stream_never_looks_complete(self, bridge, http):
        """Neither to requests nor to curl, nor when parsed as JSON."""
        url = f"{bridge.url}/v1/count/5?failAfter=3"
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            http.get(url, headers=ARRAY, timeout=20)
        done = subprocess.run(
            ["curl", "--disable", "--silent", "--max-time", "20",
             "--header", "Accept: application/json", url],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 18  # a partial file
        assert done.stdout.count('"text"') + done.stdout.count('"index"') >= 2
        with pytest.raises(json.JSONDecodeError):
            json.loads(done.stdout)

    def test_a_failure_before_the_first_message_is_an_error(self, bridge, http):
        reply = http.get(f"{bridge.url}/v1/count/5?failAfter=0", headers=ARRAY, timeout=20)
        assert (reply.status_code, reply.json()["code"]) == (500, 15)


class TestEvents:
    def events(self, reply):
        return list(sseclient.SSEClient(reply).events())

    def test_each_message_is_an_event(self, bridge, http):
        reply = http.get(
            f"{bridge.url}/v1/count/5?textSize=3", headers=EVENTS, stream=True, timeout=20
        )
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.headers["cache-control"] == "no-cache"
        events = self.events(reply)
        assert [event.event for event in events] == ["message"] * 5
        assert indices(json.loads(event.data) for event in events) == [0, 1, 2, 3, 4]

    def test_a_failure_is_a_separate_event(self, bridge, http):
        reply = http.get(
            f"{bridge.url}/v1/count/5?failAfter=3", headers=EVENTS, stream=True, timeout=20
        )
        *messages, last = self.events(reply)
        assert indices(json.loads(event.data) for event in messages) == [0, 1, 2]
        assert last.event == "error"
        status = json.loads(last.data)
        assert (status["code"], status["message"]) == (15, "lost count")
        assert status["details"][0]["reason"] == "OUT_OF_STOCK"

    def test_comments_are_sent_while_idle(self, start_bridge, backend, connect, key):
        bridge = start_bridge(
            {"test": service(backend.address, "echo", stream={"heartbeat": "1s"})}
        )
        connection = connect(bridge)
        connection.request(
            "GET", f"/v1/count/2?key={key}&onObserve=true", [("Accept", "text/event-stream")]
        )
        assert connection.read_head()[1] == 200
        assert connection.read_chunk().startswith(b"data: ")
        assert connection.read_chunk() == b":\n\n"
        assert connection.read_chunk() == b":\n\n"
        backend.observe(key)
        assert connection.read_chunk().startswith(b"data: ")
        backend.observe(key)
        assert connection.read_chunk() == b""

    def test_the_service_sets_format_and_last_event(self, start_bridge, backend, http):
        bridge = start_bridge(
            {"test": service(backend.address, "echo", stream={"format": "sse", "done": "[DONE]"})}
        )
        reply = http.get(f"{bridge.url}/v1/count/2", headers=ARRAY, stream=True, timeout=20)
        assert [event.data for event in self.events(reply)][2:] == ["[DONE]"]


def test_an_unknown_format(bridge, http):
    reply = http.get(f"{bridge.url}/v1/count/2", headers={"Accept": "text/html"}, timeout=20)
    assert reply.status_code == 406
    assert reply.json()["details"][0]["reason"] == "NOT_ACCEPTABLE"
