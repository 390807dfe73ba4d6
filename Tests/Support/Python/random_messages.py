"""Random messages: every kind of field, boundary values, from a seed."""

import math
import struct

from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import FieldDescriptor as Field

INTEGERS = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SINT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: (-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1),
    Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_UINT64: (0, 2**64 - 1),
    Field.TYPE_FIXED64: (0, 2**64 - 1),
}

TEXTS = [
    "", "a", "plain text", "ünï\u0301cödé", "\U0001f600 \U0010fffd", "\u2028\u2029\ufeff",
    "\x00",
    "quote \" backslash \\ slash / tab \t line \n return \r bell \x07 delete \x7f",
    "x" * 31 + "é" + "y" * 33, "</script><!--", "long " * 400,
]  # fmt: skip


def value_of(message, field):
    """The value of a field, which may be an extension."""
    return message.Extensions[field] if field.is_extension else getattr(message, field.name)


# Types packed in Any by default: equal messages of these have equal bytes.
PACKABLE = (
    duration_pb2.Duration, timestamp_pb2.Timestamp, field_mask_pb2.FieldMask,
    wrappers_pb2.StringValue,
)  # fmt: skip


class Maker:
    """Fills messages with values drawn from `random`.

    `density` is the fraction of the outermost message's fields that are set, `packable` has the classes
    packed in Any.
    """

    def __init__(self, random, depth=4, density=0.5, packable=PACKABLE):
        self.random = random
        self.depth = depth
        self.density = density
        self.packable = packable
        self.known = {}

    def fill(self, message, depth=0):
        well_known = getattr(self, message.DESCRIPTOR.full_name.replace(".", "_"), None)
        if well_known:
            well_known(message, depth)
            return message
        chosen = {
            self.random.choice(oneof.fields).name for oneof in message.DESCRIPTOR.oneofs
        }
        # Nested messages set about eight fields: with many nested fields the message would not end.
        density = self.density if depth == 0 else 8 / max(1, len(message.DESCRIPTOR.fields))
        for field in self.fields(message.DESCRIPTOR):
            if field.containing_oneof and field.name not in chosen:
                continue
            if field.is_required or self.random.random() < min(density, 0.6):
                self.set(message, field, depth)
        return message

    def fields(self, descriptor):
        """The fields and extensions of a message, except extensions of a MessageSet, which ProtoJSON
        doesn't support."""
        if descriptor.full_name not in self.known:
            self.known[descriptor.full_name] = self.find_fields(descriptor)
        return self.known[descriptor.full_name]

    @staticmethod
    def find_fields(descriptor):
        extensions = []
        if descriptor.is_extendable:
            extensions = descriptor.file.pool.FindAllExtensions(descriptor)
            extensions.sort(key=lambda field: field.number)
        return [
            field
            for field in [*descriptor.fields, *extensions]
            if not field.message_type
            or not field.message_type.GetOptions().message_set_wire_format
        ]

    def set(self, message, field, depth):
        if field.message_type and field.message_type.GetOptions().map_entry:
            self.set_map(getattr(message, field.name), field.message_type, depth)
        elif field.is_repeated:
            values = value_of(message, field)
            for _ in range(self.random.choice([0, 1, 2, 5])):
                if field.message_type:
                    self.fill_nested(values.add(), depth)
                else:
                    values.append(self.scalar(field))
        elif field.message_type:
            value_of(message, field).SetInParent()
            self.fill_nested(value_of(message, field), depth)
        elif field.is_extension:
            message.Extensions[field] = self.scalar(field)
        else:
            setattr(message, field.name, self.scalar(field))

    def set_map(self, entries, entry, depth):
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self.random.choice([0, 1, 3])):
            if value.message_type:
                self.fill_nested(entries[self.scalar(key)], depth)
            else:
                entries[self.scalar(key)] = self.scalar(value)

    def fill_nested(self, message, depth):
        if depth + 1 < self.depth or message.DESCRIPTOR.full_name == "google.protobuf.Value":
            self.fill(message, depth + 1)
            return
        for field in self.fields(message.DESCRIPTOR):
            if field.is_required:
                self.set(message, field, depth + 1)

    def scalar(self, field):
        if field.type in INTEGERS:
            low, high = INTEGERS[field.type]
            choices = [low, high, 0, 1, 127, 128, 25000, self.random.randint(low, high)]
            return self.random.choice(choices)
        if field.type == Field.TYPE_BOOL:
            return self.random.choice([False, True])
        if field.type == Field.TYPE_STRING:
            return self.text()
        if field.type == Field.TYPE_BYTES:
            return self.random.randbytes(self.random.choice([0, 1, 2, 3, 31, 200]))
        if field.type == Field.TYPE_ENUM:
            numbers = [value.number for value in field.enum_type.values]
            # JSON has one null: a NullValue with another number is lost. A closed enum
            # has no other numbers.
            unknown = [99] if len(numbers) > 1 and not field.enum_type.is_closed else []
            return self.random.choice(numbers + unknown)
        assert field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT), field.type
        return self.number(single=field.type == Field.TYPE_FLOAT)

    def text(self):
        if self.random.random() < 0.6:
            return self.random.choice(TEXTS)
        # Of all lengths in UTF-8; surrogates aren't characters.
        highest = self.random.choice([0x7F, 0x7FF, 0xD7FF, 0x10FFFF])
        points = [self.random.randint(0, highest) for _ in range(self.random.randint(0, 40))]
        return "".join(chr(point) for point in points if not 0xD800 <= point < 0xE000)

    def number(self, single=False, finite=False):
        if single:
            value = struct.unpack("<f", self.random.randbytes(4))[0]
            edges = [0.1, 3.4028232635611926e38, 1.401298464324817e-45, 16777216.0]
        else:
            value = struct.unpack("<d", self.random.randbytes(8))[0]
            edges = [0.1, 1.7976931348623157e308, 5e-324, 9007199254740993.0, 1e21, 1e-7]
        edges += [0.0, -0.0, 1.0, -1.5, 123456.789, math.inf, -math.inf, math.nan]
        value = self.random.choice([value, *edges])
        if finite and not math.isfinite(value):
            return 1.25
        # JSON has one NaN: the bits of other NaNs are lost.
        return math.nan if math.isnan(value) else value

    # Well-known types have their own rules.

    def google_protobuf_Timestamp(self, message, depth):
        low, high = -62135596800, 253402300799
        message.seconds = self.random.choice([low, high, 0, -1, self.random.randint(low, high)])
        message.nanos = self.random.choice([0, 1, 999999999, 500000000, 123456000])

    def google_protobuf_Duration(self, message, depth):
        sign = self.random.choice([1, -1])
        message.seconds = sign * self.random.choice([0, 1, 315576000000, 86399])
        if abs(message.seconds) < 315576000000:
            message.nanos = sign * self.random.choice([0, 1, 999999999, 500000000, 10000])

    def google_protobuf_FieldMask(self, message, depth):
        names = ["name", "part.inner.id", "page_size", "a_b_c.d_e"]
        message.paths.extend(self.random.sample(names, self.random.randint(0, 3)))

    def google_protobuf_Any(self, message, depth):
        simple = depth + 1 >= self.depth
        packed = self.random.choice(PACKABLE if simple else self.packable)
        message.Pack(self.fill(packed(), depth + 1), deterministic=True)

    def google_protobuf_Value(self, message, depth):
        kinds = ["null_value", "number_value", "string_value", "bool_value"]
        if depth < self.depth:
            kinds += ["struct_value", "list_value"]
        kind = self.random.choice(kinds)
        if kind == "null_value":
            message.null_value = 0
        elif kind == "number_value":
            message.number_value = self.number(finite=True)
        elif kind == "string_value":
            message.string_value = self.text()
        elif kind == "bool_value":
            message.bool_value = self.random.choice([False, True])
        else:
            getattr(message, kind).SetInParent()
            self.fill(getattr(message, kind), depth + 1)

    def google_protobuf_Struct(self, message, depth):
        for _ in range(self.random.choice([0, 1, 3])):
            self.google_protobuf_Value(message.fields[self.text()], depth + 1)

    def google_protobuf_ListValue(self, message, depth):
        for _ in range(self.random.choice([0, 1, 3])):
            self.google_protobuf_Value(message.values.add(), depth + 1)
