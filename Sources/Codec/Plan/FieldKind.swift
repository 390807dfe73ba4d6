/// Names and wire values of field kinds.
extension FieldKind {
  /// The spelling in the schema language.
  var name: String {
    switch self {
    case .double: "double"
    case .float: "float"
    case .int64: "int64"
    case .uint64: "uint64"
    case .int32: "int32"
    case .fixed64: "fixed64"
    case .fixed32: "fixed32"
    case .bool: "bool"
    case .string: "string"
    case .group: "group"
    case .message: "message"
    case .bytes: "bytes"
    case .uint32: "uint32"
    case .enumeration: "enum"
    case .sfixed32: "sfixed32"
    case .sfixed64: "sfixed64"
    case .sint32: "sint32"
    case .sint64: "sint64"
    }
  }

  /// The wire bits of an integer of this kind; nil if it's out of range or not an integer.
  @inline(__always)
  func payload(_ magnitude: UInt64?, isNegative: Bool) -> UInt64? {
    guard let magnitude else { return nil }
    switch self {
    case .uint64, .fixed64:
      return isNegative && magnitude != 0 ? nil : magnitude
    case .uint32, .fixed32:
      return magnitude > UInt64(UInt32.max) || (isNegative && magnitude != 0) ? nil : magnitude
    case .int32, .sfixed32, .sint32, .enumeration:
      if magnitude > (isNegative ? 0x8000_0000 : 0x7FFF_FFFF) { return nil }
    default:
      if magnitude > (isNegative ? 1 << 63 : (1 << 63) - 1) { return nil }
    }
    let value = isNegative ? 0 &- magnitude : magnitude
    switch self {
    case .sint32, .sint64:
      // Zigzag: the sign moves to the lowest bit.
      return value << 1 ^ UInt64(bitPattern: Int64(bitPattern: value) >> 63)
    case .sfixed32:
      return UInt64(UInt32(truncatingIfNeeded: value))
    default:
      return value
    }
  }
}
