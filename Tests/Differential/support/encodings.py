"""A message's wire form in any encoding that Protobuf allows, rewritten by the message's type."""

from google.protobuf.descriptor import FieldDescriptor as Field

from .codec import varint

VARINT, FIXED64, LEN, START, END, FIXED32 = range(6)

FIXED = {
    Field.TYPE_DOUBLE: FIXED64, Field.TYPE_FIXED64: FIXED64, Field.TYPE_SFIXED64: FIXED64,
    Field.TYPE_FLOAT: FIXED32, Field.TYPE_FIXED32: FIXED32, Field.TYPE_SFIXED32: FIXED32,
}  # fmt: skip
DELIMITED = (Field.TYPE_STRING, Field.TYPE_BYTES, Field.TYPE_MESSAGE)
# Kinds of which the reader drops the bits above 32.
NARROW = (Field.TYPE_INT32, Field.TYPE_UINT32, Field.TYPE_ENUM)


def wire_type(field):
    if field.type == Field.TYPE_GROUP:
        return START
    return LEN if field.type in DELIMITED else FIXED.get(field.type, VARINT)


def read_varint(data, offset):
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7


def read_value(data, offset, kind):
    """The value after a tag, a number for varints and bytes for everything else, and its end."""
    if kind == VARINT:
        return read_varint(data, offset)
    if kind == START:
        start = offset
        while True:
            end = offset
            tag, offset = read_varint(data, offset)
            if tag & 7 == END:
                return data[start:end], offset
            _, offset = read_value(data, offset, tag & 7)
    size = {FIXED64: 8, FIXED32: 4}.get(kind)
    if size is None:
        size, offset = read_varint(data, offset)
    return data[offset : offset + size], offset + size


def records(data):
    """The records of a message: number, wire type, value."""
    offset = 0
    while offset < len(data):
        tag, offset = read_varint(data, offset)
        value, offset = read_value(data, offset, tag & 7)
        yield tag >> 3, tag & 7, value


def has_unknown_in_entry(data, descriptor, types):
    """Whether an entry of a map has a field that isn't its key or value."""
    if descriptor.full_name == "google.protobuf.Any":
        parts = {number: value for number, kind, value in records(data) if kind == LEN}
        if not parts.get(1):
            return False
        content = types.find(parts[1].decode())
        return has_unknown_in_entry(parts.get(2, b""), content, types)
    is_entry = descriptor.GetOptions().map_entry
    for number, kind, value in records(data):
        field = descriptor.fields_by_number.get(number)
        if field is None and descriptor.is_extendable:
            field = types.find_extension(descriptor, number)
        if field is None or kind != wire_type(field):
            if is_entry:
                return True
        elif is_entry and field.enum_type and field.enum_type.is_closed:
            number = (value + 2**31) % 2**32 - 2**31
            if number not in field.enum_type.values_by_number:
                return True
        elif field.message_type and has_unknown_in_entry(value, field.message_type, types):
            return True
    return False


