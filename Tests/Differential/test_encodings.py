"""Random messages in every encoding that Protobuf has for them."""

import pytest
from json_values import same
from support.codec import Refused
from support.encodings import Rewriter
from support.judge import strictly_loaded


class Printer:
    """Prints wire bytes by the codec.

    What has to be brought into order is copied, at each level of nesting anew, and how much that is
    in all is bounded: a hostile message could ask for it at a hundred levels. A random one may get
    there too, but seldom.
    """

    def __init__(self, codec):
        self.codec = codec
        self.count = 0
        self.refused = 0

    def printed(self, case, wire):
        """The JSON value; None for a message that asks for too many copies."""
        self.count += 1
        case.note(wire=wire)
        try:
            text = self.codec.to_json(case.name, wire)
        except Refused as error:
            if "too many times over" not in str(error):
                raise
            self.refused += 1
            assert self.refused <= 1 + self.count // 20, "refused too often"
            return None
        case.note(text=text)
        return strictly_loaded(text)


@pytest.fixture
def printer(codec):
    return Printer(codec)


def test_every_encoding(cases, printer, judge, types):
    for case in cases:
        with case:
            message = case.make()
            rewriter = Rewriter(types, case.random)
            whole = message.SerializeToString(deterministic=True)
            wire = rewriter.message(whole, message.DESCRIPTOR)
            case.note(wire=wire)
            # That it's a legal encoding of the message is for Python to say.
            judge.assert_equal(type(message).FromString(wire), message)
            value = printer.printed(case, wire)
            if value is not None:
                judge.assert_equal(judge.parsed(case.name, value), message)
                assert same(value, judge.printed(message))


def test_two_messages_merged(cases, codec, printer, judge, types):
    """One behind the other they merge, at every level where both have something."""
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
                # For example a duration of the seconds of one and the nanoseconds of the other.
                with pytest.raises(Refused):
                    codec.to_json(case.name, wire)
                continue
            value = printer.printed(case, wire)
            if value is not None:
                judge.assert_equal(judge.parsed(case.name, value), merged)
                assert same(value, judge.printed(merged))


def test_an_unknown_field_in_an_entry(codec):
    """It's passed over, as in every message; to upb the whole entry is unknown then."""
    wire = bytes.fromhex("0a08 0a0161 c83e01 1003")
    assert strictly_loaded(codec.to_json("bridge.bench.Dictionary", wire)) == {
        "entries": {"a": "3"}
    }


def test_only_unknown_numbers_of_a_closed_enum(codec):
    """An empty list says the same as none, which is what upb has."""
    wire = bytes.fromhex("0a0178 5063")
    text = codec.to_json("bridge.test.legacy.Legacy", wire)
    assert strictly_loaded(text) == {"name": "x", "allLevels": []}
