"""Random messages in every encoding that Protobuf allows for them."""

import pytest
from json_values import same
from support.codec import Refused
from support.encodings import Rewriter
from support.judge import strictly_loaded


def printed(case, codec, wire):
    """The JSON value that the codec prints for wire bytes."""
    case.note(wire=wire)
    text = codec.to_json(case.name, wire)
    case.note(text=text)
    return strictly_loaded(text)


def test_every_encoding(cases, codec, judge, types):
    for case in cases:
        with case:
            message = case.make()
            rewriter = Rewriter(types, case.random)
            whole = message.SerializeToString(deterministic=True)
            wire = rewriter.message(whole, message.DESCRIPTOR)
            case.note(wire=wire)
            # Python verifies that it's a legal encoding of the message.
            judge.assert_equal(type(message).FromString(wire), message)
            value = printed(case, codec, wire)
            judge.assert_equal(judge.parsed(case.name, value), message)
            assert same(value, judge.printed(message))


def test_two_messages_merged(cases, codec, judge, types):
    """Concatenated they merge, at every level where both have fields."""
    for case in cases:
        with case:
            rewriter = Rewriter(types, case.random)
            wire = b""
            for _ in range(2):
                message = case.make()
                whole = message.SerializeToString(deterministic=True)
                wire += rewriter.message(whole, message.DESCRIPTOR)
            case.note(wire=wire)
            merged = type(message).FromString(wire)
            if not judge.can_print(merged):
                # For example a duration with the seconds of one and the nanoseconds of the other.
                with pytest.raises(Refused):
                    codec.to_json(case.name, wire)
                continue
            value = printed(case, codec, wire)
            judge.assert_equal(judge.parsed(case.name, value), merged)
            assert same(value, judge.printed(merged))


def test_an_unknown_field_in_an_entry(codec):
    """It's ignored, as in every message; upb then treats the whole entry as unknown."""
    wire = bytes.fromhex("0a08 0a0161 c83e01 1003")
    assert strictly_loaded(codec.to_json("bridge.bench.Dictionary", wire)) == {
        "entries": {"a": "3"}
    }


def test_only_unknown_numbers_of_a_closed_enum(codec):
    """They are unknown fields; the remaining list is empty, and isn't printed."""
    wire = bytes.fromhex("0a0178 5063")
    text = codec.to_json("bridge.test.legacy.Legacy", wire)
    assert strictly_loaded(text) == {"name": "x"}
