/// Iterates over the fields of a Protobuf message: as much as the demo needs.
struct WireFields: Sequence, IteratorProtocol {
  /// A field's value, by its wire type.
  enum Content {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes(ArraySlice<UInt8>)

    /// The value of a string field.
    var text: String? {
      if case .bytes(let bytes) = self { String(validating: bytes, as: UTF8.self) } else { nil }
    }

    /// The value of an `int32` or `int64` field.
    var integer: Int64? {
      if case .varint(let value) = self { Int64(bitPattern: value) } else { nil }
    }

    /// The value of a `double` field.
    var double: Double? {
      if case .fixed64(let bits) = self { Double(bitPattern: bits) } else { nil }
    }

    /// The fields of a message field.
    var fields: WireFields? {
      if case .bytes(let bytes) = self { WireFields(bytes) } else { nil }
    }
  }

  private var rest: ArraySlice<UInt8>
  /// Whether iteration stopped early because the bytes aren't a valid message.
  private(set) var isMalformed = false

  init(_ bytes: ArraySlice<UInt8>) {
    self.rest = bytes
  }

  mutating func next() -> (number: Int, content: Content)? {
    guard !self.rest.isEmpty, !self.isMalformed else { return nil }
    guard let tag = self.varint(), let number = Int(exactly: tag >> 3), number > 0,
      let content = self.content(wireType: tag & 7)
    else {
      self.isMalformed = true
      return nil
    }
    return (number, content)
  }

  private mutating func content(wireType: UInt64) -> Content? {
    switch wireType {
    case 0:
      return self.varint().map { .varint($0) }
    case 1:
      return self.fixed(8).map { .fixed64($0) }
    case 2:
      guard let length = self.varint(), length <= UInt64(self.rest.count) else { return nil }
      let bytes = self.rest.prefix(Int(length))
      self.rest = self.rest.dropFirst(Int(length))
      return .bytes(bytes)
    case 5:
      return self.fixed(4).map { .fixed32(UInt32(truncatingIfNeeded: $0)) }
    default:
      return nil
    }
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while shift < 64, let byte = self.rest.popFirst() {
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  private mutating func fixed(_ count: Int) -> UInt64? {
    guard self.rest.count >= count else { return nil }
    var value: UInt64 = 0
    for (index, byte) in self.rest.prefix(count).enumerated() {
      value |= UInt64(byte) << UInt64(index * 8)
    }
    self.rest = self.rest.dropFirst(count)
    return value
  }
}

/// Encodes the fields of a Protobuf message. Fields without presence are omitted if they have their
/// default value, as proto3 encoders do.
struct WireOutput {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ number: Int, text: String) {
    if !text.isEmpty { self.add(number, element: text) }
  }

  /// An element of a repeated string field, which is written even if empty.
  mutating func add(_ number: Int, element: String) {
    self.add(number, bytes: Array(element.utf8))
  }

  mutating func add(_ number: Int, integer: Int64) {
    guard integer != 0 else { return }
    self.varint(UInt64(number) << 3)
    self.varint(UInt64(bitPattern: integer))
  }

  mutating func add(_ number: Int, double: Double) {
    guard double != 0 else { return }
    self.varint(UInt64(number) << 3 | 1)
    for shift in stride(from: UInt64(0), to: 64, by: 8) {
      self.bytes.append(UInt8(truncatingIfNeeded: double.bitPattern >> shift))
    }
  }

  /// A message field, written even if empty.
  mutating func add(_ number: Int, message: WireOutput) {
    self.add(number, bytes: message.bytes)
  }

  private mutating func add(_ number: Int, bytes: [UInt8]) {
    self.varint(UInt64(number) << 3 | 2)
    self.varint(UInt64(bytes.count))
    self.bytes.append(contentsOf: bytes)
  }

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      self.bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    self.bytes.append(UInt8(value))
  }
}
