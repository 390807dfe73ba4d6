internal import Codec
internal import HTTP2
internal import HTTPFields
internal import NIOCore

/// Writes the head of an answer, straight into the buffer that the body follows in.
enum ResponseHead {
  /// Appends the status line.
  static func begin(_ status: Int, to buffer: inout ByteBuffer) {
    if let line = Self.statusLine(status) {
      buffer.writeStaticString(line)
    } else {
      buffer.writeString("HTTP/1.1 \(status) Unknown\r\n")
    }
  }

  /// Appends a field.
  static func field(_ name: StaticString, _ value: String, to buffer: inout ByteBuffer) {
    buffer.writeStaticString(name)
    buffer.writeStaticString(": ")
    buffer.writeString(value)
    buffer.writeStaticString("\r\n")
  }

  /// Appends the length of the body.
  static func contentLength(_ count: Int, to buffer: inout ByteBuffer) {
    Self.field("content-length", String(count), to: &buffer)
  }

  /// Appends `Allow` (RFC 9110 §10.2.1).
  static func allow(_ methods: [String], to buffer: inout ByteBuffer) {
    Self.field("allow", methods.joined(separator: ", "), to: &buffer)
  }

  /// Appends what a fault says in fields of its own.
  static func fields(of fault: Fault, to buffer: inout ByteBuffer) {
    if !fault.allow.isEmpty { Self.allow(fault.allow, to: &buffer) }
    if let codings = fault.acceptEncoding { Self.field("accept-encoding", codings, to: &buffer) }
    if let version = fault.webSocketVersion {
      Self.field("sec-websocket-version", version, to: &buffer)
    }
    if let seconds = fault.retryAfter { Self.field("retry-after", String(seconds), to: &buffer) }
  }

  /// Appends metadata of a reply as header fields, but for names that are the bridge's own business
  /// and values that HTTP/1.1 can't carry.
  ///
  /// - Parameters:
  ///   - prefix: put in front of each name: `grpc-trailer-` for trailers; `grpc-metadata-` in front of
  ///     those that mean nothing to HTTP.
  ///   - keepsDigests: whether the body is the endpoint's own.
  static func metadata(
    _ block: HeaderBlock, prefix: Prefix = .none, keepsDigests: Bool = false,
    to buffer: inout ByteBuffer
  ) {
    for field in block.fields
    where Self.isWritten(field, of: block, keepsDigests: keepsDigests) {
      switch prefix {
      case .none: break
      case .trailer: buffer.writeStaticString(Self.trailerPrefix)
      case .metadata:
        if !HeaderName.isHTTPField(inReply: block.bytes[field.name]) {
          buffer.writeStaticString(HeaderName.metadataPrefix)
        }
      }
      buffer.writeBytes(block.bytes[field.name])
      buffer.writeStaticString(": ")
      buffer.writeBytes(block.bytes[field.value])
      buffer.writeStaticString("\r\n")
    }
  }

  /// What stands in front of names.
  enum Prefix {
    case none
    case trailer
    case metadata
  }

  /// In front of the names of trailers, whether they come in the head or behind the body: so a name
  /// never means something to HTTP that it may only mean in a head (RFC 9110 §6.5.1).
  static let trailerPrefix: StaticString = "grpc-trailer-"

  /// Whether `metadata` would write any field.
  static func hasFields(_ block: HeaderBlock) -> Bool {
    block.fields.contains { Self.isWritten($0, of: block) }
  }

  /// Appends what announces a body in chunks with these trailers (RFC 9110 §6.6.2).
  static func trailerNames(_ block: HeaderBlock, to buffer: inout ByteBuffer) {
    buffer.writeStaticString("transfer-encoding: chunked\r\ntrailer: ")
    var isFirst = true
    for field in block.fields where Self.isWritten(field, of: block) {
      if !isFirst { buffer.writeStaticString(", ") }
      isFirst = false
      buffer.writeStaticString(Self.trailerPrefix)
      buffer.writeBytes(block.bytes[field.name])
    }
    buffer.writeStaticString("\r\n")
  }

  private static func isWritten(
    _ field: HeaderBlock.Field, of block: HeaderBlock, keepsDigests: Bool = false
  ) -> Bool {
    let name = block.bytes[field.name]
    return !HeaderName.isReserved(inReply: name, keepsDigests: keepsDigests)
      && name.allSatisfy(Self.isToken)
      && block.bytes[field.value].allSatisfy(Self.isFieldText)
  }

  /// The content type of a google.api.HttpBody; that of unknown bytes where it has none that a field
  /// can hold.
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

  /// RFC 9110 §5.5: a CR or LF here would be a header, or an answer, of the endpoint's making.
  private static func isFieldText(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7F || byte == UInt8(ascii: "\t")
  }

  private static func statusLine(_ status: Int) -> StaticString? {
    switch status {
    case 200: "HTTP/1.1 200 OK\r\n"
    case 201: "HTTP/1.1 201 Created\r\n"
    case 202: "HTTP/1.1 202 Accepted\r\n"
    case 203: "HTTP/1.1 203 Non-Authoritative Information\r\n"
    case 204: "HTTP/1.1 204 No Content\r\n"
    case 205: "HTTP/1.1 205 Reset Content\r\n"
    case 206: "HTTP/1.1 206 Partial Content\r\n"
    case 207: "HTTP/1.1 207 Multi-Status\r\n"
    case 300: "HTTP/1.1 300 Multiple Choices\r\n"
    case 301: "HTTP/1.1 301 Moved Permanently\r\n"
    case 302: "HTTP/1.1 302 Found\r\n"
    case 303: "HTTP/1.1 303 See Other\r\n"
    case 304: "HTTP/1.1 304 Not Modified\r\n"
    case 307: "HTTP/1.1 307 Temporary Redirect\r\n"
    case 308: "HTTP/1.1 308 Permanent Redirect\r\n"
    case 400: "HTTP/1.1 400 Bad Request\r\n"
    case 401: "HTTP/1.1 401 Unauthorized\r\n"
    case 403: "HTTP/1.1 403 Forbidden\r\n"
    case 404: "HTTP/1.1 404 Not Found\r\n"
    case 405: "HTTP/1.1 405 Method Not Allowed\r\n"
    case 406: "HTTP/1.1 406 Not Acceptable\r\n"
    case 408: "HTTP/1.1 408 Request Timeout\r\n"
    case 409: "HTTP/1.1 409 Conflict\r\n"
    case 413: "HTTP/1.1 413 Content Too Large\r\n"
    case 414: "HTTP/1.1 414 URI Too Long\r\n"
    case 415: "HTTP/1.1 415 Unsupported Media Type\r\n"
    case 417: "HTTP/1.1 417 Expectation Failed\r\n"
    case 422: "HTTP/1.1 422 Unprocessable Content\r\n"
    case 426: "HTTP/1.1 426 Upgrade Required\r\n"
    case 429: "HTTP/1.1 429 Too Many Requests\r\n"
    case 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    case 499: "HTTP/1.1 499 Client Closed Request\r\n"
    case 500: "HTTP/1.1 500 Internal Server Error\r\n"
    case 501: "HTTP/1.1 501 Not Implemented\r\n"
    case 502: "HTTP/1.1 502 Bad Gateway\r\n"
    case 503: "HTTP/1.1 503 Service Unavailable\r\n"
    case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
    case 505: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
    default: nil
    }
  }
}
