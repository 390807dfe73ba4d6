"""Python's protobuf as the reference for the value of a message."""

import json
import math

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import DecodeError, EncodeError


# Errors of Python's protobuf for invalid inputs, which vary. SystemError is the one for half a
# surrogate pair in a name.
WRONG = (
    ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError, SystemError,
    json_format.Error, DecodeError, EncodeError,
)  # fmt: skip


class Judge:
    def __init__(self, types):
        self.types = types

    def printed(self, message, **options):
        """The JSON value that Python prints for a message."""
        return json_format.MessageToDict(message, descriptor_pool=self.types.pool, **options)

    def text(self, message, **options):
        """The JSON text that Python prints for a message."""
        return json_format.MessageToJson(message, descriptor_pool=self.types.pool, **options)

    def can_print(self, message):
        """Whether a message has a JSON form: the two parts of a duration may have different signs."""
        try:
            self.printed(message)
        except WRONG:
            return False
        return True

    def parsed(self, name, value):
        """The message that Python reads from a JSON value."""
        message = self.types[name]()
        json_format.ParseDict(value, message, descriptor_pool=self.types.pool)
        return message

    def read(self, name, text):
        """The message that Python reads from JSON text, of type bytes, or None; and its error."""
        try:
            return self.parsed(name, strictly_loaded(text)), ""
        except WRONG as error:
            return None, str(error)

    def read_wire(self, name, wire):
        """The message that Python reads from wire bytes; None if it's invalid or has no JSON form."""
        try:
            message = self.types[name].FromString(wire)
        except DecodeError:
            return None
        return message if self.can_print(message) else None

    def bits(self, message):
        """Bytes that are equal only for equal messages.

        Messages are equal if JSON can't distinguish them: unknown fields are ignored, all NaNs are
        equal, null is one value, a mask of one empty path is empty, and the contents of Any are
        compared as messages.
        """
        copy = type(message)()
        copy.CopyFrom(message)
        copy.DiscardUnknownFields()
        self.tidy(copy)
        return copy.SerializePartialToString(deterministic=True)

    def tidy(self, message):
        if message.DESCRIPTOR.full_name == "google.protobuf.Any":
            if message.type_url:
                content = self.types[self.types.find(message.type_url).full_name]()
                content.ParseFromString(message.value)
                message.value = self.bits(content)
            return
        if message.DESCRIPTOR.full_name == "google.protobuf.Value":
            if message.WhichOneof("kind") in (None, "null_value"):
                message.null_value = 0
        if message.DESCRIPTOR.full_name == "google.protobuf.FieldMask":
            if list(message.paths) == [""]:
                message.ClearField("paths")
        for field, value in message.ListFields():
            if field.enum_type and field.enum_type.full_name == "google.protobuf.NullValue":
                setattr(message, field.name, 0)
            elif field.message_type and field.message_type.GetOptions().map_entry:
                content = field.message_type.fields_by_name["value"]
                if content.message_type:
                    for key in list(value):
                        self.tidy(value[key])
                elif is_floating(content):
                    for key in list(value):
                        if math.isnan(value[key]):
                            value[key] = math.nan
            elif field.message_type:
                for each in value if field.is_repeated else [value]:
                    self.tidy(each)
            elif is_floating(field) and field.is_repeated:
                for index, each in enumerate(value):
                    if math.isnan(each):
                        value[index] = math.nan
            elif is_floating(field) and math.isnan(value):
                if field.is_extension:
                    message.Extensions[field] = math.nan
                else:
                    setattr(message, field.name, math.nan)

    def assert_equal(self, got, wanted):
        if self.bits(got) != self.bits(wanted):
            shown = self.differences(got, wanted)
            raise AssertionError("\n".join(shown) or f"equal in JSON, but {got}, not {wanted}")

    def differences(self, got, wanted):
        pairs = [json.loads(self.text(each, sort_keys=True)) for each in (got, wanted)]
        if not all(isinstance(each, dict) for each in pairs):
            return [f"{pairs[0]!r}, not {pairs[1]!r}"]
        both = {
            key: [repr(each.get(key, "absent")) for each in pairs]
            for key in [*pairs[0], *pairs[1]]
        }
        return [f"{key}: {a[:500]}, not {b[:500]}" for key, (a, b) in both.items() if a != b]


def is_floating(field):
    return field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT)


def strictly_loaded(text):
    """The value of JSON text, of type bytes, by RFC 8259, where Python itself is more lenient.

    The sign of `-0` is kept, and no number is infinite.
    """
    return json.loads(
        text.decode(),
        parse_constant=lambda name: refuse(f"{name} isn't JSON"),
        parse_float=finite,
        parse_int=lambda digits: -0.0 if digits == "-0" else int(digits),
        object_pairs_hook=members,
    )


def finite(text):
    value = float(text)
    return value if math.isfinite(value) else refuse(f"{text} is out of range")


def members(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        refuse(f"a duplicate key in {names}")
    return dict(pairs)


def refuse(reason):
    raise ValueError(reason)
