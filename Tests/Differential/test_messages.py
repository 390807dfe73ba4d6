"""Random messages in both directions, as Python's protobuf writes and reads them.

Each direction is verified on its own, by Python's reader or writer and never by the codec's other
direction: two bugs that cancel each other out would show.
"""

import pytest
from json_values import same
from support.judge import strictly_loaded


def test_what_python_writes_in_json(cases, codec, judge):
    for case in cases:
        with case:
            message = case.make()
            text = judge.text(
                message,
                preserving_proto_field_name=case.random.random() < 0.3,
                use_integers_for_enums=case.random.random() < 0.3,
                always_print_fields_with_no_presence=case.random.random() < 0.3,
                indent=case.random.choice([None, 0, 2]),
                ensure_ascii=case.random.random() < 0.5,
                sort_keys=case.random.random() < 0.3,
            ).encode()
            case.note(text=text)
            wire = codec.to_wire(case.name, text)
            case.note(wire=wire)
            judge.assert_equal(type(message).FromString(wire), message)


def test_what_python_writes_on_the_wire(cases, codec, judge):
    for case in cases:
        with case:
            message = case.make()
            wire = message.SerializeToString(deterministic=True)
            case.note(wire=wire)
            text = codec.to_json(case.name, wire)
            case.note(text=text)
            value = strictly_loaded(text)
            judge.assert_equal(judge.parsed(case.name, value), message)
            assert same(value, judge.printed(message))


# Print options of the codec, and the equivalent ones of Python. Python prints 64-bit integers as numbers
# only where a double represents them exactly: that option is verified by reading.
PRINT_OPTIONS = {
    "--always-print-defaults": {"always_print_fields_with_no_presence": True},
    "--enum-numbers": {"use_integers_for_enums": True},
    "--int64-as-number": None,
    "--proto-names": {"preserving_proto_field_name": True},
}


@pytest.mark.parametrize("option", PRINT_OPTIONS)
def test_print_options(cases, start_codec, judge, option):
    codec = start_codec(option)
    for case in cases:
        with case:
            message = case.make()
            wire = message.SerializeToString(deterministic=True)
            case.note(wire=wire)
            text = codec.to_json(case.name, wire)
            case.note(text=text)
            value = strictly_loaded(text)
            judge.assert_equal(judge.parsed(case.name, value), message)
            if PRINT_OPTIONS[option]:
                wanted = judge.printed(message, **PRINT_OPTIONS[option])
                assert same(null_as_zero(value), null_as_zero(wanted))


def null_as_zero(value):
    """ProtoJSON has null for NullValue; where enums are numbers, Python prints 0."""
    if isinstance(value, dict):
        return {key: null_as_zero(each) for key, each in value.items()}
    if isinstance(value, list):
        return [null_as_zero(each) for each in value]
    return 0 if value is None else value
