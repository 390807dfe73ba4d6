"""The codec's output, as libprotobuf-c reads it: an independent implementation in another language.

For protos with supported features: no maps, no groups, no `optional` of proto3 (docs/codec.md).
"""

import struct
import subprocess

import pytest
from google.protobuf.descriptor import FieldDescriptor as Field
from support.schemas import REPOSITORY
from support.spellings import Speller

BITS = {
    Field.TYPE_DOUBLE: "d", Field.TYPE_INT64: "q", Field.TYPE_SINT64: "q", Field.TYPE_SFIXED64: "q",
    Field.TYPE_UINT64: "Q", Field.TYPE_FIXED64: "Q", Field.TYPE_FLOAT: "f", Field.TYPE_INT32: "i",
    Field.TYPE_SINT32: "i", Field.TYPE_SFIXED32: "i", Field.TYPE_UINT32: "I",
    Field.TYPE_FIXED32: "I", Field.TYPE_ENUM: "i",
}  # fmt: skip


@pytest.fixture(scope="module")
def dump(folder):
    """The program of peers/dump.c, as a function from a type and messages to lists of lines."""
    protos = REPOSITORY / "Protos/test"
    out = folder / "protobuf-c"
    out.mkdir(exist_ok=True)
    files = ["plain2.proto", "plain3.proto"]
    subprocess.run(["protoc", f"-I{protos}", f"--c_out={out}", *files], check=True)
    sources = [REPOSITORY / "Tests/Differential/peers/dump.c"]
    sources += [out / file.replace(".proto", ".pb-c.c") for file in files]
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libprotobuf-c"],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    program = out / "dump"
    subprocess.run(
        ["cc", "-std=c11", "-O1", "-Wall", "-Werror", f"-I{out}", "-o", program, *sources, *flags],
        check=True,
    )  # fmt: skip

    def dump(name, messages):
        given = b"".join(struct.pack("<I", len(each)) + each for each in messages)
        done = subprocess.run(
            [program, name], input=given, capture_output=True, timeout=60, check=True
        )
        return [part.splitlines() for part in done.stdout.decode().split(".\n")[:-1]]

    return dump


def lines(message, path=""):
    """The expected output of the program for a message."""
    for field in sorted(message.DESCRIPTOR.fields, key=lambda field: field.number):
        value = getattr(message, field.name)
        if field.is_repeated:
            for index, each in enumerate(value):
                yield from value_lines(field, each, f"{path}.{field.name}[{index}]")
        elif not field.has_presence or message.HasField(field.name):
            yield from value_lines(field, value, f"{path}.{field.name}")


def value_lines(field, value, path):
    if field.message_type:
        yield f"{path} message"
        yield from lines(value, path)
    elif field.type == Field.TYPE_STRING:
        yield f"{path} string {value.encode().hex()}"
    elif field.type == Field.TYPE_BYTES:
        yield f"{path} bytes {value.hex()}"
    elif field.type == Field.TYPE_BOOL:
        yield f"{path} bool {int(value)}"
    else:
        bits = struct.pack(f"<{BITS[field.type]}", value)
        yield f"{path} {8 * len(bits)} {int.from_bytes(bits, 'little'):x}"


def without_nul(message):
    """Strings of libprotobuf-c end at a NUL."""
    for field, value in message.ListFields():
        if field.message_type:
            for each in value if field.is_repeated else [value]:
                without_nul(each)
        elif field.type == Field.TYPE_STRING and field.is_repeated:
            value[:] = [each.replace("\0", "") for each in value]
        elif field.type == Field.TYPE_STRING:
            setattr(message, field.name, value.replace("\0", ""))
    return message


PLAIN = ["bridge.test.plain2.Plain", "bridge.test.plain3.Plain"]


@pytest.mark.parametrize("cases", PLAIN, indirect=True)
def test_libprotobuf_c_reads_what_the_codec_writes(cases, codec, judge, types, dump):
    made = []
    for case in cases:
        for _ in range(3):
            with case:
                message = without_nul(case.make())
                speller = Speller(types, case.random)
                text = speller.message(judge.printed(message), message.DESCRIPTOR).encode()
                case.note(text=text)
                made.append((case, message, text, codec.to_wire(case.name, text)))
    dumps = dump(made[0][0].name, [wire for *_, wire in made])
    assert len(dumps) == len(made)
    for (case, message, text, wire), got in zip(made, dumps):
        with case:
            case.note(text=text, wire=wire)
            assert got == list(lines(message))


def test_the_dump_reports_errors(dump):
    """A message that's cut off, and a field that the schema doesn't have."""
    cut, unknown = dump("bridge.test.plain3.Plain", [b"\x0a", b"\x20\x01\x98\x06\x05"])
    assert cut == ["refused"]
    assert ".a_int32 32 1" in unknown and " unknown 99" in unknown
