#!/usr/bin/env python3
"""Writes the seed inputs of the fuzz targets: scripts/fuzz_seeds.py FOLDER. Needs protoc.

Fuzzing goes far beyond these; they define the input format (see CodecInput.swift,
DescriptorSetTarget.swift, PathTemplateTarget.swift) and reach every kind of field.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
EVERYTHING, NESTED, LEGACY, MIXED, STRICT, ORDER, TENSOR, NODE, DICTIONARY, BATCH = range(10)
ANY, VALUE, STRUCT, LIST, TIMESTAMP, DURATION, MASK, DOUBLE, FLOAT, INT64 = range(10, 20)
UINT32, BOOL, STRING, BYTES, EMPTY, STATUS, BAD_REQUEST, FILE = range(20, 28)
FIELD_RULE, NO_BODY, FROM_WIRE = 0x10, 0x20, 0x80
RESPONSE_FIELD = 0x80

JSON = [
    (EVERYTHING, '{"aDouble":1.5,"aFloat":-0.25,"aInt32":-1,"aInt64":"9","aUint32":7,"aUint64":"18"}'),
    (EVERYTHING, '{"aSint32":-2,"aSint64":"-3","aFixed32":1,"aFixed64":"2","aSfixed32":-3,"aSfixed64":"4"}'),
    (EVERYTHING, '{"aBool":true,"aString":"\\u00e9\\ud83d\\ude00\\n","aBytes":"AQID-_8=","aColor":"COLOR_RED"}'),
    (EVERYTHING, '{"aDouble":"NaN","aFloat":"Infinity","manyDouble":["-Infinity",1e300,5e-324,-0.0,1e-7]}'),
    (EVERYTHING, '{"manyInt32":[1,2,3],"looseInt32":[4,5],"manyString":["a",""],"manyBytes":["","AA=="]}'),
    (EVERYTHING, '{"manyColor":["COLOR_GREEN",2,-3],"anAlias":"ALIASED_SAME","looseColor":[77]}'),
    (EVERYTHING, '{"byInt32":{"-1":"a"},"byUint64":{"18446744073709551615":"b"},"byBool":{"true":"","false":"x"}}'),
    (EVERYTHING, '{"byString":{"a":"b","":""},"toDouble":{"x":1.5},"toColor":{"c":"COLOR_RED"},"toBytes":{"b":"AQ"}}'),
    (EVERYTHING, '{"toMessage":{"k":{"text":"t","child":{"number":"3"}}},"toTimestamp":{"t":"2024-01-01T00:00:00Z"}}'),
    (EVERYTHING, '{"toValue":{"n":null},"toStruct":{"s":{"a":[1]}},"toInt64Value":{"i":"5"},"chosenNull":null}'),
    (EVERYTHING, '{"any":{"@type":"type.googleapis.com/bridge.test.Nested","text":"a","child":{}}}'),
    (EVERYTHING, '{"any":{"value":"1.5s","@type":"a/google.protobuf.Duration"},"manyAny":[{},{"@type":"x/google.protobuf.Any","value":{}}]}'),
    (EVERYTHING, '{"timestamp":"1970-01-01T00:00:01.5+01:00","duration":"-1.000000001s","fieldMask":"a.bC,d"}'),
    (EVERYTHING, '{"struct":{"a":[1,{"b":null}],"c":"d"},"value":[true,1e3,"x"],"listValue":[[],{}],"nullValue":null}'),
    (EVERYTHING, '{"boxedDouble":1,"boxedFloat":"NaN","boxedInt64":"1","boxedUint64":"2","boxedInt32":3,"boxedUint32":4}'),
    (EVERYTHING, '{"boxedBool":false,"boxedString":"s","boxedBytes":"AA==","manyInt64Value":["1"],"manyBytesValue":["AQ=="]}'),
    (EVERYTHING, '{"manyTimestamp":["9999-12-31T23:59:59.999999999Z"],"manyDuration":["315576000000s"],"manyStruct":[{}],"manyValue":[null,1]}'),
    (EVERYTHING, '{"another-name \\"quoted\\"":"x","@kind":"y","_leading":"z","at_max":1,"at2047":2,"maybeInt32":0}'),
    (EVERYTHING, '{"chosenMessage":{"children":[{},{"text":"\\"\\\\/\\b\\f\\n\\r\\t"}]},"maybeString":"","empty":{}}'),
    (NESTED, '{"child":{"child":{"child":{"child":{}}}},"children":[{"children":[{}]}]}'),
    (LEGACY, '{"name":"n","count":1,"level":"HIGH","loose":[1],"packed":[2],"box":{"width":1,"item":[{"text":"x"}]}}'),
    (LEGACY, '{"name":"n","text":"t","counts":{"a":1},"allLevels":["LOW"],"[bridge.test.legacy.note]":"x","[bridge.test.legacy.marks]":["1"]}'),
    (MIXED, '{"explicitText":"","implicitText":"a","implicitRatio":-0.0,"open":"OPEN_LOW","closed":4,"manyClosed":["CLOSED_TWO"]}'),
    (MIXED, '{"loose":[-1],"delimited":{"delimited":{}},"manyDelimited":[{},{"value":"AQ=="}],"delimitedTime":"2024-01-01T00:00:00Z"}'),
    (MIXED, '{"delimitedAny":[{"@type":"a/google.protobuf.Value","value":[1]}],"delimitedValue":{"a":null},"":7}'),
    (MIXED, '{"closedByName":{"a":2},"anyByFlag":{"true":{}},"nullByNumber":{"1":null},"manyNull":[null],"mask":"a"}'),
    (MIXED, '{"boxed":1,"strict":{"number":0},"manyList":[[1],[]],"[bridge.test.editions.outer]":{},"[bridge.test.editions.Mixed.inner]":[1]}'),
    (STRICT, '{"number":1,"inner":{"number":2}}'),
    (ORDER, '{"orderId":"1","customer":{"billing":{"lines":["a"]}},"lines":[{"unitPrice":{"currency":1}}],"counters":{"a":"1"}}'),
    (TENSOR, '{"name":"x","shape":["2"],"fp32Contents":[0.1,1e-3,3.4028235e38],"rawContents":"AAAAAAAAAAAAAAAA"}'),
    (NODE, '{"name":"level 1","depth":1,"child":{"name":"level 2"}}'),
    (DICTIONARY, '{"entries":{"a":"1","b":2}}'),
    (BATCH, ' { "ticks" : [ {"sequence":"1","symbol":"a","price":0.5,"last":true} , {} ] } '),
    (VALUE, '{"a":{"a":{"a":[[[null]]]}}}'), (STRUCT, '{"a":1}'), (LIST, '[1,"a",null]'),
    (TIMESTAMP, '"0001-01-01T00:00:00Z"'), (DURATION, '"0.1s"'), (MASK, '"a,b.c"'), (DOUBLE, '1e22'),
    (FLOAT, '"-Infinity"'), (INT64, '"-9223372036854775808"'), (UINT32, '4294967295'), (BOOL, 'true'),
    (STRING, '"\\ud834\\udd1e"'), (BYTES, '"_-8"'), (EMPTY, '{}'),
    (STATUS, '{"code":3,"message":"m","details":[{"@type":"a/google.rpc.BadRequest","fieldViolations":[{"field":"f"}]}]}'),
    (ANY, '{"@type":"a/google.protobuf.StringValue","value":"x"}'), (FILE, '{"name":"f","messageType":[{"name":"M"}]}'),
]

TEXT = [
    ("bridge.test.Everything", EVERYTHING, 'a_double: 1.5 a_int32: -1 a_sint64: -3 a_fixed32: 1 a_bool: true a_string: "x" a_bytes: "\\377"'),
    ("bridge.test.Everything", EVERYTHING, 'many_int32: [1,2] loose_int32: [3] many_float: [1.5] many_string: ["a",""] many_color: COLOR_RED loose_double: 1'),
    ("bridge.test.Everything", EVERYTHING, 'by_int32 { key: -1 value: "a" } by_bool { key: true } to_message { key: "k" value { text: "t" } } to_double { key: "d" value: nan }'),
    ("bridge.test.Everything", EVERYTHING, 'a_message { child { text: "a" } children { number: 3 } } chosen_null: NULL_VALUE maybe_int32: 0 at_max: 1'),
    ("bridge.test.Everything", EVERYTHING, 'any { [type.googleapis.com/bridge.test.Nested] { text: "x" } } timestamp { seconds: 1 nanos: 5 } duration { seconds: -1 } field_mask { paths: "a_b.c" }'),
    ("bridge.test.Everything", EVERYTHING, 'struct { fields { key: "a" value { list_value { values { null_value: NULL_VALUE } values { number_value: 1 } } } } } value { string_value: "x" } boxed_int64 { value: 3 } boxed_bytes { value: "a" }'),
    ("bridge.test.legacy.Legacy", LEGACY, 'name: "n" level: HIGH loose: 1 packed: [1,2] Box { width: 3 Item { text: "x" } Item { } } counts { key: "a" value: 1 } [bridge.test.legacy.note]: "x" [bridge.test.legacy.other] { name: "o" }'),
    ("google.protobuf.Any", ANY, '[type.googleapis.com/google.protobuf.Duration] { seconds: 1 }'),
    ("google.protobuf.Value", VALUE, 'struct_value { fields { key: "a" value { bool_value: true } } }'),
]

# Wire data that protoc can't write: repeated fields, split fields, members of one oneof, invalid entries.
WIRE = [
    (EVERYTHING, "20 01 20 02"), (EVERYTHING, "9a 01 03 0a 01 61 9a 01 02 10 05"),
    (EVERYTHING, "8a 02 01 01 20 01 8a 02 01 02"), (EVERYTHING, "80 07 00 fa 06 01 61"),
    (EVERYTHING, "92 05 03 0a 01 61 92 05 06 12 01 62 0a 01 61"), (EVERYTHING, "db 3e e3 3e 08 01 e4 3e dc 3e 20 01"),
    (MIXED, "43 0a 01 61 44 20 01 43 0a 01 62 44 53 08 01 54 5b 0a 00 5c 63 11 00 00 00 00 00 00 f0 3f 64"),
    (MIXED, "6a 05 0a 01 61 10 02 6a 05 0a 01 61 10 09 30 02 30 03 a3 01 a4 01 98 01 02"),
    (VALUE, "11 00 00 00 00 00 00 f0 3f 1a 01 61"),
]

BINDINGS = [
    (EVERYTHING, NO_BODY, 0, "/a_string=x&manyInt32=1&many_int32=2&aMessage.text=t&aColor=COLOR_RED&maybeBool=true\n"),
    (EVERYTHING, FIELD_RULE, 18, 'aDouble=1e5&timestamp=2024-01-01T00:00:00Z&duration=1s&fieldMask=a,b&boxedInt64=5\n{"text":"a"}'),
    (EVERYTHING, FIELD_RULE, 128 + 18, "/a_message.number=5&aMessage.child.child.text=q&aBytes=AQ==&aFloat=NaN\n\"body\""),
    (EVERYTHING, NO_BODY | 2, 0, "nope=1&aMessage.children=1&boxedString=s&boxedBytes=AA&looseColor=2&chosenFlag=true\n"),
    (LEGACY, NO_BODY, 0, "name=n&box.width=3&loose=1&number=7\n"),
    (MIXED, FIELD_RULE, 7, "closed=4&mask=a&manyNull=null&delimited_time=2024-01-01T00:00:00Z\n{}"),
]

DESCRIPTORS = [
    """name: "a" package: "a" syntax: "proto3" message_type { name: "M"
       field { name: "x" json_name: "x" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: ".a.M.E" }
       field { name: "y" number: 2 label: LABEL_OPTIONAL type: TYPE_STRING oneof_index: 0 proto3_optional: true }
       nested_type { name: "E" options { map_entry: true }
         field { name: "key" number: 1 type: TYPE_STRING } field { name: "value" number: 2 type: TYPE_MESSAGE type_name: "M" } }
       oneof_decl { name: "o" } }
       service { name: "S" method { name: "C" input_type: ".a.M" output_type: ".a.M" } }""",
    """name: "b" syntax: "editions" edition: EDITION_2023 options { features { field_presence: IMPLICIT enum_type: CLOSED } }
       enum_type { name: "E" value { name: "A" number: 1 } value { name: "B" number: -2147483648 } }
       message_type { name: "M" field { name: "e" number: 1 label: LABEL_REPEATED type: TYPE_ENUM type_name: "E" options { packed: true } }
         field { name: "g" number: 536870911 type: TYPE_GROUP type_name: "M" } }""",
    """name: "google/protobuf/struct.proto" package: "google.protobuf" message_type { name: "Struct" } message_type { name: "Value" }
       message_type { name: "ListValue" }""",
    """name: "google/protobuf/wrappers.proto" package: "google.protobuf" message_type { name: "Int64Value" }""",
    """name: "c" message_type { name: "M" extension_range { start: 1 end: 9 } }
       extension { name: "x" number: 3 type: TYPE_INT32 extendee: "M" label: LABEL_OPTIONAL default_value: "1" }""",
]


def program(*steps):
    """Instructions for DescriptorAssembler: (field number, kind, following bytes)."""
    code = bytearray([0])
    for number, kind, *rest in steps:
        code.append(number << 3 | kind)
        code.extend(rest)
    return bytes(code)


OPEN, CLOSE = 3, 4
PROGRAMS = [
    program((1, OPEN), (1, 2, 1), (4, OPEN), (1, 2, 1), (2, OPEN), (1, 2, 1), (3, 0, 1), (5, 0, 5)),
    program((1, OPEN), (1, 2, 1), (4, OPEN), (1, 2, 1), (2, OPEN), (1, 2, 1), (3, 0, 1), (4, 0, 3), (6, 2, 4),
            (5, 0, 11), (0, CLOSE), (7, OPEN), (7, 0, 1)),
    program((1, OPEN), (1, 2, 27), (2, 2, 14), (4, OPEN), (1, 2, 15), (2, OPEN), (1, 2, 8), (3, 0, 1)),
    program((1, OPEN), (1, 2, 1), (6, OPEN), (1, 2, 1), (2, OPEN), (1, 2, 1), (2, 2, 42), (3, 2, 42), (4, OPEN),
            (31, OPEN), (2, 2, 46), (7, 2, 49)),
]

PATHS = [
    "/v1/{name=shelves/*/books/*}\n/v1/{name=shelves/*}:summary\n>/v1/shelves/1/books/2\n>/v1/shelves/1:summary",
    "/v1/files/{name=**}\n/v1/files/{name=**}:stat\n/v1/{name=**}/children\n>/v1/files/a/b:stat\n>/v1/files/\n>/v1//children",
    "/\n/*\n/**\n/a%2Fb/{c.d_e}:v%3A\n>/a%2fb/%zz:v:\n>/a/\n>\n>x",
    "/a/{b=c/**/d/e}/f\n/a/*/c\n/a/b/*\n/{x=a}/{y=*}\n>/a/b/c\n>/a/c/x/y/d/e/f\n>/a/c/d/e/f",
    "/v1:x\n/:v\n/{a\n/{a=}\n/a**\n/**/*\n/{a}{b}\n/a b\n/caf\u00e9/%C3%A9\n>/caf%c3%a9/\u00e9",
]


def protoc(message, text, *files):
    return subprocess.run(
        ["protoc", "-I", ROOT / "Protos/test", "-I", ROOT / "schemas", f"--encode={message}", *files],
        input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def main():
    out = pathlib.Path(sys.argv[1])
    count = {}

    def write(target, data):
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        count[target] = count.get(target, 0) + 1
        (folder / f"seed-{count[target]:03}").write_bytes(data)

    for kind, text in JSON:
        write("json-to-wire", bytes([kind, 0, 0, 0]) + text.encode())
        write("round-trip", bytes([kind, 0, 0, 0]) + text.encode())
    for kind, flags, field, text in BINDINGS:
        write("json-to-wire", bytes([kind, flags, 0, field]) + text.encode())
    wires = [(kind, bytes.fromhex(text)) for kind, text in WIRE]
    for message, kind, text in TEXT:
        wires.append((kind, protoc(message, text, "everything.proto", "legacy.proto")))
    for kind, wire in wires:
        write("wire-to-json", bytes([kind, 0, 0, 0]) + wire)
        write("wire-to-json", bytes([kind, 0, 0x0F | RESPONSE_FIELD, 18]) + wire)
        write("round-trip", bytes([kind, FROM_WIRE, 1, 0]) + wire)
    for text in DESCRIPTORS:
        write("descriptor-set", protoc(
            "google.protobuf.FileDescriptorSet", f"file {{ {text} }}", "google/protobuf/descriptor.proto"))
    for code in PROGRAMS:
        write("descriptor-set", code)
    for text in PATHS:
        write("path-template", text.encode())


main()
