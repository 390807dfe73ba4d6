"""The kinds of call that a client can make, and what each one sees of the endpoint's reply."""

import dataclasses
import json

import grpc

from .raw import Closed, Connection

HTTP_OF = {
    0: 200, 1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400,
    12: 501, 13: 500, 14: 503, 15: 500, 16: 401,
}  # fmt: skip
BROKEN_OFF = -1


@dataclasses.dataclass
class Outcome:
    """The client's result: messages, then the gRPC code, or a truncated response."""

    messages: int
    code: int
    text: str = ""
    reason: str | None = None


@dataclasses.dataclass(frozen=True)
class Shape:
    """One kind of call."""

    name: str
    #: The bytes of a message with which the endpoint may reply.
    reply: bytes
    #: Whether each message is forwarded before the end is known.
    streams: bool
    method: str = "POST"
    path: str = ""
    accept: str = ""
    content_type: str = "application/json"
    #: Whether the messages are passed through unparsed.
    is_raw: bool = False

    def __str__(self):
        return self.name

    def request(self, size=0):
        """A body of about this many bytes."""
        text = "x" * size
        return {
            "/v1/echo": json.dumps({"aString": text} if size else {}),
            "/v1/sum": json.dumps({"number": 1, "text": text}) + "\n",
            "/v1/chat": json.dumps({"text": text}) + "\n",
        }.get(self.path)

    def call(self, bridge, host, size=0):
        if self.is_raw:
            with open_channel(f"{bridge.host}:{bridge.port}", host) as channel:
                return self.call_grpc(channel, size)
        with Connection((bridge.host, bridge.port), seconds=60) as connection:
            fields = {"Host": host}
            if self.accept:
                fields["Accept"] = self.accept
            body = self.request(size)
            if body is not None:
                fields["Content-Type"] = self.content_type
            connection.request(self.method, self.path, fields, body)
            return self.read(connection)

    def read(self, connection):
        version, status, fields = connection.read_head()
        fields = {name.lower(): value for name, value in fields}
        assert version == "HTTP/1.1"
        body, is_whole = b"", True
        try:
            if "content-length" in fields:
                body = connection.read_exactly(int(fields["content-length"]))
            else:
                assert fields["transfer-encoding"] == "chunked"
                while chunk := connection.read_chunk():
                    body += chunk
        except Closed:
            is_whole = False
        if status != 200:
            assert is_whole
            assert fields["content-type"] == "application/json"
            error = json.loads(body)
            assert status == HTTP_OF[error["code"]], (status, error)
            return outcome(0, error)
        return self.read_messages(fields, body.decode(), is_whole)

    def read_messages(self, fields, body, is_whole):
        kind = fields["content-type"]
        if not self.streams:
            assert is_whole
            json.loads(body)
            return Outcome(1, 0)
        assert kind == self.accept
        if kind == "application/json":
            if is_whole:
                return Outcome(len(json.loads(body)), 0)
            with_end = body if body.rstrip().endswith("]") else body + "]"
            try:
                json.loads(body)
            except json.JSONDecodeError:
                return Outcome(len(json.loads(with_end)), BROKEN_OFF)
            raise AssertionError(f"a truncated response looks complete: {body!r}")
        assert is_whole
        if kind == "text/event-stream":
            events = [event for event in body.split("\n\n") if event and event != ":"]
            if events and events[-1].startswith("event: error\n"):
                error = json.loads(events[-1].split("data: ", 1)[1])
                return outcome(len(events) - 1, error)
            return Outcome(len([json.loads(event.removeprefix("data: ")) for event in events]), 0)
        lines = [json.loads(line) for line in body.splitlines()]
        if lines and lines[-1].keys() == {"error"}:
            return outcome(len(lines) - 1, lines[-1]["error"])
        return Outcome(len(lines), 0)

    def call_grpc(self, channel, size=0):
        messages = 0
        request = b"\x12" + varint(size) + b"x" * size if size else b""
        call = channel.unary_stream(self.path)(request, timeout=60)
        try:
            for _ in call:
                messages += 1
        except grpc.RpcError as error:
            return Outcome(messages, error.code().value[0], error.details() or "")
        return Outcome(messages, 0)


def open_channel(address, authority):
    """A separate client: one that has read malformed fields may misjudge later ones."""
    options = [
        ("grpc.default_authority", authority), ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
    ]  # fmt: skip
    return grpc.insecure_channel(address, options=options)


def outcome(messages, error):
    reasons = [d["reason"] for d in error.get("details", []) if d.get("domain") == "bridge-proxy"]
    return Outcome(messages, error["code"], error["message"], reasons[0] if reasons else None)


def varint(number):
    text = b""
    while number >= 128:
        text += bytes([number % 128 + 128])
        number //= 128
    return text + bytes([number])


# Field 1 of CountReply and SumReply is a number, field 2 of CountReply a string; field 15 of Everything is
# a string.
NUMBER = b"\x08\x07"
UNARY = Shape("unary", b"\x7a\x01x", False, path="/v1/echo")
UPLOAD = Shape("upload", NUMBER, False, path="/v1/sum", content_type="application/x-ndjson")
LINES = Shape("lines", NUMBER, True, "GET", "/v1/count/3", "application/x-ndjson")
EVENTS = Shape("events", NUMBER, True, "GET", "/v1/count/3", "text/event-stream")
ARRAY = Shape("array", NUMBER, True, "GET", "/v1/count/3", "application/json")
CHAT = Shape(
    "chat", b"\x12\x01x", True, path="/v1/chat", accept="application/x-ndjson",
    content_type="application/x-ndjson",
)  # fmt: skip
GRPC = Shape("grpc", NUMBER, True, path="/bridge.test.TroubleService/Count", is_raw=True)

SHAPES = (UNARY, UPLOAD, LINES, EVENTS, ARRAY, CHAT, GRPC)
ONE_REPLY = (UNARY, UPLOAD)
JSON_SHAPES = (UNARY, UPLOAD, LINES, EVENTS, ARRAY, CHAT)
