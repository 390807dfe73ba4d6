internal import HTTP2

/// The content of a response's header block: gRPC's own fields, and the rest as metadata.
package struct ReplyFields {
  /// `:status`; nil in trailers.
  private(set) var httpStatus: Int?
  /// Whether `content-type` is `application/grpc` or one of its kinds (`+proto`, `;…`).
  private(set) var isGRPC = false
  private(set) var contentType: String?
  private(set) var encoding = MessageEncoding.identity
  /// The status in `grpc-status` and its companion fields; nil without `grpc-status`.
  private(set) var status: GRPCStatus?
  /// The remaining fields. For a raw response they include gRPC's own fields and its content type,
  /// but not a status that isn't a number.
  private(set) var metadata = HeaderBlock()

  /// Reads the fields of `block` in `range`.
  ///
  /// - Parameter isRaw: whether gRPC's own fields are metadata as well.
  init(_ block: HeaderBlock, _ range: Range<Int>, isRaw: Bool = false) {
    var code: ArraySlice<UInt8>?
    var message: ArraySlice<UInt8>?
    var details: ArraySlice<UInt8>?
    var pushback: RetryPushback?
    for field in block.fields[range] {
      if block.isNamed("content-type", field) {
        self.isGRPC =
          block.isText("application/grpc", field.value) || Self.isGRPC(block.bytes[field.value])
        if !self.isGRPC { self.contentType = block.value(of: field) }
        if self.isGRPC, isRaw { self.metadata.append(field, of: block) }
      } else if block.isNamed(":status", field) {
        self.httpStatus = Self.number(block.bytes[field.value])
      } else if !Self.isReserved(field.name, of: block) {
        self.metadata.append(field, of: block)
      } else if block.isNamed("grpc-status", field) {
        // Two different values are combined into a list (RFC 9110 §5.2), which isn't a valid code.
        let value = block.bytes[field.value]
        code = code.map { $0 == value ? value : $0 + Array(", ".utf8) + value } ?? value
      } else if block.isNamed("grpc-message", field) {
        message = block.bytes[field.value]
      } else if block.isNamed("grpc-status-details-bin", field) {
        details = block.bytes[field.value]
      } else if block.isNamed("grpc-encoding", field) {
        self.encoding = MessageEncoding(block.bytes[field.value])
      } else if block.isNamed("grpc-retry-pushback-ms", field) {
        pushback = RetryPushback(Self.number(block.bytes[field.value]))
      }
      if isRaw, block.hasPrefix("grpc-", field.name) {
        self.metadata.append(field, of: block)
      }
    }
    if let code {
      self.status = Self.status(code: code, message: message ?? [], details: details)
      self.status?.retryPushback = pushback
      // A status that isn't a number breaks gRPC clients, some for all their calls: the bridge
      // reports it in a status of its own.
      if isRaw, Self.number(code) == nil { self.dropStatus() }
    }
  }

  /// Removes `grpc-status` and its companion fields from the metadata.
  private mutating func dropStatus() {
    var kept = HeaderBlock()
    let names: [StaticString] = ["grpc-status", "grpc-message", "grpc-status-details-bin"]
    for field in self.metadata.fields {
      let isStatus = names.contains { self.metadata.isNamed($0, field) }
      if !isStatus { kept.append(field, of: self.metadata) }
    }
    self.metadata = kept
  }

  /// Whether it's a 1xx head, which another follows (RFC 9113 §8.1).
  var isInterim: Bool {
    self.httpStatus.map { (100..<200).contains($0) } ?? false
  }

  private static func status(
    code: ArraySlice<UInt8>, message: ArraySlice<UInt8>, details: ArraySlice<UInt8>?
  ) -> GRPCStatus {
    let text = message.isEmpty ? "" : StatusMessage.decode(message)
    let details = details.flatMap { BinaryHeader.decode($0) } ?? []
    if let known = Self.number(code).flatMap({ GRPCStatus.Code(rawValue: $0) }) {
      return GRPCStatus(known, text, details: details)
    }
    // gRPC's statuscodes.md: a client treats a code that it doesn't know as UNKNOWN.
    let named = "grpc-status \(String(decoding: code, as: UTF8.self))"
    return GRPCStatus(.unknown, text.isEmpty ? named : "\(named): \(text)", details: details)
  }

  /// Whether a name is a pseudo-header field's or reserved by gRPC.
  private static func isReserved(_ name: Range<Int>, of block: HeaderBlock) -> Bool {
    block.hasPrefix(":", name) || block.hasPrefix("grpc-", name)
  }

  /// Whether a content type is `application/grpc` or one of its kinds (`+proto`, `;…`); not
  /// `application/grpc-web`, which is another protocol.
  package static func isGRPC(_ value: ArraySlice<UInt8>) -> Bool {
    let prefix = "application/grpc".utf8
    guard value.count >= prefix.count,
      zip(value, prefix).allSatisfy({ $0 == $1 || ($0 | 0x20 == $1 && (0x41...0x5a).contains($0)) })
    else { return false }
    guard let next = value.dropFirst(prefix.count).first else { return true }
    return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
  }

  /// A number of at most nine digits.
  private static func number(_ value: ArraySlice<UInt8>) -> Int? {
    guard !value.isEmpty, value.count <= 9 else { return nil }
    var number = 0
    for byte in value {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      number = number * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return number
  }
}
