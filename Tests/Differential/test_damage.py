"""Invalid and nearly valid inputs: codec and Python accept the same ones, as the same message.

Where they don't, the case must be in one of the tables here, with the reason. The codec is nearly
always the stricter one.
"""

import json
import re

from google.protobuf.message import EncodeError
from json_values import same
from support.codec import Refused
from support.damage import WORDS, damaged_text, damaged_wire, places, with_text
from support.encodings import has_unknown_in_entry
from support.judge import strictly_loaded

NUMBER = r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?"

# Errors of the codec for JSON that Python accepts, and why they are correct.
STRICTER = {
    rf'expected (s|u|s?fixed|u?int|sint)\w*, got "(?!{NUMBER}")':
        "int() accepts blanks, a plus, leading zeros and underscores; a string must contain a "
        "JSON number (ProtoJSON: numbers or strings; conformance suite: with blanks it fails)",
    rf'expected (float|double), got "(?!{NUMBER}")':
        "float() accepts the same, and inf and infinity; ProtoJSON has NaN, Infinity and -Infinity",
    r"expected (s|u|s?fixed|u?int|sint)\w*, got \"?-?\d{13,}":
        "Python ignores a fraction that a double can't represent; no integer is spelled like that",
    r"expected a number \((float|double)\), got (true|false)":
        "a bool is a number in Python; in ProtoJSON it isn't",
    r"expected an enum value's name or number, got (true|false)":
        "the same",
    r"expected int32, got -?\d+[.eE]":
        "int() truncates the fraction of an enum's number",
    r"\d is out of the range of int32":
        "Python keeps the lower 32 bits of an enum's number",
    r'the enum has no value "[-+\s\d_]+"':
        "ProtoJSON has names or numbers for enums, and no numbers in strings",
    r"not base64":
        "Python skips characters that aren't base64 and stops after the padding; RFC 4648 "
        "§3.3: they must be rejected unless specified otherwise",
    r'expected an object, got (""|an array)':
        "Python treats any empty value as an object without members",
    r'the required field "\w+" is missing|th(e|is) field is required':
        "Python reads messages without their required fields, and refuses to write them",
    r"expected a (timestamp|duration)":
        "Python reads the parts of times by int() and float(): 1e1, a plus; RFC 3339 has digits",
    r"not a field mask":
        "Python accepts paths that aren't lowerCamelCase; ProtoJSON requires it",
}  # fmt: skip

# Errors of Python for JSON that the codec accepts, and why the codec is correct.
LAXER = {
    r"RepeatedComposite\w*' object has no attribute 'null_value'":
        "null is a value of google.protobuf.Value, but not of a repeated field of them: as for "
        "any repeated field it means the empty list (ProtoJSON: null)",
    r"Unexpected UTF-8 BOM":
        "a reader may ignore a byte order mark (RFC 8259 §8.1)",
}  # fmt: skip

# Errors of the codec for wire bytes that Python accepts and prints.
STRICTER_ON_THE_WIRE = {
    r"the string isn't UTF-8":
        "Python doesn't check UTF-8 in proto2, and prints surrogates; JSON text must be UTF-8 (RFC "
        "8259 §8.1)",
    r"a field mask path that has no lowerCamelCase form":
        "field_mask.proto: a path that doesn't round-trip is an error; Python checks less",
    r"a tag without a field number":
        "within unknown groups Python doesn't check the numbers; there is no field 0",
}  # fmt: skip


def judged(case, codec, judge, text):
    """Compares the results of codec and Python for JSON text."""
    case.note(text=text)
    wanted, reason = judge.read(case.name, text)
    try:
        wire = codec.to_wire(case.name, text)
    except Refused as error:
        if wanted is not None:
            assert is_in(STRICTER, str(error)), f"{error}, but Python accepts it"
        return
    case.note(wire=wire)
    if not text.strip(b" \t\r\n"):
        # An empty body means an empty message: clients of methods without fields send none.
        assert wire == b""
        return
    if wanted is None:
        assert is_in(LAXER, reason), f"Python rejects it: {reason}"
        return
    judge.assert_equal(type(wanted).FromString(wire), wanted)


def in_order(value):
    """A JSON value whose members have the same order in each process, unlike those of Python's maps."""
    return json.loads(json.dumps(value, sort_keys=True))


def is_in(table, text):
    return any(re.search(pattern, text) for pattern in table)


def test_other_values(cases, codec, judge):
    """Some value, at any depth, is replaced, by one of the correct type or not."""
    for case in cases:
        with case:
            value = in_order(judge.printed(case.make()))
            everywhere = list(places(value))
            for _ in range(5):
                path, word = case.random.choice(everywhere), case.random.choice(WORDS)
                case.note(place=f"{path} became {word}")
                judged(case, codec, judge, with_text(value, path, word).encode())


def test_damaged_text(cases, codec, judge):
    for case in cases:
        with case:
            is_ascii = case.random.random() < 0.5
            value = in_order(judge.printed(case.make()))
            text = json.dumps(value, ensure_ascii=is_ascii).encode()
            for _ in range(5):
                judged(case, codec, judge, damaged_text(text, case.random))


def test_damaged_bytes(cases, codec, judge, types):
    for case in cases:
        with case:
            message = case.make()
            whole = message.SerializeToString(deterministic=True)
            for _ in range(5):
                wire = damaged_wire(whole, case.random)
                case.note(wire=wire)
                wanted = judge.read_wire(case.name, wire)
                try:
                    text = codec.to_json(case.name, wire)
                except Refused as error:
                    if wanted is not None:
                        assert is_in(STRICTER_ON_THE_WIRE, str(error)), (
                            f"{error}, but Python accepts it"
                        )
                    continue
                case.note(text=text)
                assert wanted is not None, "Python rejects it"
                value = strictly_loaded(text)
                # See test_encodings.py: upb ignores such an entry.
                if has_unknown_in_entry(wire, message.DESCRIPTOR, types):
                    continue
                try:
                    got = judge.parsed(case.name, value)
                except EncodeError:
                    # The message in an Any lacks a required field: Python doesn't pack it again.
                    assert same(value, judge.printed(wanted))
                else:
                    judge.assert_equal(got, wanted)
