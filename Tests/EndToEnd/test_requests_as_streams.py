"""Streaming requests, forwarded as they arrive: arrays and lines, one-way and bidirectional."""

import gzip
import hashlib
import json
import os
import subprocess
import threading
import time

import pytest
from support.bridge import service
from support.processes import until

LINES = {"Content-Type": "application/x-ndjson"}


def lines(*messages):
    return "".join(json.dumps(message) + "\n" for message in messages)


def chunk(text):
    data = text.encode() if isinstance(text, str) else text
    return b"%x\r\n%s\r\n" % (len(data), data)


def begin(connection, target, *fields):
    """Sends the head of a request with a chunked body."""
    head = [f"POST {target} HTTP/1.1", "Host: test", "Transfer-Encoding: chunked", *fields]
    connection.send("\r\n".join(head) + "\r\n\r\n")


def resident(bridge):
    """Resident memory of the process in bytes."""
    with open(f"/proc/{bridge.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TestCollected:
    @pytest.mark.parametrize(
        "body,headers",
        [
            (json.dumps([{"number": n} for n in range(100)]), {}),
            (json.dumps([{"number": n} for n in range(100)], indent=2), {}),
            (lines(*({"number": n} for n in range(100))), LINES),
            (lines(*({"number": n} for n in range(100))), {"Content-Type": "application/json"}),
            ("".join(json.dumps({"number": n}) for n in range(100)), LINES),
        ],
    )
    def test_an_array_or_lines(self, body, headers, bridge, http):
        reply = http.post(f"{bridge.url}/v1/sum", data=body, headers=headers, timeout=20)
        assert reply.status_code == 200
        assert (reply.json()["messages"], reply.json()["total"]) == (100, "4950")

    @pytest.mark.parametrize("body", ["[]", "", "\n"])
    def test_none(self, body, bridge, http):
        reply = http.post(f"{bridge.url}/v1/sum", data=body, timeout=20)
        assert (reply.status_code, reply.json()) == (200, {})

    def test_path_and_query_apply_to_the_first_message(self, bridge, http):
        body = lines({"number": 1}, {"number": 2, "room": "own"}, {"number": 3})
        reply = http.post(f"{bridge.url}/v1/rooms/r%201/sum?text=ab", data=body, timeout=20)
        assert reply.status_code == 400, "the body is the whole message: a query is not allowed"
        reply = http.post(f"{bridge.url}/v1/rooms/r%201/sum", data=body, headers=LINES, timeout=20)
        assert reply.json()["rooms"] == ["r 1", "own", ""]
        reply = http.get(f"{bridge.url}/v1/rooms/here/sum?number=7", timeout=20)
        assert reply.json() == {"messages": 1, "total": "7", "rooms": ["here"]}

    def test_values_of_one_field(self, bridge, http):
        reply = http.post(f"{bridge.url}/v1/rooms/x/numbers", data='[1, "2", 3]', timeout=20)
        assert reply.json() == {"messages": 3, "total": "6", "rooms": ["x", "", ""]}

    def test_by_curl_from_a_pipe(self, bridge):
        body = lines(*({"number": n} for n in range(5000)))
        run = subprocess.run(
            ["curl", "-sS", "-T", "-", "-X", "POST", f"{bridge.url}/v1/sum"],
            input=body.encode(), stdout=subprocess.PIPE, timeout=30, check=True,
        )  # fmt: skip
        assert json.loads(run.stdout)["messages"] == 5000

    def test_compressed(self, bridge, http):
        headers = {**LINES, "Content-Encoding": "gzip"}
        text = json.dumps({"text": os.urandom(1_500_000).hex()}) + "\n"
        reply = http.post(
            f"{bridge.url}/v1/sum", data=gzip.compress((text * 4).encode()), headers=headers,
            timeout=20,
        )  # fmt: skip
        assert (reply.status_code, reply.json()["textBytes"]) == (200, "12000000")
        bomb = gzip.compress(b" " * (64 << 20))
        reply = http.post(f"{bridge.url}/v1/sum", data=bomb, headers=headers, timeout=20)
        assert (reply.status_code, reply.json()["code"]) == (413, 8)


class TestAsTheyArrive:
    def test_each_message_is_sent_when_it_is_complete(self, backend, connect, key):
        connection = connect()
        begin(connection, "/v1/sum")
        for index in range(3):
            connection.send(chunk("," if index else "["), chunk(json.dumps({"key": key}))[:-9])
            time.sleep(0.05)
            sent = backend.observe(key).sent
            assert sent == index, "half of a message isn't sent"
            connection.send(chunk(json.dumps({"key": key}))[-9:])
            until(lambda: backend.observe(key).sent == index + 1, "the message")
        connection.send(chunk("]"), b"0\r\n\r\n")
        assert connection.read_response().json()["messages"] == 3

    def test_a_gigabyte_in_constant_memory(self, bridge, connect):
        """1 GiB in messages of 64 KiB; the endpoint reads all of it."""
        message = json.dumps({"text": "x" * (65536 - 12)}).encode() + b"\n"
        part = b"%x\r\n%s\r\n" % (len(message) * 16, message * 16)
        before = resident(bridge)
        peak = 0
        with connect(seconds=120) as connection:
            begin(connection, "/v1/sum", "Content-Type: application/x-ndjson")
            for index in range(1024):
                connection.send(part)
                if index % 16 == 0:
                    peak = max(peak, resident(bridge))
            connection.send(b"0\r\n\r\n")
            reply = connection.read_response().json()
        assert reply["messages"] == 16384
        assert int(reply["textBytes"]) == 16384 * (65536 - 12)
        assert peak - before < 48 << 20, f"{(peak - before) >> 20} MiB more"

    def test_a_slow_endpoint_slows_the_client(self, bridge, backend, connect, key):
        pause = json.dumps({"key": key, "pause": "3s"}) + "\n"
        message = json.dumps({"text": "x" * 60000}) + "\n"
        before = resident(bridge)
        with connect(seconds=1) as connection:
            begin(connection, "/v1/sum", "Content-Type: application/x-ndjson")
            connection.send(chunk(pause))
            sent = 0
            with pytest.raises(TimeoutError):
                for _ in range(2000):
                    connection.send(chunk(message * 4))
                    sent += 4
            assert sent * 60000 < 40 << 20, "some buffers, not all of it"
            assert resident(bridge) - before < 32 << 20

    def test_the_endpoint_replies_early(self, bridge, connect):
        connection = connect()
        begin(connection, "/v1/sum")
        connection.send(chunk(lines({"number": 1, "ends": True})))
        assert connection.read_response().json() == {"messages": 1, "total": "1", "rooms": [""]}
        connection = connect()
        begin(connection, "/v1/sum")
        connection.send(chunk(lines({"number": 1, "ends": True, "code": 7})))
        response = connection.read_response()
        assert (response.status, response.json()["code"]) == (403, 7)

    def test_a_client_that_disconnects_cancels_the_call(self, backend, connect, key):
        connection = connect()
        begin(connection, "/v1/sum")
        connection.send(chunk(lines({"key": key})))
        until(lambda: backend.observe(key).sent == 1, "the message")
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")

    def test_an_invalid_message_cancels_the_call(self, backend, connect, key):
        connection = connect()
        begin(connection, "/v1/sum")
        connection.send(chunk(lines({"key": key}) + lines({"nmber": 1})))
        response = connection.read_response()
        assert response.status == 400
        assert response.json()["message"].startswith("message 2 of the stream: nmber: ")
        # The call may have ended before its first message was sent.
        assert backend.observe(key).state == 0 or backend.wait_for_state(key, "CANCELLED")

    def test_the_deadline(self, connect):
        connection = connect()
        begin(connection, "/v1/sum", "X-Server-Timeout: 0.3")
        connection.send(chunk(lines({"number": 1})))
        response = connection.read_response()
        assert (response.status, response.json()["code"]) == (504, 4)

    def test_continue_is_sent_before_the_body(self, connect):
        connection = connect()
        begin(connection, "/v1/sum", "Expect: 100-continue")
        assert connection.read_head()[1] == 100
        connection.send(chunk(lines({"number": 1})), b"0\r\n\r\n")
        assert connection.read_response().json()["messages"] == 1


class TestBothWays:
    def test_replies_arrive_meanwhile(self, connect):
        connection = connect()
        begin(connection, "/v1/chat")
        for index in range(5):
            connection.send(chunk(lines({"text": f"m{index}"})))
            if index == 0:
                assert connection.read_head()[1] == 200
            reply = json.loads(connection.read_chunk())
            assert (reply["text"], reply.get("index", 0)) == (f"m{index}", index)
        connection.send(b"0\r\n\r\n")
        assert connection.read_chunk() == b""
        # The connection continues.
        connection.request("GET", "/v1/big/10")
        assert connection.read_response().status == 200

    def test_as_events(self, connect):
        connection = connect()
        begin(connection, "/v1/rooms/a/chat", "Accept: text/event-stream")
        connection.send(chunk(lines({"text": "1"})))
        assert connection.read_head()[1] == 200
        assert connection.read_chunk() == b'data: {"room":"a","text":"1"}\n\n'
        connection.send(chunk(lines({"text": "2", "endWith": 14})))
        rest = b""
        while part := connection.read_chunk():
            rest += part
        assert rest.startswith(b'data: {"text":"2","index":1}\n\n')
        assert b"event: error\ndata: " in rest

    def test_large_both_ways(self, bridge):
        """curl reads while it sends: 64 MiB up, 64 MiB down."""
        message = lines({"text": "y" * 65000})
        run = subprocess.run(
            ["curl", "-sS", "-N", "-T", "-", "-X", "POST", f"{bridge.url}/v1/chat"],
            input=(message * 1000).encode(), stdout=subprocess.PIPE, timeout=60, check=True,
        )  # fmt: skip
        replies = run.stdout.splitlines()
        assert len(replies) == 1000
        assert json.loads(replies[-1])["index"] == 999

    def test_a_client_that_does_not_read_stops_both_directions(self, bridge, backend, connect, key):
        before = resident(bridge)
        with connect(seconds=1) as connection:
            begin(connection, "/v1/chat")
            with pytest.raises(TimeoutError):
                for _ in range(2000):
                    message = {"key": key, "text": "z" * 60000, "copies": 20}
                    connection.send(chunk(lines(message)))
            assert resident(bridge) - before < 32 << 20
        backend.wait_for_state(key, "CANCELLED")

    def test_an_error_after_replies(self, connect):
        connection = connect()
        begin(connection, "/v1/chat")
        connection.send(chunk(lines({"text": "1"})))
        assert connection.read_head()[1] == 200
        connection.read_chunk()
        connection.send(chunk(lines({"text": "2", "endWith": 9})))
        # The last message and the error may share a chunk.
        rest = b""
        while part := connection.read_chunk():
            rest += part
        assert json.loads(rest.splitlines()[-1])["error"]["code"] == 9

    def test_many_at_once(self, connect):
        failures = []

        def talk(number):
            try:
                with connect(seconds=30) as connection:
                    begin(connection, "/v1/chat")
                    for index in range(20):
                        connection.send(chunk(lines({"text": f"{number}.{index}"})))
                        if index == 0:
                            connection.read_head()
                        assert json.loads(connection.read_chunk())["text"] == f"{number}.{index}"
                    connection.send(b"0\r\n\r\n")
                    assert connection.read_chunk() == b""
            except Exception as error:  # reported below, with its thread
                failures.append((number, error))

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures


class TestBodies:
    def test_an_upload_is_sent_in_parts(self, bridge, http):
        data = os.urandom(20 << 20)
        reply = http.post(
            f"{bridge.url}/v1/upload", data=data, headers={"Content-Type": "video/mp4"},
            timeout=30,
        )  # fmt: skip
        reply = reply.json()
        assert reply["sha256"] == hashlib.sha256(data).hexdigest()
        assert int(reply["bytes"]) == len(data)
        assert reply["parts"] > 20, "larger than a body may be, and never whole in memory"
        assert reply["contentType"] == "video/mp4"

    def test_an_upload_into_a_field(self, bridge, http):
        data = os.urandom(1 << 20)
        reply = http.put(
            f"{bridge.url}/v1/uploads/a/b.mp4", data=data, headers={"Content-Type": "video/mp4"},
            timeout=30,
        ).json()  # fmt: skip
        assert reply["sha256"] == hashlib.sha256(data).hexdigest()
        assert reply["name"] == "a/b.mp4"
        assert reply["contentType"] == "video/mp4"

    def test_an_empty_upload_is_one_part(self, bridge, http):
        reply = http.post(
            f"{bridge.url}/v1/upload", data=b"", headers={"Content-Type": "a/b"}, timeout=20
        ).json()
        assert (reply["parts"], reply["contentType"]) == (1, "a/b")


class TestConfigured:
    def test_a_timeout_of_streams(self, backend, start_bridge, connect):
        streams = {"timeout": "300ms"}
        bridge = start_bridge({"test": service(backend.address, "echo", stream=streams)})
        connection = connect(bridge)
        begin(connection, "/v1/sum")
        assert connection.read_response().status == 504

    def test_compressed_to_the_endpoint(self, backend, start_bridge, connect):
        compression = {"requests": "gzip"}
        bridge = start_bridge({"test": service(backend.address, "echo", compression=compression)})
        connection = connect(bridge)
        begin(connection, "/v1/sum")
        body = lines({"text": "x" * 5000}, {"text": "y"}, {"text": "z" * 5000})
        connection.send(chunk(body), b"0\r\n\r\n")
        assert connection.read_response().json()["textBytes"] == "10001"
