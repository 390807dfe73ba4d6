/// Why bytes could not be turned into the other form, and where.
///
/// The text is made when an error is thrown, never on the way of a message that's right. `offset`
/// counts bytes of the input that was being read; `TextPosition` makes a line and a column of it.
package struct CodecError: Error, Sendable, Equatable {
  /// The kinds of fault. A front maps them to a status; tests compare them.
  package enum Code: String, Sendable {
    /// Not JSON by RFC 8259 (also: input that ends too early, or goes on after the value).
    case malformedJSON
    /// A JSON value of a kind that the field doesn't take, such as a string for a message.
    case wrongType
    /// A value of the right kind that the field can't hold: 300 for... an int32 of 2^40, a bad date.
    case invalidValue
    /// A member that the message doesn't have.
    case unknownField
    /// One field twice, in whichever spelling, or one map key twice.
    case duplicateField
    /// Two members of one oneof.
    case oneofConflict
    /// A required field (proto2, `LEGACY_REQUIRED`) that's missing.
    case missingField
    /// Bytes of a string that aren't UTF-8, or a lone surrogate in an escape.
    case invalidUTF8
    /// An enum name that the enum doesn't have.
    case unknownEnumValue
    /// An `Any` whose type isn't in the schema, or whose `@type` is missing or not a type URL.
    case unknownType
    /// Deeper than the depth limit, which keeps the frame stack small.
    case tooDeep
    /// Larger than a size limit.
    case tooLarge
    /// Wire bytes that aren't a Protobuf message: truncated, a bad tag, a bad group.
    case malformedWire
    /// A query parameter that the message doesn't have.
    case unknownParameter
    /// A query parameter for a field that a query can't set, or set twice.
    case invalidParameter
    /// A query parameter sets what the body sets; see `EncodeOptions.mergesQueryIntoBodyField`.
    case parameterUnderBody
  }

  package var code: Code
  /// Byte offset into the input, 0-based; nil where the fault has no place in it (a path variable).
  package var offset: Int?
  /// The field path in JSON names, `inputs[3].shape[1]`; empty at the top.
  package var path: String
  /// What is wrong and what would be right, a clause without the place: `expected int64, got "x"`.
  package var reason: String

  package init(_ code: Code, offset: Int? = nil, path: String = "", reason: String) {
    self.code = code
    self.offset = offset
    self.path = path
    self.reason = reason
  }
}

extension CodecError: CustomStringConvertible {
  /// `inputs[3].shape[1]: expected int64, got "x" (byte 41)`.
  package var description: String {
    let ordinal = self.path.isEmpty ? "" : "\(self.path): "
    guard let offset = self.offset else { return ordinal + self.reason }
    return "\(ordinal)\(self.reason) (byte \(offset))"
  }

  /// The sentence for the sender of a JSON text, with line and column instead of an offset:
  /// `inputs[3].shape[1]: expected int64, got "x" (line 4, column 17)`.
  package func message(in text: RawSpan) -> String {
    let ordinal = self.path.isEmpty ? "" : "\(self.path): "
    guard let offset = self.offset else { return ordinal + self.reason }
    return "\(ordinal)\(self.reason) (\(TextPosition(of: offset, in: text)))"
  }
}

/// A place in a text as people count: lines and columns from 1, columns in characters (code points).
package struct TextPosition: Sendable, Equatable, CustomStringConvertible {
  package var line: Int
  package var column: Int

  /// The place of the byte at `offset` in `text`; the end where `offset` lies beyond it.
  package init(of offset: Int, in text: RawSpan) {
    let newline = UInt8(ascii: "\n")
    self.line = 1
    self.column = 1
    for index in 0..<max(0, min(offset, text.byteCount)) {
      let byte = text[index]
      if byte == newline {
        self.line += 1
        self.column = 1
      } else if byte & 0xC0 != 0x80 {
        self.column += 1
      }
    }
  }

  package var description: String {
    "line \(self.line), column \(self.column)"
  }
}

extension RawSpan {
  /// The byte at `index`, checked.
  @inlinable
  @inline(__always)
  package subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < self.byteCount, "byte \(index) of \(self.byteCount)")
    return unsafe self.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
  }
}
