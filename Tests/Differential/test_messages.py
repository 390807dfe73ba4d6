"""Random messages, both ways, as Python's protobuf writes and reads them.

Each direction is judged on its own, by Python's reader or writer and never by the codec's other
direction: two faults that cancel each other out would show.
"""

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
            wire = message.SerializeToString()
            case.note(wire=wire)
            text = codec.to_json(case.name, wire)
            case.note(text=text)
            value = strictly_loaded(text)
            judge.assert_equal(judge.parsed(case.name, value), message)
            assert same(value, judge.printed(message))
