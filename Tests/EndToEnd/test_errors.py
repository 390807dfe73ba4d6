"""Errors: always a google.rpc.Status in JSON, with the HTTP status of the published mapping."""

import json
import re

import pytest

HTTP_STATUS = {
    1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400,
    12: 501, 13: 500, 14: 503, 15: 500, 16: 401,
}  # fmt: skip


def fail(http, bridge, **members):
    return http.post(f"{bridge.url}/v1/fail", json=members, timeout=20)


@pytest.mark.parametrize("code", HTTP_STATUS)
@pytest.mark.parametrize("after_headers", [False, True], ids=["trailers only", "after headers"])
def test_maps_the_codes(code, after_headers, bridge, http):
    reply = fail(http, bridge, code=code, message="so it is", afterHeaders=after_headers)
    assert reply.status_code == HTTP_STATUS[code]
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"code": code, "message": "so it is"}
    leaked = {name for name in reply.headers if name.lower().startswith("grpc-")}
    assert leaked == set(), "gRPC's own headers were forwarded"


@pytest.mark.parametrize(
    "message", ["", "ünï ✗ 😀", "100% \r\n line two\ttab", "\"quoted\" \\", "%41", "x" * 3000]
)
def test_carries_the_message(message, bridge, http):
    reply = fail(http, bridge, code=9, message=message)
    assert reply.status_code == 400
    assert reply.json().get("message", "") == message


def test_decodes_details_that_the_schema_knows(bridge, http):
    reply = fail(
        http, bridge, code=3, message="höchst unfit",
        details=["DETAIL_BAD_REQUEST", "DETAIL_ERROR_INFO", "DETAIL_NESTED"],
    )  # fmt: skip
    assert reply.status_code == 400
    assert reply.json() == {
        "code": 3,
        "message": "höchst unfit",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [
                    {"field": "inputs[3].shape", "description": "must not be empty"},
                    {"field": "name", "description": "ungültig ✗", "reason": "BAD_NAME"},
                ],
            },
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "OUT_OF_STOCK",
                "domain": "test.example",
                "metadata": {"sku": "A-1", "left": "0"},
            },
            {
                "@type": "type.googleapis.com/bridge.test.Nested",
                "text": "in detail",
                "number": "-9007199254740993",
            },
        ],
    }


def test_keeps_details_of_unknown_types_as_bytes(bridge, http):
    reply = fail(
        http, bridge, code=7, message="hidden",
        details=["DETAIL_UNKNOWN_TYPE", "DETAIL_ERROR_INFO"],
    )  # fmt: skip
    assert reply.status_code == 403
    unknown, known = reply.json()["details"]
    secret = "type.googleapis.com/bridge.hidden.Secret"
    assert unknown == {"@type": secret, "value": "CgP/AAE="}
    assert known["reason"] == "OUT_OF_STOCK"


def test_knows_the_standard_details_without_an_import(start_bridge, backend, tmp_path, http):
    """google/rpc is built in, whatever the schemas import."""
    (tmp_path / "bare.proto").write_text(
        'syntax = "proto3"; package bridge.test; message Empty {}\n'
        "message FailRequest { int32 code = 1; string message = 2; repeated int32 details = 3; }\n"
        "service TroubleService { rpc Fail(FailRequest) returns (Empty); }\n"
    )
    schemas = [tmp_path / "bare.proto"]
    bridge = start_bridge({"test": {"schemas": schemas, "endpoint": backend.address}})
    reply = http.post(
        f"{bridge.url}/bridge.test.TroubleService/Fail",
        json={"code": 9, "message": "m", "details": [2, 4]}, timeout=20,
    )  # fmt: skip
    assert reply.status_code == 400, reply.text
    known, unknown = reply.json()["details"]
    assert known["reason"] == "OUT_OF_STOCK"
    assert set(unknown) == {"@type", "value"}


