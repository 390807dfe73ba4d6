"""WebSockets: the `websockets` client, and handwritten frames that no client would send."""

import base64
import contextlib
import json
import os
import struct
import threading
import time

import pytest
from support.bridge import service
from support.processes import until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as open_websocket

KEY = base64.b64encode(bytes(range(16))).decode()


@pytest.fixture
def socket(bridge):
    """Opens WebSockets to `bridge`, or to the one given."""
    with contextlib.ExitStack() as opened:

        def open_one(path, to=None, **more):
            to = to or bridge
            more = {"open_timeout": 15, "close_timeout": 15, "proxy": None, **more}
            return opened.enter_context(
                open_websocket(f"ws://{to.host}:{to.port}{path}", **more)
            )

        yield open_one


def receive(socket):
    return json.loads(socket.recv(timeout=15))


def end(socket):
    """The code and the reason of the server's Close frame; nothing else may arrive before it."""
    with pytest.raises(ConnectionClosed) as caught:
        message = socket.recv(timeout=15)
        raise AssertionError(f"got {message!r}")
    assert caught.value.rcvd is not None, repr(caught.value.__cause__)
    return caught.value.rcvd.code, caught.value.rcvd.reason


class TestCalls:
    def test_a_chat(self, socket):
        chat = socket("/v1/chat")
        for index in range(5):
            chat.send(json.dumps({"text": f"m{index}"}))
            reply = receive(chat)
            assert (reply["text"], reply.get("index", 0)) == (f"m{index}", index)
        chat.send("")
        assert end(chat) == (1000, "")

    def test_path_and_query_are_in_the_first_message(self, socket):
        chat = socket("/v1/rooms/here/chat")
        chat.send('{"text": "1"}')
        assert receive(chat) == {"room": "here", "text": "1"}
        chat.send('{"text": "2"}')
        assert receive(chat) == {"text": "2", "index": 1}

    def test_by_the_name_of_the_method(self, socket):
        chat = socket("/bridge.test.StreamService/Chat")
        chat.send('{"text": "1"}')
        assert receive(chat)["text"] == "1"

    def test_a_stream_of_replies(self, socket):
        count = socket("/v1/count/3")
        assert [receive(count).get("index", 0) for _ in range(3)] == [0, 1, 2]
        assert end(count) == (1000, "")

    def test_a_stream_of_replies_to_a_message(self, socket):
        count = socket("/bridge.test.TroubleService/Count")
        count.send('{"count": 2}')
        assert [receive(count).get("index", 0) for _ in range(2)] == [0, 1]
        assert end(count) == (1000, "")

    def test_one_reply_to_a_stream(self, socket):
        total = socket("/v1/sum")
        for number in range(10):
            total.send(json.dumps({"number": number}))
        total.send("")
        assert receive(total)["total"] == "45"
        assert end(total) == (1000, "")

    def test_values_of_one_field(self, socket):
        total = socket("/v1/rooms/x/numbers")
        total.send("1")
        total.send('"2"')
        total.send("")
        assert receive(total) == {"messages": 2, "total": "3", "rooms": ["x", ""]}

    def test_bytes(self, socket):
        upload = socket("/v1/upload")
        upload.send(os.urandom(1000))
        upload.send(b"x" * 24)
        upload.send(b"")
        assert receive(upload)["bytes"] == "1024"

    def test_a_message_in_fragments(self, socket):
        chat = socket("/v1/chat")
        chat.send(["{\"te", "xt\": \"", "ü" * 100, "\"}"])
        assert receive(chat)["text"] == "ü" * 100

    def test_a_large_message(self, socket):
        chat = socket("/v1/chat", max_size=None)
        text = "z" * (3 << 20)
        chat.send(json.dumps({"text": text}))
        assert receive(chat)["text"] == text

    def test_many_messages(self, socket):
        chat = socket("/v1/chat")
        count = 5000

        def send():
            for index in range(count):
                chat.send(json.dumps({"text": "t" * 100, "index": index}))
            chat.send("")

        sender = threading.Thread(target=send)
        sender.start()
        for index in range(count):
            assert receive(chat).get("index", 0) == index
        assert end(chat) == (1000, "")
        sender.join()

    def test_the_log(self, socket, bridge):
        chat = socket("/v1/chat", additional_headers={"X-Request-Id": "socket-1"})
        assert chat.response.headers["x-request-id"] == "socket-1"
        chat.send('{"endWith": 0}')
        receive(chat)
        assert end(chat) == (1000, "")

        def logged():
            return [entry for entry in bridge.access_log() if entry["id"] == "socket-1"]

        until(logged, "its line in the log")
        entry = logged()[0]
        assert (entry["status"], entry["grpc"], entry["path"]) == (101, "OK", "/v1/chat")

    def test_a_subprotocol(self, socket):
        chat = socket("/v1/chat", subprotocols=["chat", "other"])
        assert chat.subprotocol == "chat"
        chat = socket("/v1/chat", subprotocols=["bearer", "token"])
        assert chat.subprotocol == "bearer"


