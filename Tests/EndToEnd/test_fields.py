"""Every kind of field in both directions, compared with the JSON mapping of Python's protobuf.

Each direction is verified on its own: the received message is requested from the gRPC server itself, and
the message to send is put there without the bridge. Two bugs that cancel each other out would show.
"""

import json
import random

import pytest
from google.protobuf import json_format
from json_values import differences
from random_messages import Maker

SEEDS = range(40)


@pytest.fixture
def send(bridge, backend, stubs, http, key):
    """Posts JSON text through the bridge; returns the message that the server received, and the reply."""

    def send(text):
        members = text.strip()[1:].strip()
        keyed = f'{{"key": "{key}"' + ("}" if members == "}" else ", " + members)
        reply = http.post(
            f"{bridge.url}/v1/echo",
            data=keyed.encode(),
            headers={"Content-Type": "application/json"},
            timeout=20,
        )
        assert reply.status_code == 200, reply.text
        got = backend.echo.Recall(stubs.echo.RecallRequest(key=key), timeout=10)
        printed = stubs.everything.Everything()
        assert_equal(json_format.ParseDict(json.loads(reply.text), printed), got)
        assert reply.headers["content-type"] == "application/json"
        got.key = ""
        return got, json.loads(reply.text)

    return send


@pytest.fixture
def fetch(bridge, backend, stubs, http, key):
    """The bridge's JSON for a message on the server."""

    def fetch(message):
        message.key = key
        backend.echo.Echo(message, timeout=10)
        reply = http.get(f"{bridge.url}/v1/kept/{key}", timeout=20)
        assert reply.status_code == 200, reply.text
        return reply.text

    return fetch


def expected(stubs, text):
    return json_format.Parse(text, stubs.everything.Everything())


def text_of(message):
    """A message as text that is equal for equal messages, including contents of Any (whose bytes may
    differ: a default may be written or not)."""
    return json_format.MessageToJson(message, sort_keys=True, ensure_ascii=False)


def assert_equal(got, wanted):
    one, other = text_of(got), text_of(wanted)
    if one != other:
        pairs = json.loads(one), json.loads(other)
        names = sorted({name for each in pairs for name in each})
        both = [(name, *(repr(each.get(name, "absent")) for each in pairs)) for name in names]
        pytest.fail("\n".join(f"{n}: {a}, not {b}" for n, a, b in both if a != b), pytrace=False)


def both(value):
    return {"aInt64": value, "manyInt64": [value, value], "boxedInt64": value}


