"""Damaged inputs, some still valid: JSON values, JSON text, wire bytes."""

import json

WORDS = [
    "null", "true", "false", "0", "-0", "1", "-1", "1.5", "1.0", "1e3", "1e-1", "1e400", "-1e40",
    "2147483648", "-2147483649", "4294967296", "9223372036854775808", "18446744073709551616",
    "3.5e38", '""', '"a"', '"1"', '"-1"', '"1.5"', '"1e2"', '" 1"', '"1 "', '"+1"', '"01"', '"0x1"',
    '"1_0"', '"NaN"', '"nan"', '"Infinity"', '"-Infinity"', '"inf"', '"true"', '"AA=="', '"A"',
    '"AAAA="', '"A A="', '"\\u00e9"', '"1970-01-01T00:00:00Z"', '"1970-01-01T00:00:00"',
    '"1970-13-01T00:00:00Z"', '"0000-01-01T00:00:00Z"', '"1970-01-01T24:00:00Z"',
    '"1970-01-01T00:00:00.1234567891Z"', '"1s"', '"1"', '"1.0000000001s"', '"-1.5s"',
    '"315576000001s"', '"a,bC"', '"a_b"', "[]", "[null]", "[1]", "[[]]", "{}", '{"a":1}',
    '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}', '{"@type":"none"}',
    '{"value":1}', "NaN", "Infinity", "01", "+1", "1.", ".5", "1e", "tru", "'a'",
]  # fmt: skip

# Pieces that make a text invalid or unusual.
PIECES = [
    b"", b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud800", b"\\udc00",
    b"\\ud83d\\ude00", b"\\x", b"\x00", b"\x1f", b"\x7f", b"\xff", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xc3\xa9", b"\xef\xbb\xbf", b" ", b"\n", b"\x0b", b"\xc2\xa0", b"//",
    b"/*", b"0", b"-", b".", b"e", b"1", b"null", b"true", b",,", b"{}", b"[]", b'""',
]  # fmt: skip


def places(value, path=()):
    """The paths of all values within a JSON value."""
    yield path
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, each in pairs:
        yield from places(each, (*path, key))


def with_text(value, path, text):
    """The text of a JSON value in which the text at a path is replaced."""
    if not path:
        return text
    if isinstance(value, dict):
        parts = [
            (key, with_text(each, path[1:], text) if key == path[0] else json.dumps(each))
            for key, each in value.items()
        ]
        return "{" + ",".join(f"{json.dumps(key)}:{each}" for key, each in parts) + "}"
    parts = [
        with_text(each, path[1:], text) if index == path[0] else json.dumps(each)
        for index, each in enumerate(value)
    ]
    return "[" + ",".join(parts) + "]"


def damaged_text(text, random):
    """JSON text, of type bytes, with some of its bytes removed, repeated, or others inserted."""
    for _ in range(random.choice([1, 1, 1, 2])):
        start = random.randrange(len(text) + 1)
        end = min(len(text), start + random.choice([0, 0, 1, 1, 2, 8]))
        kind = random.randrange(8)
        if kind == 0:
            return text[:start]
        if kind == 1:
            text = text[:end] + text[start:]
        elif kind == 2 and start < len(text):
            text = (
                text[:start]
                + bytes([text[start] ^ 1 << random.randrange(8)])
                + text[start + 1 :]
            )
        else:
            text = text[:start] + random.choice(PIECES) + text[end:]
    return text


def damaged_wire(wire, random):
    """Wire bytes with some of them removed, repeated, changed, or others inserted."""
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        start = random.randrange(len(wire) + 1)
        end = min(len(wire), start + random.choice([0, 0, 1, 1, 2, 8]))
        kind = random.randrange(8)
        if kind == 0:
            return wire[:start]
        if kind == 1:
            wire = wire[:end] + wire[start:]
        elif kind < 5 and start < len(wire):
            wire = (
                wire[:start]
                + bytes([wire[start] ^ 1 << random.randrange(8)])
                + wire[start + 1 :]
            )
        else:
            some = random.choice(
                [b"", b"\0", b"\xff", b"\x80", b"\x0b\x0c", random.randbytes(2)]
            )
            wire = wire[:start] + some + wire[end:]
    return wire