class TestEnds:
    def test_an_error_is_sent_and_determines_the_code(self, socket):
        chat = socket("/v1/chat")
        chat.send('{"endWith": 7}')
        receive(chat)
        error = receive(chat)["error"]
        assert (error["code"], error["message"]) == (7, "ended on request")
        assert end(chat) == (4007, "ended on request")

    def test_an_invalid_message(self, socket, backend, key):
        chat = socket("/v1/chat")
        chat.send(json.dumps({"key": key}))
        receive(chat)
        chat.send('{"txet": 1}')
        error = receive(chat)["error"]
        assert error["message"].startswith("message 2 of the stream: txet: ")
        code, reason = end(chat)
        assert code == 4003
        assert reason.startswith("message 2 of the stream: txet: ")
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_closes_cancels(self, socket, backend, key):
        chat = socket("/v1/chat")
        chat.send(json.dumps({"key": key}))
        receive(chat)
        chat.close(1000)
        backend.wait_for_state(key, "CANCELLED")

    def test_a_client_that_disconnects_cancels(self, connect, backend, key):
        connection = connect()
        handshake(connection, "/v1/chat")
        connection.send(frame(1, json.dumps({"key": key}).encode()))
        until(lambda: backend.observe(key).sent == 1, "the message")
        connection.reset()
        backend.wait_for_state(key, "CANCELLED")

    def test_the_deadline(self, socket):
        chat = socket("/v1/chat", additional_headers={"X-Server-Timeout": "0.3"})
        assert receive(chat)["error"]["code"] == 4
        assert end(chat)[0] == 4004

    def test_one_message_too_many(self, socket):
        count = socket("/bridge.test.TroubleService/Count")
        count.send('{"count": 2, "interval": "5s"}')
        receive(count)
        count.send("{}")
        assert receive(count)["error"]["code"] == 3
        assert end(count)[0] == 4003
        chat = socket("/v1/sum")
        chat.send("")
        chat.send("{}")
        # The call may have ended successfully before the second one arrived.
        assert "error" in receive(chat) or end(chat)

    def test_too_large(self, socket):
        chat = socket("/v1/chat")
        try:
            chat.send(json.dumps({"text": "z" * (5 << 20)}))
        except ConnectionClosed:
            pass  # it was refused before it had left
        assert end(chat)[0] == 1009

    def test_a_binary_frame(self, socket):
        chat = socket("/v1/chat")
        chat.send(b"{}")
        assert end(chat) == (1003, "messages must be JSON in text frames")


