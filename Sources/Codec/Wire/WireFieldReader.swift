/// Reads the fields of one message one at a time, from bytes that it owns, without a schema.
///
/// For messages of the bridge's own protocols and for schemas: cold paths that have no plan.
/// Nothing is copied; values are ranges of the bytes.
package struct WireFieldReader {
  /// The value after a tag.
  package enum Value: Sendable, Equatable {
    case varint(UInt64)
    /// The range of the content of a length-prefixed field in the bytes.
    case bytes(Range<Int>)
    /// A fixed word or a group.
    case other
  }

  package struct Field: Sendable, Equatable {
    package var number: Int
    package var value: Value
    /// The whole field, its tag included.
    package var record: Range<Int>
  }

  private let bytes: [UInt8]
  private var position: Int
  private let end: Int

  /// The maximum nesting of groups. Stops a hostile message from costing memory for each of them.
  private static let depthLimit = 100

  /// - Parameter range: the range of the message in the bytes; nil: all of them.
  package init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
    let range = range ?? bytes.indices
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    self.bytes = bytes
    self.position = range.lowerBound
    self.end = range.upperBound
  }

  /// The next field; nil at the end.
  ///
  /// - Throws: if the bytes aren't a message.
  package mutating func next() throws(CodecError) -> Field? {
    guard self.position < self.end else { return nil }
    let start = self.position
    let end = self.end
    let (field, next) = try unsafe self.bytes.withUnsafeBufferPointer {
      buffer throws(CodecError) -> (Field, Int) in
      guard let base = buffer.baseAddress else { preconditionFailure("there are bytes") }
      var reader = unsafe WireReader(start: base, position: start, limit: end)
      let tag = try reader.tag()
      var value = Value.other
      switch tag & 7 {
      case 0:
        value = .varint(try reader.varint())
      case 2:
        let length = try reader.length()
        value = .bytes(reader.position..<reader.position + length)
        reader.position += length
      default:
        try reader.skip(tag: tag, depthLimit: Self.depthLimit)
      }
      let record = start..<reader.position
      return (Field(number: Int(tag >> 3), value: value, record: record), reader.position)
    }
    self.position = next
    return field
  }
}