# The body, with the location of the error marked by "¦" if it's unambiguous; and what the message must
# contain.
BAD_BODIES = {
    "no JSON at all": ("¦hello", []),
    "cut short": ('{"aInt32": 1¦', []),
    "two values": ("{} ¦{}", []),
    "a comma too many": ('{"aInt32": 1,¦}', []),
    "no quotes": ("{¦aInt32: 1}", []),
    "single quotes": ("{¦'aInt32': 1}", []),
    "a comment": ('{"aInt32": 1 ¦/* */}', []),
    "a leading zero": ('{"aInt32": 01}', []),
    "not a number": ('{"aDouble": ¦NaN}', []),
    "a control character": ('{"aString": "a¦\x01"}', []),
    "a bad escape": ('{"aString": "\\x41"}', []),
    "half a surrogate pair": ('{"aString": "\\ud800"}', []),
    "a list instead of an object": ("¦[]", []),
    "a wrong type": ('{\n  "aInt32": ¦"x"\n}', ["aInt32"]),
    "an object for a number": ('{"aInt32": ¦{}}', ["aInt32"]),
    "a number for a text": ('{"aString": ¦1}', ["aString"]),
    "a number for a bool": ('{"aBool": ¦1}', ["aBool"]),
    "a text for a bool": ('{"aBool": ¦"true"}', ["aBool"]),
    "out of range": ('{"aInt32": ¦2147483648}', ["aInt32"]),
    "negative and unsigned": ('{"aUint64": ¦"-1"}', ["aUint64"]),
    "a fraction": ('{"aInt32": ¦1.5}', ["aInt32"]),
    "too large a float": ('{"aFloat": ¦1e39}', ["aFloat"]),
    "too large a double": ('{"aDouble": ¦1e309}', ["aDouble"]),
    "bad base64": ('{"aBytes": "!"}', ["aBytes"]),
    "an unknown enum name": ('{"aColor": ¦"BLUE"}', ["aColor", "BLUE"]),
    "null in a list": ('{"manyInt32": [1, ¦null]}', ["manyInt32[1]"]),
    "deep in lists and messages": (
        '{"manyMessage": [{},\n\n {"children": [{"number": ¦true}]}]}',
        ["manyMessage[1].children[0].number"],
    ),
    "in a map": ('{"toInt32": {"a": 1, "b": ¦"x"}}', ["toInt32", "b"]),
    "a bad map key": ('{"byInt32": {¦"x": "a"}}', ["byInt32"]),
    "an unknown field": ('{"aInt32": 1,\n ¦"nothing": 1}', ["nothing"]),
    "an unknown field deep": ('{"aMessage": {"child": {¦"no": 1}}}', ["aMessage.child", "no"]),
    "twice the same field": ('{"aInt32": 1, "aInt32": 2}', ["aInt32"]),
    "the same field by both names": ('{"aInt32": 1, "a_int32": 2}', ["aInt32"]),
    "two members of a oneof": ('{"chosenText": "a", "chosenFlag": true}', ["chosenFlag"]),
    "a bad time": ('{"timestamp": ¦"2024-02-30T00:00:00Z"}', ["timestamp"]),
    "a time out of range": ('{"timestamp": ¦"0000-01-01T00:00:00Z"}', ["timestamp"]),
    "a bad duration": ('{"duration": ¦"1"}', ["duration"]),
    "an Any without a type": ('{"any": {"text": "x"}}', ["any"]),
    "an Any of an unknown type": ('{"any": {"@type": "type.googleapis.com/no.Such"}}',
                                  ["any", "no.Such"]),
    "an invalid field mask": ('{"fieldMask": ¦"foo_bar"}', ["fieldMask"]),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_BODIES)
def test_names_the_error_and_its_location(name, bridge, http):
    marked, parts = BAD_BODIES[name]
    before, mark, after = marked.partition("¦")
    headers = {"Content-Type": "application/json"}
    body = (before + after).encode()
    reply = http.post(f"{bridge.url}/v1/echo", data=body, headers=headers, timeout=20)
    assert reply.status_code == 400, reply.text
    error = reply.json()
    assert error["code"] == 3
    plain = error["message"].replace("_", "").lower()
    for part in parts:
        assert part.lower() in plain
    place = re.search(r"line (\d+), column (\d+)", error["message"])
    assert place, error["message"]
    if mark:
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        assert (int(place[1]), int(place[2])) == (line, column), error["message"]


def test_refuses_bytes_that_are_not_utf8(bridge, http):
    for text in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3"):
        body = b'{"aString": "' + text + b'"}'
        headers = {"Content-Type": "application/json"}
        reply = http.post(f"{bridge.url}/v1/echo", data=body, headers=headers, timeout=20)
        assert (reply.status_code, reply.json()["code"]) == (400, 3)