def handshake(connection, path, **more):
    fields = {
        "Host": "test",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
        **more,
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    connection.send("\r\n".join([f"GET {path} HTTP/1.1", *lines]) + "\r\n\r\n")
    return connection.read_head()


def frame(opcode, payload, first=0x80, masked=True):
    """A client's frame (RFC 6455 §5.2)."""
    head = bytes([first | opcode])
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mask | len(payload)])
    else:
        head += struct.pack(">BH", mask | 126, len(payload))
    if not masked:
        return head + payload
    key = b"\x11\x22\x33\x44"
    return head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def read_frame(connection):
    """Opcode and payload of a server's frame."""
    head = connection.read_exactly(2)
    assert head[1] & 0x80 == 0, "a server's frames aren't masked"
    length = head[1] & 0x7F
    if length == 126:
        length = struct.unpack(">H", connection.read_exactly(2))[0]
    return head[0] & 0x0F, connection.read_exactly(length)


def close_code(connection):
    """The code of the Close frame, which is next except for replies."""
    while True:
        opcode, payload = read_frame(connection)
        if opcode == 8:
            return struct.unpack(">H", payload[:2])[0]


# Codes that no Close frame may have (RFC 6455 §7.4).
FORBIDDEN_CODES = (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535)


class TestFrames:
    def test_the_accept_field(self, connect):
        connection = connect()
        # The example of RFC 6455 §1.3.
        head = handshake(
            connection, "/v1/chat", **{"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        )
        assert head[1] == 101
        assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in [
            (name.lower(), value) for name, value in head[2]
        ]

    def test_pings_get_pongs(self, connect):
        connection = connect()
        handshake(connection, "/v1/chat")
        connection.send(frame(9, b"are you there"))
        assert read_frame(connection) == (10, b"are you there")

    def test_the_close_code_is_echoed(self, connect):
        connection = connect()
        handshake(connection, "/v1/chat")
        connection.send(frame(8, struct.pack(">H", 4321) + b"why"))
        assert read_frame(connection) == (8, struct.pack(">H", 4321))
        assert connection.is_closed_by_peer()

    @pytest.mark.parametrize(
        "bytes_,code",
        [
            (frame(1, b"{}", masked=False), 1002),
            (frame(1, b"{}", first=0xC0), 1002),
            (frame(3, b"{}"), 1002),
            (frame(11, b""), 1002),
            (frame(9, b"x" * 126), 1002),
            (frame(9, b"x", first=0), 1002),
            (frame(0, b"{}"), 1002),
            (frame(1, b"{", first=0) + frame(1, b"}"), 1002),
            (frame(1, b'{"text":"\xff"}'), 1007),
            (b"\x81\xff" + b"\x00\x00\x00\x7f\xff\xff\xff\xff" + b"\x00" * 4, 1009),
            (frame(1, b"{}", first=0) + frame(0, b"x", first=0) * 20000, 1002),
            *((frame(8, struct.pack(">H", code)), 1002) for code in FORBIDDEN_CODES),
            (frame(8, b"\x03"), 1002),
            (frame(8, struct.pack(">H", 1000) + b"\xff"), 1007),
        ],
        ids=[
            "not masked", "reserved bit", "unknown", "unknown control", "long ping",
            "ping in parts", "part of nothing", "two at once", "not UTF-8", "too long",
            "too many parts", *(f"code {code}" for code in FORBIDDEN_CODES), "half a code",
            "a reason that isn't UTF-8",
        ],
    )  # fmt: skip
    def test_protocol_violations(self, bytes_, code, connect):
        connection = connect()
        handshake(connection, "/v1/chat")
        connection.send(bytes_)
        assert close_code(connection) == code
        if bytes_[0] == 0x88:
            # The client has closed already: no wait.
            assert connection.is_closed_by_peer()

    def test_frames_after_the_servers_close_are_ignored(self, connect):
        connection = connect()
        handshake(connection, "/v1/chat")
        connection.send(frame(1, b'{"endWith":0}'), frame(1, b"{}"))
        assert close_code(connection) == 1000
        connection.send(frame(1, b"{}"), frame(9, b"x"), frame(8, struct.pack(">H", 1000)))
        assert connection.is_closed_by_peer()

    def test_a_client_that_never_closes_is_closed(self, connect):
        connection = connect()
        handshake(connection, "/v1/chat")
        connection.send(frame(1, b'{"endWith":0}'))
        assert close_code(connection) == 1000
        assert connection.is_closed_by_peer()

    @pytest.mark.parametrize(
        "fields,status",
        [
            ({"Sec-WebSocket-Version": "8"}, 426),
            ({"Sec-WebSocket-Version": None}, 426),
            ({"Sec-WebSocket-Key": None}, 400),
            ({"Sec-WebSocket-Key": "short"}, 400),
            ({"Origin": "https://elsewhere.example"}, 403),
            ({"Origin": "http://test.elsewhere.example"}, 403),
            ({"Origin": "http://test"}, 101),
            ({"Origin": "null"}, 403),
            ({"Sec-WebSocket-Protocol": "bearer, token"}, 101),
            ({"Sec-WebSocket-Protocol": "bearer, tök"}, 400),
            ({"Sec-WebSocket-Protocol": "bearer, "}, 400),
        ],
    )
    def test_handshakes(self, fields, status, connect):
        connection = connect()
        head = handshake(connection, "/v1/chat", **fields)
        assert head[1] == status
        if status == 426:
            assert ("sec-websocket-version", "13") in [(n.lower(), v) for n, v in head[2]]

    def test_a_method_without_a_stream_is_an_ordinary_request(self, connect):
        connection = connect()
        assert handshake(connection, "/v1/big/3")[1] == 200

    def test_an_unknown_path(self, connect):
        assert handshake(connect(), "/v1/nowhere")[1] == 404

    def test_pages_of_known_origins(self, backend, start_bridge, connect):
        cors = {"origins": ["https://known.example"]}
        bridge = start_bridge({"test": service(backend.address, "echo", cors=cors)})
        for origin, status in [("https://known.example", 101), ("https://other.example", 403)]:
            assert handshake(connect(bridge), "/v1/chat", Origin=origin)[1] == status


class TestBeginnings:
    """Frames that a client sends before the handshake response."""

    @pytest.mark.parametrize("cut", [0, 1, 2, 7, None])
    def test_frames_sent_with_the_handshake(self, cut, connect):
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\n"
        head = f"GET /v1/chat HTTP/1.1\r\nHost: test\r\n{fields}Sec-WebSocket-Version: 13\r\n\r\n"
        frames = frame(1, b'{"text": "early"}') + frame(9, b"ping") + frame(1, b'{"endWith": 0}')
        connection = connect()
        connection.send(head.encode() + frames[:cut])
        assert connection.read_head()[1] == 101
        if cut is not None:
            connection.send(frames[cut:])
        opcodes = []
        while True:
            opcode, payload = read_frame(connection)
            opcodes.append(opcode)
            if opcode == 1 and opcodes.count(1) == 1:
                assert json.loads(payload)["text"] == "early"
            if opcode == 8:
                assert payload[:2] == struct.pack(">H", 1000)
                break
        assert sorted(opcodes) == [1, 1, 8, 10]


ATTACKS = {
    "nothing": b"",
    "half a head": b"\x81",
    "half a frame": frame(1, b'{"text": "never"}')[:-3],
    "half a message": frame(1, b"{", first=0),
    "half a Close": frame(8, struct.pack(">H", 1000))[:-1],
    "half a code": frame(8, b"\x03"),
    "a forbidden code": frame(8, struct.pack(">H", 1005)),
    "not masked": frame(1, b"{}", masked=False),
    "reserved bits": frame(1, b"{}", first=0xF0),
    "an unknown kind": frame(3, b"{}"),
    "a part of nothing": frame(0, b"{}"),
    "not UTF-8": frame(1, b'{"text":"\xff"}'),
    "binary": frame(2, b"{}"),
    "no JSON": frame(1, b"{"),
    "a Close": frame(8, struct.pack(">H", 1000)),
    "too long": b"\x81\xff" + b"\x00\x00\x00\x7f\xff\xff\xff\xff" + b"\x00" * 4,
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("leaves", ["closes its side", "resets"])
def test_no_call_outlives_its_client(leaves, backend, start_bridge, connect, key):
    """Whatever a client sends and however it disconnects; without keepalives, which would detect it."""
    quiet = service(backend.address, "echo", stream={"heartbeat": "0s", "timeout": "10m"})
    bridge = start_bridge({"test": quiet})
    for number, attack in enumerate(ATTACKS.values()):
        connection = connect(bridge)
        handshake(connection, "/v1/chat")
        connection.send(frame(1, json.dumps({"key": f"{key}-{number}"}).encode()))
        assert read_frame(connection)[0] == 1
        try:
            connection.send(attack)
            connection.end_sending() if leaves == "closes its side" else connection.reset()
        except OSError:
            pass  # the bridge has closed it already
    for number in range(len(ATTACKS)):
        backend.wait_for_state(f"{key}-{number}", "CANCELLED", "FINISHED")


class TestFlow:
    def test_a_client_that_does_not_read_stops_the_endpoint(
        self, backend, start_bridge, connect, key
    ):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        connection = connect(bridge)
        handshake(connection, "/v1/chat")
        message = json.dumps({"key": key, "text": "z" * 60000, "copies": 5000}).encode()
        connection.send(frame(1, message))
        sent = 0
        for _ in range(20):
            time.sleep(0.2)
            now = backend.observe(key).sent
            if now == sent and now > 0:
                break
            sent = now
        assert 0 < sent < 1000, "some buffers, not all of it"

    def test_pongs_do_not_pile_up(self, backend, start_bridge, connect):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        connection = connect(bridge, seconds=2)
        handshake(connection, "/v1/chat")
        pings = frame(9, b"p" * 125) * 5000
        sent = 0
        with pytest.raises(TimeoutError):
            for _ in range(200):
                connection.send(pings)
                sent += len(pings)
        assert sent < 64 << 20
        with open(f"/proc/{bridge.pid}/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert resident < 128 << 20, f"{resident >> 20} MiB"

    def test_silent_clients_are_pinged_and_closed(self, backend, start_bridge, connect, key):
        streams = {"heartbeat": "1s"}
        bridge = start_bridge({"test": service(backend.address, "echo", stream=streams)})
        lively = connect(bridge)
        handshake(lively, "/v1/chat")
        silent = connect(bridge)
        handshake(silent, "/v1/chat")
        silent.send(frame(1, json.dumps({"key": key}).encode()))
        for _ in range(3):
            assert read_frame(lively) == (9, b"")
            lively.send(frame(10, b""))
        assert read_frame(silent)[0] == 1
        assert read_frame(silent) == (9, b"")
        assert silent.is_closed_by_peer()
        backend.wait_for_state(key, "CANCELLED")

    def test_a_stopping_bridge_lets_calls_finish(self, backend, start_bridge, socket):
        bridge = start_bridge({"test": service(backend.address, "echo")})
        chat = socket("/v1/chat", to=bridge)
        chat.send('{"text": "1"}')
        receive(chat)
        bridge.signal()
        time.sleep(0.3)
        chat.send('{"text": "2", "endWith": 0}')
        assert receive(chat)["text"] == "2"
        assert end(chat) == (1000, "")
        chat.close()
        assert bridge.wait() == 0
        bridge.ended_by_test = True

    def test_a_refused_handshake_has_the_reason(self, socket):
        with pytest.raises(InvalidStatus) as caught:
            socket("/v1/chta")
        assert "did you mean" in json.loads(caught.value.response.body)["message"]
