"""JSON text of a message in any spelling that ProtoJSON allows, written by the message's type."""

import decimal
import functools
import json
import re

from google.protobuf.descriptor import FieldDescriptor as Field

INTEGERS_32 = (
    Field.TYPE_INT32, Field.TYPE_UINT32, Field.TYPE_SINT32, Field.TYPE_FIXED32,
    Field.TYPE_SFIXED32,
)  # fmt: skip
INTEGERS_64 = (
    Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_SINT64, Field.TYPE_FIXED64,
    Field.TYPE_SFIXED64,
)  # fmt: skip
INTEGERS = INTEGERS_32 + INTEGERS_64
FLOATS = (Field.TYPE_DOUBLE, Field.TYPE_FLOAT)

TEXTS = ("google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask")
FREE = ("google.protobuf.Value", "google.protobuf.Struct", "google.protobuf.ListValue")


def is_wrapper(descriptor):
    return descriptor.file.name == "google/protobuf/wrappers.proto"


def has_own_form(descriptor):
    """Whether it appears in an Any as `value` beside `@type`."""
    name = descriptor.full_name
    return (
        name in TEXTS
        or name in FREE
        or name == "google.protobuf.Any"
        or is_wrapper(descriptor)
    )


def field_order(field):
    """The sort key of fields: by number, then extensions in descending order."""
    return (1, -field.number) if field.is_extension else (0, field.number)


def map_order(key, field):
    """The sort key of a map's keys. Python (upb) writes in descending order: the highest key comes
    first, and negative numbers are the highest."""
    if field.type == Field.TYPE_STRING:
        return text_order(key)
    if field.type == Field.TYPE_BOOL:
        return key == "false"
    return -(int(key) % 2**64)


@functools.cmp_to_key
def text_order(one, other):
    """By bytes; of two keys with a common prefix the longer one comes first."""
    one, other = one.encode(), other.encode()
    if one.startswith(other) or other.startswith(one):
        return len(other) - len(one)
    return -1 if one < other else 1


class Writer:
    """Writes the JSON value of a message (as MessageToDict gives it) compactly, fields and entries
    of maps in the order in which Python puts them on the wire."""

    def __init__(self, types):
        self.types = types

    def message(self, value, descriptor):
        name = descriptor.full_name
        if name in TEXTS:
            return self.well_known_text(value, name)
        if name in FREE:
            return self.free(value)
        if is_wrapper(descriptor):
            return self.scalar(value, descriptor.fields_by_name["value"])
        if name == "google.protobuf.Any":
            return self.any(value)
        return self.object(self.members(value, descriptor))

    def any(self, value):
        if not value:
            return self.object([])
        members = [("@type", self.string(value["@type"]))]
        content = self.types.find(value["@type"])
        if has_own_form(content):
            members.append(("value", self.message(value["value"], content)))
        else:
            rest = {key: each for key, each in value.items() if key != "@type"}
            members += self.members(rest, content)
        return self.object(members)

    def members(self, value, descriptor):
        """The members of a message's object, each a key and its text."""
        fields = {field.json_name: field for field in descriptor.fields}
        found = []
        for name, each in value.items():
            field = fields.get(name) or self.types.pool.FindExtensionByName(name[1:-1])
            found.append((field, each))
        found.sort(key=lambda pair: field_order(pair[0]))
        return [(self.key(field), self.field(each, field)) for field, each in found]

    def key(self, field):
        return f"[{field.full_name}]" if field.is_extension else field.json_name

    def field(self, value, field):
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, content = (
                field.message_type.fields_by_name[name] for name in ("key", "value")
            )
            entries = sorted(value.items(), key=lambda entry: map_order(entry[0], key))
            return self.object([(name, self.element(each, content)) for name, each in entries])
        if field.is_repeated:
            return self.array([self.element(each, field) for each in value])
        return self.element(value, field)

    def element(self, value, field):
        if field.message_type:
            return self.message(value, field.message_type)
        return self.scalar(value, field)

    def scalar(self, value, field):
        if value is None:
            return "null"
        if field.type in INTEGERS:
            return self.integer(int(value), is_quoted=field.type in INTEGERS_64)
        if field.type in FLOATS:
            return self.string(value) if isinstance(value, str) else self.number(value)
        if field.type == Field.TYPE_BOOL:
            return "true" if value else "false"
        if field.type == Field.TYPE_ENUM:
            return self.enum(value, field.enum_type)
        if field.type == Field.TYPE_BYTES:
            return self.base64(value)
        return self.string(value)

    def free(self, value):
        """Any JSON value."""
        if isinstance(value, dict):
            pairs = sorted(value.items(), key=lambda entry: text_order(entry[0]))
            return self.object([(key, self.free(each)) for key, each in pairs])
        if isinstance(value, list):
            return self.array([self.free(each) for each in value])
        if isinstance(value, str):
            return self.string(value)
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        return self.free_number(value)

    def object(self, members):
        return "{" + ",".join(f"{self.string(key)}:{text}" for key, text in members) + "}"

    def array(self, elements):
        return "[" + ",".join(elements) + "]"

    def string(self, text):
        return json.dumps(text)

    def integer(self, value, is_quoted):
        return f'"{value}"' if is_quoted else str(value)

    def number(self, value):
        return repr(value)

    def free_number(self, value):
        return repr(value)

    def enum(self, value, enum):
        return json.dumps(value)

    def base64(self, text):
        return json.dumps(text)

    def well_known_text(self, text, name):
        return json.dumps(text)


SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n",
                 "\r": "\\r", "\t": "\\t"}  # fmt: skip


class Speller(Writer):
    """Writes it in any legal spelling, a different one each time."""

    def __init__(self, types, random, with_unknown=False):
        super().__init__(types)
        self.random = random
        self.with_unknown = with_unknown

    def happens(self, chance):
        return self.random.random() < chance

    def members(self, value, descriptor):
        members = super().members(value, descriptor)
        # Null leaves a field unset, except for types of which null is a value.
        for field in descriptor.fields:
            if (
                self.happens(0.05)
                and field.json_name not in value
                and not is_null_a_value(field)
            ):
                members.append((self.key(field), "null"))
        if self.with_unknown and self.happens(0.5):
            names = {
                name for field in descriptor.fields for name in (field.json_name, field.name)
            }
            for key in ("", "noSuch", "no_such", "\U0001f600", "@other"):
                if key not in names and self.happens(0.4):
                    members.append((key, self.anything(3)))
        self.random.shuffle(members)
        return members

    def anything(self, depth):
        """JSON for which there is no field; numbers out of every range are still valid JSON."""
        kind = self.random.randrange(9 if depth else 7)
        if kind < 7:
            return ["null", "true", "false", "-0", "1e400", "0.1E-999", self.string('ü\0"')][
                kind
            ]
        few = range(self.random.randrange(4))
        if kind == 7:
            return self.array([self.anything(depth - 1) for _ in few])
        return super().object([(str(each), self.anything(depth - 1)) for each in few])

    def key(self, field):
        if not field.is_extension and self.happens(0.4):
            return field.name
        return super().key(field)

    def any(self, value):
        text = super().any(value)
        if len(value) < 2 or self.happens(0.5):
            return text
        # Members may precede the type that determines their meaning.
        rest = {key: each for key, each in value.items() if key != "@type"}
        content = self.types.find(value["@type"])
        if has_own_form(content):
            members = [("value", self.message(value["value"], content))]
        else:
            members = self.members(rest, content)
        members.insert(
            self.random.randrange(len(members) + 1), ("@type", self.string(value["@type"]))
        )
        return self.object(members)

    def space(self):
        if self.happens(0.8):
            return ""
        return "".join(self.random.choices(" \t\r\n", k=self.random.randint(1, 20)))

    def object(self, members):
        parts = [
            f"{self.space()}{self.string(key)}{self.space()}:{self.space()}{text}{self.space()}"
            for key, text in members
        ]
        return "{" + (",".join(parts) or self.space()) + "}"

    def array(self, elements):
        parts = [f"{self.space()}{each}{self.space()}" for each in elements]
        return "[" + (",".join(parts) or self.space()) + "]"

    def string(self, text):
        if self.happens(0.5) and all(each >= " " and each not in '"\\' for each in text):
            return f'"{text}"'
        chance = self.random.choice([0, 0.1, 1])
        return '"' + "".join(self.character(each, chance) for each in text) + '"'

    def character(self, each, chance):
        if each in SHORT_ESCAPES and (each in '"\\' or self.happens(0.5)):
            return SHORT_ESCAPES[each] if self.happens(0.7) else f"\\u{ord(each):04x}"
        if each >= " " and each not in '"\\' and not self.happens(chance):
            return each
        units = each.encode("utf-16-be")
        codes = [units[index : index + 2].hex() for index in range(0, len(units), 2)]
        return "".join(f"\\u{self.random.choice([code, code.upper()])}" for code in codes)

    def integer(self, value, is_quoted):
        text = str(value)
        form = self.random.randrange(6)
        zeros = len(text) - len(text.rstrip("0"))
        if form == 5 and value != 0 and zeros > 0:
            zeros = self.random.randint(1, zeros)
            text = text[:-zeros] + self.random.choice(["e", "E+", "e0"]) + str(zeros)
        elif form == 1:
            text += "." + "0" * self.random.randint(1, 20)
        elif form == 2 and value != 0:
            zeros = self.random.randint(1, 20)
            text += "0" * zeros + f"e-{zeros}"
        elif form == 3:
            digits = text.lstrip("-")
            point = self.random.randint(1, len(digits))
            sign = text[: -len(digits)]
            text = f"{sign}{digits[:point]}.{digits[point:]}0E+{len(digits) - point}"
        elif form == 4 and value == 0:
            text = "-0"
        return self.string(text) if self.happens(0.5) else text

    def number(self, value):
        text = self.free_number(value)
        return self.string(text) if self.happens(0.3) else text

    def free_number(self, value):
        form = self.random.randrange(4)
        if form == 0:
            return repr(value)
        # All its digits; the nearest double to them is the number itself.
        exact = decimal.Decimal(value)
        if form == 1 and abs(exact.adjusted()) < 400:
            return f"{exact:f}"
        text = f"{exact:e}" if form == 2 else f"{decimal.Decimal(repr(value)):E}"
        mantissa, exponent = re.split("[eE]", text)
        if self.happens(0.5):
            mantissa += "0" if "." in mantissa else ".0"
        exponent = f"{exponent[0]}{'0' * self.random.randrange(3)}{exponent[1:]}"
        return mantissa + self.random.choice("eE") + exponent

    def enum(self, value, enum):
        number = value if isinstance(value, int) else enum.values_by_name[value].number
        names = [each.name for each in enum.values if each.number == number]
        if names and self.happens(0.6):
            return self.string(self.random.choice(names))
        return str(number)

    def base64(self, text):
        if self.happens(0.5):
            text = text.rstrip("=")
        if self.happens(0.5):
            text = text.replace("+", "-").replace("/", "_")
        return self.string(text)

    def well_known_text(self, text, name):
        if name != "google.protobuf.FieldMask" and self.happens(0.5):
            head, fraction, unit = re.fullmatch(r"(.*?)(?:\.(\d+))?([sZ])", text).groups()
            digits = (fraction or "").rstrip("0")
            digits += "0" * self.random.randint(0, 9 - len(digits))
            text = head + (f".{digits}" if digits else "") + unit
            if unit == "Z" and self.happens(0.5):
                text = text[:-1] + self.random.choice(["+00:00", "-00:00"])
        return self.string(text)


def is_null_a_value(field):
    if field.is_repeated:
        return False
    if field.message_type:
        return field.message_type.full_name == "google.protobuf.Value"
    return bool(field.enum_type) and field.enum_type.full_name == "google.protobuf.NullValue"
