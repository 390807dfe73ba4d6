/// Reason and position of a failed conversion between JSON and Protobuf.
///
/// The text is built when an error is thrown, never while a valid message is read. `offset` counts
/// bytes of the input; `TextPosition` converts it to a line and a column.
package struct CodecError: Error, Sendable, Equatable {
  /// The kinds of error. The HTTP side maps them to a status; tests compare them.
  package enum Code: String, Sendable {
    /// Not JSON by RFC 8259 (also: input that ends too early, or continues after the value).
    case malformedJSON
    /// A JSON value of a kind that the field doesn't accept, such as a string for a message.
    case wrongType
    /// A value of the right kind that the field can't represent: 2^40 for an int32, an invalid date.
    case invalidValue
    /// A member that isn't a field of the message.
    case unknownField
    /// A repeated member for one field, in whichever spelling, or a repeated map key.
    case duplicateField
    /// Two members of one oneof.
    case oneofConflict
    /// A missing required field (proto2, `LEGACY_REQUIRED`).
    case missingField
    /// Bytes of a string that aren't UTF-8, or a lone surrogate in an escape.
    case invalidUTF8
    /// A name that isn't a value of the enum.
    case unknownEnumValue
    /// An `Any` whose type isn't in the schema, or whose `@type` is missing or not a type URL.
    case unknownType
    /// Nesting beyond the depth limit, which keeps the frame stack small.
    case tooDeep
    /// An input or output beyond a size limit.
    case tooLarge
    /// Bytes that aren't a Protobuf message: truncated, an invalid tag, an unbalanced group.
    case malformedWire
    /// A query parameter that isn't a field of the message.
    case unknownParameter
    /// A query parameter for a field that can't be set by a query, or that is set twice.
    case invalidParameter
    /// A query parameter for something that the body sets; see
    /// `EncodeOptions.mergesQueryIntoBodyField`.
    case parameterUnderBody
  }

  package var code: Code
  /// Byte offset into the input, 0-based; nil if the error has no position in it (a path variable).
  package var offset: Int?
  /// The field path in JSON names, `inputs[3].shape[1]`; empty at the top.
  package var path: String
  /// What is wrong and what is expected, a clause without the position: `expected int64, got "x"`.
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
    let location = self.path.isEmpty ? "" : "\(self.path): "
    guard let offset = self.offset else { return location + self.reason }
    return "\(location)\(self.reason) (byte \(offset))"
  }

  /// The message for the sender of a JSON text, with line and column instead of an offset:
  /// `inputs[3].shape[1]: expected int64, got "x" (line 4, column 17)`.
  package func message(in text: RawSpan) -> String {
    let location = self.path.isEmpty ? "" : "\(self.path): "
    guard let offset = self.offset else { return location + self.reason }
    return "\(location)\(self.reason) (\(TextPosition(of: offset, in: text)))"
  }
}

/// A position in a text: lines and columns count from 1, columns in characters (code points).
package struct TextPosition: Sendable, Equatable, CustomStringConvertible {
  package var line: Int
  package var column: Int

  /// The position of the byte at `offset` in `text`; the end if `offset` lies beyond it.
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
  /// The byte at `index`, bounds-checked.
  @inlinable
  @inline(__always)
  package subscript(index: Int) -> UInt8 {
    precondition(index >= 0 && index < self.byteCount, "byte \(index) of \(self.byteCount)")
    return unsafe self.unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
  }
}
