"""Random messages in every spelling that ProtoJSON allows for them, compared with the message."""

from support.spellings import Speller, Writer


def test_fields_in_order(cases, codec, judge, types):
    """JSON in Python's order of fields results in the same bytes that Python writes, except for Any, whose
    content the codec writes even if it's empty."""
    for case in cases:
        with case:
            message = case.make()
            text = Writer(types).message(judge.printed(message), message.DESCRIPTOR).encode()
            case.note(text=text)
            wire = codec.to_wire(case.name, text)
            case.note(wire=wire)
            judge.assert_equal(type(message).FromString(wire), message)
            if b"type.googleapis.com/" not in wire:
                assert wire == message.SerializeToString(deterministic=True)


def test_every_spelling(cases, codec, judge, types):
    for case in cases:
        with case:
            message = case.make()
            speller = Speller(types, case.random)
            text = speller.message(judge.printed(message), message.DESCRIPTOR).encode()
            case.note(text=text)
            wire = codec.to_wire(case.name, text)
            case.note(wire=wire)
            judge.assert_equal(type(message).FromString(wire), message)


def test_unknown_members(cases, codec, judge, types):
    for case in cases:
        with case:
            message = case.make()
            speller = Speller(types, case.random, with_unknown=True)
            text = speller.message(judge.printed(message), message.DESCRIPTOR).encode()
            case.note(text=text)
            wire = codec.to_wire(case.name, text, ignoring_unknown=True)
            case.note(wire=wire)
            judge.assert_equal(type(message).FromString(wire), message)
