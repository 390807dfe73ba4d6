/// The most useful parts of a serialized google.rpc.Status: reason and domain of its
/// google.rpc.ErrorInfo, the field of the first violation of its google.rpc.BadRequest, and the
/// delay of its google.rpc.RetryInfo (google/rpc/error_details.proto). Reading them needs no
/// schema; the first detail of each kind is used.
package struct StatusSummary: Equatable, Sendable {
  package var reason: String?
  package var domain: String?
  /// The path of a field, as the endpoint spells it.
  package var field: String?
  /// The number of whole seconds after which the call may be retried, rounded up; never negative.
  package var retryDelay: Int64?

  package init() {}

  /// Reads the parts that are present. Invalid bytes end the reading; what was found before is kept.
  package init(of wire: RawSpan) {
    unsafe wire.withUnsafeBytes { bytes in
      guard let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
        return
      }
      let reader = unsafe WireReader(start: start, limit: bytes.count)
      do throws(CodecError) {
        try Self.forEach(in: reader) { number, detail throws(CodecError) in
          if number == 3 { try self.read(any: detail) }
        }
      } catch {
        return
      }
    }
  }

  /// google.protobuf.Any.
  private mutating func read(any: WireReader) throws(CodecError) {
    var type = ""
    var value: WireReader?
    try Self.forEach(in: any) { number, content in
      if number == 1 { type = Self.text(content) }
      if number == 2 { value = content }
    }
    guard let value else { return }
    switch type.split(separator: "/", omittingEmptySubsequences: false).last {
    case "google.rpc.ErrorInfo" where self.reason == nil: try self.read(errorInfo: value)
    case "google.rpc.BadRequest" where self.field == nil: try self.read(badRequest: value)
    case "google.rpc.RetryInfo" where self.retryDelay == nil: try self.read(retryInfo: value)
    default: break
    }
  }

  private mutating func read(errorInfo: WireReader) throws(CodecError) {
    try Self.forEach(in: errorInfo) { number, content in
      if number == 1 { self.reason = Self.text(content) }
      if number == 2 { self.domain = Self.text(content) }
    }
  }

  private mutating func read(badRequest: WireReader) throws(CodecError) {
    try Self.forEach(in: badRequest) { number, violation throws(CodecError) in
      guard number == 1, self.field == nil else { return }
      try Self.forEach(in: violation) { number, content in
        if number == 1 { self.field = Self.text(content) }
      }
    }
  }

  private mutating func read(retryInfo: WireReader) throws(CodecError) {
    try Self.forEach(in: retryInfo) { number, duration throws(CodecError) in
      guard number == 1 else { return }
      var reader = duration
      var seconds: Int64 = 0
      var nanos: Int64 = 0
      while reader.position < reader.limit {
        let tag = try reader.tag()
        switch tag {
        case 1 << 3: seconds = Int64(bitPattern: try reader.varint())
        case 2 << 3: nanos = Int64(bitPattern: try reader.varint())
        default: try reader.skip(tag: tag, depthLimit: 100)
        }
      }
      // google/protobuf/duration.proto: some 10,000 years at most, and one sign for both.
      guard (0...315_576_000_000).contains(seconds), nanos >= 0 else { return }
      self.retryDelay = nanos > 0 ? seconds + 1 : seconds
    }
  }

  /// Calls `take` with number and content of each length-delimited field; skips the others.
  private static func forEach(
    in message: WireReader, _ take: (UInt32, WireReader) throws(CodecError) -> Void
  ) throws(CodecError) {
    var reader = message
    while reader.position < reader.limit {
      let tag = try reader.tag()
      guard tag & 7 == UInt32(WireType.lengthDelimited.rawValue) else {
        try reader.skip(tag: tag, depthLimit: 100)
        continue
      }
      let length = try reader.length()
      let end = reader.position + length
      try take(
        tag >> 3, unsafe WireReader(start: reader.base, position: reader.position, limit: end))
      reader.position = end
    }
  }

  /// The content as a string; bytes that aren't UTF-8 are replaced.
  private static func text(_ content: WireReader) -> String {
    let start = unsafe content.pointer(at: content.position)
    let bytes = unsafe UnsafeBufferPointer(
      start: start, count: content.limit - content.position)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}
