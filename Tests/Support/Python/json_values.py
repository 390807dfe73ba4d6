"""JSON values compared as ProtoJSON means them."""

import math
import struct


def same(one, other):
    """Whether two JSON values are equal. A float32 has several shortest spellings; whether the number
    is correct is decided by comparing messages. Zero has a sign where one of them is written as a
    float."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
            return False
        if one == other:
            return math.copysign(1, one) == math.copysign(1, other)
        return abs(one) < 3.41e38 and struct.pack("<f", one) == struct.pack("<f", other)
    return type(one) is type(other) and one == other


def differences(one, other):
    """The members in which two JSON objects differ, for a readable failure."""
    keys = one.keys() | other.keys()
    return {
        key: (one.get(key, "absent"), other.get(key, "absent"))
        for key in keys
        if key not in one or key not in other or not same(one[key], other[key])
    }