ACCEPTED = {
    "nothing": {},
    "integers at their bounds": {
        "aInt32": -(2**31), "aInt64": str(-(2**63)), "aUint32": 2**32 - 1,
        "aUint64": str(2**64 - 1), "aSint32": -(2**31), "aSint64": str(2**63 - 1),
        "aFixed32": 2**32 - 1, "aFixed64": str(2**64 - 1), "aSfixed32": -1, "aSfixed64": "-1",
    },
    "64-bit integers as numbers": both(-9007199254740993),
    "32-bit integers as strings": {"aInt32": "-7", "manyUint32": ["1", 2]},
    "floats": {"aDouble": 0.1, "aFloat": 0.1, "manyDouble": [1e308, -1e-308, 5e-324, 1]},
    "floats as strings": {"aDouble": "1.5e3", "aFloat": "-2"},
    "not finite": {"manyDouble": ["NaN", "Infinity", "-Infinity"], "aFloat": "-Infinity"},
    "negative zero": {"aDouble": -0.0, "manyFloat": [-0.0, 0.0]},
    "texts": {"aString": "ü \U0001f600 \" \\ \u2028 \x00", "manyString": ["", "a", "\t\n\r"]},
    "bytes": {"aBytes": "AP8Q", "manyBytes": ["", "YQ==", "YWI="]},
    "bytes of the other alphabet": {"aBytes": "-_-_"},
    "enum names": {"aColor": "COLOR_RED", "manyColor": ["COLOR_NEGATIVE", "COLOR_UNSPECIFIED"]},
    "enum numbers": {"aColor": 2, "manyColor": [-3, 0, 77], "anAlias": 1},
    "the second name of a number": {"anAlias": "ALIASED_SAME"},
    "nested": {"aMessage": {"text": "x", "child": {"child": {}, "children": [{}, {"number": 3}]}}},
    "proto names": {"a_int32": 5, "many_string": ["a"], "boxed_int64": "9"},
    "null is unset": {"aInt32": None, "manyInt32": None, "aMessage": None, "timestamp": None},
    "repeated, one record an element": {"looseInt32": [1, -1], "looseDouble": [0.5, 1e10],
                                        "looseBool": [True, False], "looseColor": ["COLOR_RED"]},
    "empty lists and maps": {"manyInt32": [], "byString": {}, "manyMessage": [{}]},
    "map keys": {
        "byInt32": {"-1": "a"}, "byInt64": {str(-(2**63)): "a"}, "byUint32": {"1": "a"},
        "byUint64": {str(2**64 - 1): "a"}, "bySint32": {"-1": "a"}, "bySint64": {"-1": "a"},
        "byFixed32": {"1": "a"}, "byFixed64": {"1": "a"}, "bySfixed32": {"-1": "a"},
        "bySfixed64": {"-1": "a"}, "byBool": {"true": "a", "false": ""},
        "byString": {"": "a", "ü\"": "b"},
    },
    "map values": {
        "toDouble": {"a": "NaN"}, "toInt64": {"a": "5"}, "toBool": {"a": False},
        "toBytes": {"a": "AA=="}, "toColor": {"a": "COLOR_RED"}, "toMessage": {"a": {}},
        "toTimestamp": {"a": "1970-01-01T00:00:00Z"}, "toValue": {"a": None, "b": [1]},
        "toInt64Value": {"a": "0"}, "toStruct": {"a": {"b": 1}},
    },
    "a oneof's text": {"chosenText": ""},
    "a oneof's null": {"chosenNull": None},
    "a oneof's message": {"chosenMessage": {}},
    "a oneof's JSON null": {"chosenValue": None},
    "present zeros": {"maybeInt32": 0, "maybeString": "", "maybeBool": False, "maybeBytes": "",
                      "maybeColor": "COLOR_UNSPECIFIED", "maybeMessage": {}, "maybeDouble": 0},
    "times": {
        "timestamp": "0001-01-01T00:00:00Z",
        "manyTimestamp": ["9999-12-31T23:59:59.999999999Z", "2024-02-29T12:00:00.5+05:30",
                          "1969-12-31T23:59:59.999Z"],
    },
    "durations": {"duration": "-315576000000s", "manyDuration": ["0.000000001s", "-0.5s", "3s"]},
    "a field mask": {"fieldMask": "a,fooBar.bazQux,x1"},
    "an empty field mask": {"fieldMask": ""},
    "any JSON": {
        "struct": {"a": 1, "b": [None, {"c": "d"}], "": True}, "value": [1, "2", None, {"x": {}}],
        "listValue": [[], {}, None], "manyValue": [None, 1.5, "x", False, [], {}],
        "manyStruct": [{}, {"a": None}], "manyListValue": [[], [1]],
    },
    "JSON null as a value": {"value": None},
    "empty message and null": {"empty": {}, "nullValue": None},
    "wrappers": {
        "boxedDouble": 0, "boxedFloat": "Infinity", "boxedInt64": "0", "boxedUint64": 7,
        "boxedInt32": -1, "boxedUint32": 1, "boxedBool": False, "boxedString": "",
        "boxedBytes": "AA==", "manyInt64Value": ["1", 2], "manyStringValue": [""],
    },
    "a message in Any": {
        "any": {"@type": "type.googleapis.com/bridge.test.Nested", "text": "x", "number": "5"},
    },
    "a well-known type in Any": {
        "any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1.5s"},
    },
    "JSON in Any": {
        "any": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {"a": [None, 1]}},
    },
    "Any in Any": {
        "manyAny": [{
            "@type": "type.googleapis.com/google.protobuf.Any",
            "value": {"@type": "type.googleapis.com/bridge.test.Nested", "number": "1"},
        }],
    },
    "the type of an Any last": {
        "any": {"text": "x", "@type": "type.googleapis.com/bridge.test.Nested"},
    },
    "hard names": {"another-name \"quoted\"": "a", "word2Digits3x": "b", "CapitalWord": "c",
                   "trailing": "d", "Leading": "e", "@kind": "f"},
    "high tags": {"at2047": 1, "at2048": 2, "at262143": 3, "atMax": 4},
}  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_reads_and_writes(name, send, stubs):
    text = json.dumps(ACCEPTED[name])
    wanted = expected(stubs, text)
    got, printed = send(text)
    assert_equal(got, wanted)
    printed.pop("key")
    assert differences(printed, json.loads(json_format.MessageToJson(wanted))) == {}