@pytest.mark.parametrize(
    "body",
    [
        '{"value": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"value": ' + '{"a":' * 100_000 + "1" + "}" * 100_001,
        '{"aMessage": ' + '{"child":' * 50_000 + "{}" + "}" * 50_001,
        '{"nothing": ' + "[" * 100_000,
    ],
    ids=["lists", "objects", "messages", "an unknown member"],
)
def test_refuses_endless_nesting(body, bridge, http):
    headers = {"Content-Type": "application/json"}
    reply = http.post(f"{bridge.url}/v1/echo", data=body.encode(), headers=headers, timeout=20)
    assert (reply.status_code, reply.json()["code"]) == (400, 3)


@pytest.mark.parametrize("depth", [90, 101])
def test_the_depth_limit_is_a_hundred(depth, bridge, http):
    body = '{"aMessage": ' + '{"child":' * (depth - 2) + "{}" + "}" * (depth - 1)
    headers = {"Content-Type": "application/json"}
    reply = http.post(f"{bridge.url}/v1/echo", data=body.encode(), headers=headers, timeout=20)
    assert reply.status_code == (200 if depth <= 100 else 400)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        (None, 200),
        ("text/xml", 415),
        ("application/x-protobuf", 415),
    ],
)
def test_the_content_type(content_type, status, bridge, http):
    headers = {"Content-Type": content_type} if content_type else {}
    reply = http.post(f"{bridge.url}/v1/echo", data=b"{}", headers=headers, timeout=20)
    assert reply.status_code == status, reply.text
    if status == 415:
        assert "application/json" in reply.json()["message"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 200),
        ("application/vnd.test+json", 200),
        ("application/xml", 406),
        ("application/json;q=0, */*", 406),
    ],
)
def test_the_accept_field(accept, status, bridge, http):
    reply = http.post(f"{bridge.url}/v1/echo", json={}, headers={"Accept": accept}, timeout=15)
    assert reply.status_code == status
    if status == 406:
        assert reply.json()["details"][0]["reason"] == "NOT_ACCEPTABLE"
        assert "application/json" in reply.json()["message"]


def test_a_body_over_the_limit(bridge, connect, http):
    """The limit is 4 MiB; a body that declares more isn't even read."""
    connection = connect()
    head = {"Content-Length": str((4 << 20) + 1), "Content-Type": "application/json"}
    connection.request("POST", "/v1/echo", head)
    response = connection.read_response()
    assert response.status == 413
    assert response.json()["message"]
    almost = json.dumps({"aString": "x" * ((4 << 20) - 20)})
    assert len(almost) <= 4 << 20
    headers = {"Content-Type": "application/json"}
    reply = http.post(f"{bridge.url}/v1/echo", data=almost, headers=headers, timeout=30)
    assert reply.status_code == 200, reply.text[:500]


def test_a_chunked_body_over_the_limit(connect):
    connection = connect()
    connection.request("POST", "/v1/echo", {"Transfer-Encoding": "chunked",
                                            "Content-Type": "application/json"})  # fmt: skip
    chunk = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
    try:
        for _ in range(70):
            connection.send(chunk)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert connection.read_head()[1] == 413


def test_a_large_reply(bridge, http):
    reply = http.get(f"{bridge.url}/v1/big/{20 << 20}", timeout=60)
    assert reply.status_code == 200
    assert len(reply.json()["data"]) == (20 << 20) // 3 * 4 + 4


def test_a_reply_over_the_limit(bridge, http):
    """The limit of a reply message is 64 MiB."""
    reply = http.get(f"{bridge.url}/v1/big/{65 << 20}", timeout=60)
    assert (reply.status_code, reply.json()["code"]) == (429, 8)


def test_the_server_does_not_have_the_service(start_bridge, backend, tmp_path, http):
    (tmp_path / "missing.proto").write_text(
        'syntax = "proto3"; package m; message E {}\n'
        "service Missing { rpc Call(E) returns (E); }\n"
    )
    schemas = [tmp_path / "missing.proto"]
    bridge = start_bridge({"test": {"schemas": schemas, "endpoint": backend.address}})
    reply = http.post(f"{bridge.url}/m.Missing/Call", json={}, timeout=20)
    assert (reply.status_code, reply.json()["code"]) == (501, 12)