class Rewriter:
    """Rewrites wire bytes into equivalent ones, different each time."""

    def __init__(self, types, random):
        self.types = types
        self.random = random

    def happens(self, chance):
        return self.random.random() < chance

    def message(self, data, descriptor):
        """Rewrites a message, or a piece of one."""
        if descriptor.full_name == "google.protobuf.Any":
            data = self.any(data)
        # The records of a field, or of a oneof, stay in their order; those of others mix.
        queues = {}
        for number, kind, value in records(data):
            field = self.field(descriptor, number)
            oneof = field.containing_oneof
            queue = queues.setdefault(oneof.full_name if oneof else number, [])
            if not field.is_repeated:
                queue += self.before(field)
            queue += self.field_records(field, number, kind, value)
        for _ in range(self.random.choice([0, 0, 0, 1, 3])):
            # Each in a separate queue: its position makes no difference.
            queues[len(queues), "unknown"] = [self.unknown(descriptor)]
        for field in descriptor.fields:
            # A number that a closed enum doesn't have is an unknown field: it replaces nothing.
            if field.is_repeated or not field.enum_type or not field.enum_type.is_closed:
                continue
            if self.happens(0.1):
                record = self.record(
                    field.number, VARINT, self.random.choice([99, 2**64 - 99])
                )
                queues[len(queues), "unknown"] = [record]
        return self.mix(list(queues.values()))

    def mix(self, queues):
        if self.happens(0.3):
            return b"".join(record for queue in queues for record in queue)
        order = [index for index, queue in enumerate(queues) for _ in queue]
        self.random.shuffle(order)
        heads = [iter(queue) for queue in queues]
        return b"".join(next(heads[index]) for index in order)

    def field(self, descriptor, number):
        return descriptor.fields_by_number.get(number) or self.types.find_extension(
            descriptor, number
        )

    def field_records(self, field, number, kind, value):
        """Records equivalent to one record."""
        if field.message_type:
            if field.message_type.GetOptions().map_entry:
                return self.entries(field, value)
            pieces = [value]
            if not field.is_repeated and self.happens(0.3):
                pieces = self.pieces(value)
            contents = [self.message(each, field.message_type) for each in pieces]
            return [self.record(number, kind, each) for each in contents]
        if not field.is_repeated or wire_type(field) == LEN:
            return [self.record(number, kind, self.spelled(field, value))]
        # Numbers: packed or not, in one record or in many.
        elements = [value]
        if kind == LEN:
            elements, offset = [], 0
            while offset < len(value):
                element, offset = read_value(value, offset, wire_type(field))
                elements.append(element)
        result = []
        while elements:
            count = self.random.choice([1, 2, len(elements)])
            part, elements = elements[:count], elements[count:]
            if len(part) > 1 or self.happens(0.5):
                packed = b"".join(self.scalar(self.spelled(field, each)) for each in part)
                result.append(self.record(number, LEN, packed))
                if self.happens(0.1):
                    result.append(self.record(number, LEN, b""))
            else:
                result.append(
                    self.record(number, wire_type(field), self.spelled(field, part[0]))
                )
        return result

    def pieces(self, data):
        """A message in two or three parts, which merge into it again."""
        parts = [[] for _ in range(self.random.choice([2, 3]))]
        position = 0
        for number, kind, value in records(data):
            position = self.random.randrange(position, len(parts))
            parts[position].append(self.record(number, kind, value))
        return [b"".join(part) for part in parts]

    def before(self, field):
        """Records without effect, because others of the field or of its oneof follow."""
        result = []
        while self.happens(0.15):
            if field.containing_oneof:
                other = self.random.choice(field.containing_oneof.fields)
                # The same message would be merged.
                if other.message_type and other is not field:
                    result.append(self.record(other.number, wire_type(other), b""))
                elif not other.message_type:
                    result.append(self.anything(other))
            elif not field.message_type:
                result.append(self.anything(field))
            else:
                return result
        if field.containing_oneof and field.message_type and result:
            # Earlier records of the field itself are only lost after another member.
            scalars = [each for each in field.containing_oneof.fields if not each.message_type]
            if scalars:
                result.append(self.anything(scalars[0]))
        return result

    def anything(self, field):
        """A record of a scalar field with some valid value."""
        kind = wire_type(field)
        if kind == VARINT:
            number = self.random.choice([0, 1, 2, 300])
            if field.type == Field.TYPE_ENUM:
                number = self.random.choice(field.enum_type.values).number % 2**64
            return self.record(field.number, kind, number)
        size = {FIXED64: 8, FIXED32: 4, LEN: self.random.choice([0, 1, 200])}[kind]
        return self.record(field.number, kind, bytes([0x41]) * size)

    def entries(self, field, data):
        """A map's entry: its parts in either order, repeated, omitted, or the whole entry repeated."""
        key, content = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        parts = {number: value for number, _, value in records(data)}
        result = []
        if self.happens(0.15):
            # The last entry of a key wins; nothing is merged.
            earlier = self.record(1, wire_type(key), self.spelled(key, parts[1]))
            if not content.message_type and self.happens(0.7):
                earlier += self.anything(content)
            result.append(self.record(field.number, LEN, earlier))
        keys = [self.record(1, wire_type(key), self.spelled(key, parts[1]))]
        if self.happens(0.1):
            keys.insert(0, self.anything(key))
        if parts[1] in (0, b"") and self.happens(0.4):
            keys = []
        if content.message_type:
            pieces = self.pieces(parts[2]) if self.happens(0.2) else [parts[2]]
            values = [
                self.record(2, wire_type(content), self.message(each, content.message_type))
                for each in pieces
            ]
        else:
            values = [self.record(2, wire_type(content), self.spelled(content, parts[2]))]
            if self.happens(0.1):
                values.insert(0, self.anything(content))
        first_of_enum = content.enum_type and content.enum_type.values[0].number
        if parts[2] in (0, b"") and not first_of_enum and self.happens(0.4):
            values = []
        # No unknown fields: with one in it Python treats the whole entry as unknown.
        entry = b"".join(keys + values) if self.happens(0.5) else self.mix([keys, values])
        return [*result, self.record(field.number, LEN, entry)]

    def any(self, data):
        """Rewrites the packed message as well."""
        url = content = b""
        for number, _, value in records(data):
            url, content = (value, content) if number == 1 else (url, value)
        if url:
            content = self.message(content, self.types.find(url.decode()))
        parts = [(1, url), (2, content)]
        return b"".join(self.record(number, LEN, each) for number, each in parts if each)

    def unknown(self, descriptor, depth=0):
        """A record of no field of the message, or of a wire type that its field doesn't have."""
        known = {field.number: field for field in descriptor.fields}
        number = self.random.choice([1001, 9_999_999, 2**29 - 1, self.random.randint(1, 400)])
        kinds = [VARINT, FIXED64, LEN, START, FIXED32]
        if number in known:
            field = known[number]
            kinds.remove(wire_type(field))
            if field.is_repeated and wire_type(field) not in (LEN, START):
                kinds.remove(LEN)
        elif descriptor.is_extendable:
            number = max(number, 1001)
        kind = self.random.choice(kinds)
        if kind == VARINT:
            return self.record(number, kind, self.random.choice([0, 2**64 - 1]))
        if kind != START:
            size = {FIXED64: 8, FIXED32: 4}.get(kind, self.random.choice([0, 3, 200]))
            return self.record(number, kind, self.random.randbytes(size))
        inner = (
            [self.unknown(descriptor, depth + 1)] if depth < 3 and self.happens(0.5) else []
        )
        return self.record(number, START, b"".join(inner))

    def spelled(self, field, value):
        """The bytes or the number of a scalar, which may have another number's bits above it."""
        if field.type == Field.TYPE_BOOL and value and self.happens(0.2):
            return self.random.choice([2, 2**32, 2**63])
        if field.type in NARROW and self.happens(0.3):
            # Closed enums as well: only the remaining number counts.
            return value % 2**32 + self.random.choice([0, 2**32, 2**64 - 2**32])
        return value

    def record(self, number, kind, value):
        start = self.varint(number << 3 | kind, 5)
        if kind == START:
            return start + value + self.varint(number << 3 | END, 5)
        if kind == LEN:
            return start + self.varint(len(value), 5) + value
        return start + self.scalar(value)

    def scalar(self, value):
        return value if isinstance(value, bytes) else self.varint(value, 10)

    def varint(self, value, longest):
        """A varint of any allowed length."""
        shortest = varint(value)
        if len(shortest) >= longest or not self.happens(0.1):
            return shortest
        more = self.random.randint(1, longest - len(shortest))
        return shortest[:-1] + bytes([shortest[-1] | 0x80]) + b"\x80" * (more - 1) + b"\0"