TEXTS = {
    "blanks everywhere": ' { "aInt32" :\t1 ,\r\n "manyInt32" : [ 1 , 2 ] } ',
    "escapes": r'{"aString": "\u0041\u00fc\ud83d\ude00\/\b\f\n\r\t\"\\"}',
    "an escaped key": r'{"\u0061Int32": 3}',
    "raw UTF-8": '{"aString": "ü😀"}',
    "an integer with an exponent": '{"aInt32": 1e3, "aInt64": 1.0, "manyUint32": [2E0]}',
    "many digits": '{"aDouble": 0.1000000000000000055511151231257827021181583404541015625}',
    "halfway between two doubles": '{"aDouble": 9007199254740993}',
    "a small number": '{"aDouble": 2.4703282292062328e-324, "aFloat": 1e-45}',
}


@pytest.mark.parametrize("name", TEXTS)
def test_reads_every_spelling(name, send, stubs):
    got, _ = send(TEXTS[name])
    wanted = expected(stubs, TEXTS[name])
    assert_equal(got, wanted)


@pytest.mark.parametrize("seed", SEEDS)
def test_reads_random_messages_of_python(seed, send, stubs):
    message = Maker(random.Random(seed)).fill(stubs.everything.Everything())
    message.key = ""
    got, _ = send(json_format.MessageToJson(message, ensure_ascii=seed % 2 == 0))
    assert_equal(got, message)


@pytest.mark.parametrize("seed", SEEDS)
def test_writes_random_messages_for_python(seed, fetch, stubs):
    message = Maker(random.Random(1000 + seed)).fill(stubs.everything.Everything())
    text = fetch(message)
    got = json_format.ParseDict(json.loads(text), stubs.everything.Everything())
    assert_equal(got, message)
    assert differences(json.loads(text), json.loads(json_format.MessageToJson(message))) == {}


def test_a_large_message(send, stubs):
    message = stubs.everything.Everything()
    message.many_double.extend(index / 7 for index in range(20_000))
    message.many_string.extend(f"text {index}" for index in range(10_000))
    for index in range(5_000):
        message.by_int32[index] = "x" * (index % 40)
    got, printed = send(json_format.MessageToJson(message))
    assert_equal(got, message)
    assert printed["manyDouble"] == list(message.many_double)


LEGACY = {
    "defaults are not sent": {"name": "x"},
    "everything": {
        "name": "x", "count": 0, "level": "LOW", "loose": [1, 2], "packed": [3, 4],
        "box": {"width": 3, "item": [{"text": "a"}, {}]}, "number": "5", "counts": {"a": 1},
        "allLevels": ["LOW", "HIGH"],
    },
    "extensions": {
        "name": "x", "[bridge.test.legacy.note]": "n", "[bridge.test.legacy.marks]": ["1", "2"],
        "[bridge.test.legacy.other]": {"name": "y"},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LEGACY)
def test_proto2(name, bridge, http):
    path = "/bridge.test.legacy.LegacyService/Echo"
    reply = http.post(bridge.url + path, json=LEGACY[name], timeout=20)
    assert reply.status_code == 200, reply.text
    assert reply.json() == LEGACY[name]
