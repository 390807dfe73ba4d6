internal import Codec
internal import HTTP2
internal import HTTPFields
internal import NIOCore

/// The head of a response, before a protocol frames it.
///
/// Excludes the fields that a protocol adds: `date`, and those about the connection. One instance is
/// reused for all exchanges of a connection, and its memory with it.
struct ResponseHead {
  /// What follows the head.
  enum Body: Equatable {
    case none
    /// This many bytes. `fields` has the content-length.
    case length(Int)
    /// Bytes until the response ends.
    case stream
  }

  /// The prefix of metadata names.
  enum Prefix {
    case none
    case trailer
    case metadata
  }

  private(set) var status = 200
  private(set) var fields = HeaderBlock()
  var body = Body.none
  /// Whether the request is a HEAD: the head is that of a response to GET, and no body follows.
  var omitsBody = false

  /// Resets the head for another response.
  mutating func reset(_ status: Int) {
    self.status = status
    self.fields.removeAll()
    self.body = .none
    self.omitsBody = false
  }

  /// Appends a field.
  mutating func append(_ name: StaticString, _ value: String) {
    self.fields.append(name, value)
  }

  /// Appends a field.
  mutating func append(_ name: StaticString, _ value: StaticString) {
    self.fields.append(name, value)
  }

  /// Appends a field.
  mutating func append(_ name: StaticString, _ value: ArraySlice<UInt8>) {
    self.fields.append(name, value)
  }

  /// Appends a field.
  mutating func append(name: String, _ value: String) {
    self.fields.append(name, value)
  }

  /// Appends fields unchanged.
  mutating func append(_ block: HeaderBlock) {
    self.fields.append(contentsOf: block)
  }

  /// Appends `Allow` (RFC 9110 §10.2.1).
  mutating func append(allow methods: [String]) {
    self.append("allow", methods.joined(separator: ", "))
  }

  /// Appends the fields that an error defines.
  mutating func append(_ error: RequestError) {
    if !error.allow.isEmpty { self.append(allow: error.allow) }
    if let codings = error.acceptEncoding { self.append("accept-encoding", codings) }
    if let version = error.webSocketVersion { self.append("sec-websocket-version", version) }
    if let seconds = error.retryAfter { self.append("retry-after", String(seconds)) }
  }

  /// Appends metadata of a reply, except names reserved for the bridge and values that aren't valid in
  /// a field.
  ///
  /// - Parameters:
  ///   - prefix: precedes each name: `grpc-trailer-` for trailers; `grpc-metadata-` for those that
  ///     aren't HTTP fields.
  ///   - keepsDigests: whether the body is the endpoint's own.
  mutating func append(
    metadata block: HeaderBlock, prefix: Prefix = .none, keepsDigests: Bool = false
  ) {
    Self.append(metadata: block, prefix: prefix, keepsDigests: keepsDigests, to: &self.fields)
  }

  /// The trailer section (RFC 9110 §6.5) that follows a body.
  static func trailers(_ block: HeaderBlock) -> HeaderBlock {
    var fields = HeaderBlock()
    Self.append(metadata: block, prefix: .trailer, keepsDigests: false, to: &fields)
    return fields
  }

  private static func append(
    metadata block: HeaderBlock, prefix: Prefix, keepsDigests: Bool, to fields: inout HeaderBlock
  ) {
    for field in block.fields
    where Self.isWritten(field, of: block, keepsDigests: keepsDigests) {
      switch prefix {
      case .trailer:
        fields.append(Self.trailerPrefix, block.bytes[field.name], block.bytes[field.value])
      case .metadata where !HeaderName.isHTTPField(inReply: block.bytes[field.name]):
        fields.append(
          HeaderName.metadataPrefix, block.bytes[field.name], block.bytes[field.value])
      case .none, .metadata:
        fields.append(field, of: block)
      }
    }
  }

  /// The prefix of trailer names, in the head and in the trailer section, so that no trailer is taken
  /// for an HTTP field that is only valid in a head (RFC 9110 §6.5.1).
  static let trailerPrefix: StaticString = "grpc-trailer-"

  /// Whether `trailers` would have any field.
  static func hasFields(_ block: HeaderBlock) -> Bool {
    block.fields.contains { Self.isWritten($0, of: block) }
  }

  /// Appends the names of the trailers that follow the body (RFC 9110 §6.6.2).
  mutating func append(trailerNamesOf block: HeaderBlock) {
    var names = ""
    for field in block.fields where Self.isWritten(field, of: block) {
      names += names.isEmpty ? "" : ", "
      names += "\(Self.trailerPrefix)\(block.name(of: field))"
    }
    self.append("trailer", names)
  }

  private static func isWritten(
    _ field: HeaderBlock.Field, of block: HeaderBlock, keepsDigests: Bool = false
  ) -> Bool {
    let name = block.bytes[field.name]
    return !HeaderName.isReserved(inReply: name, keepsDigests: keepsDigests)
      && name.allSatisfy(Self.isToken)
      && block.bytes[field.value].allSatisfy(Self.isFieldText)
  }

  /// The content type of a google.api.HttpBody; `application/octet-stream` if it has none that is valid
  /// in a field.
  static func contentType(_ bytes: RawSpan) -> String {
    var type: [UInt8] = []
    for index in 0..<bytes.byteCount { type.append(bytes[index]) }
    guard !type.isEmpty, type.allSatisfy({ $0 > 0x1F && $0 < 0x7F }) else {
      return "application/octet-stream"
    }
    return String(decoding: type, as: UTF8.self)
  }

  /// RFC 9110 §5.6.2, lower case.
  private static func isToken(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: ":") && byte != UInt8(ascii: "\"")
      && byte != UInt8(ascii: "(") && byte != UInt8(ascii: ")") && byte != UInt8(ascii: ",")
      && byte != UInt8(ascii: "/") && byte != UInt8(ascii: ";") && byte != UInt8(ascii: "=")
  }

  /// RFC 9110 §5.5: a CR or LF here would let the endpoint inject a header or a response.
  private static func isFieldText(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t")
  }
}
