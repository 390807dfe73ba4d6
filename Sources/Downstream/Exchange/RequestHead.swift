internal import HTTP2
internal import HTTPFields
internal import NIOHTTP1

/// The head of a request, from either protocol.
struct RequestHead {
  /// How the end of the request is indicated, besides its framing fields.
  enum Delimiter: Equatable {
    /// Framing fields suffice (RFC 9112 §6.3), and the connection may carry another request.
    case framing
    /// The stream ends (RFC 9113 §8.1).
    case stream(endsWithHead: Bool)
  }

  /// The header fields, as delivered by their protocol.
  enum Fields {
    /// Of HTTP/1.1: names in any case.
    case list(HTTPHeaders)
    /// Of HTTP/2: names in lower case, without pseudo-header fields.
    case block(HeaderBlock)
  }

  var method: HTTPMethod
  /// The request target (RFC 9112 §3.2), in ASCII.
  let target: String
  /// Whether the client speaks HTTP/1.0.
  let isHTTP10: Bool
  let fields: Fields
  let delimiter: Delimiter

  /// Creates the head of an HTTP/1.1 request.
  init(_ head: HTTPRequestHead) {
    self.method = head.method
    self.target = head.uri
    self.isHTTP10 = head.version.minor == 0
    self.fields = .list(head.headers)
    self.delimiter = .framing
  }

  /// Creates the head of an HTTP/2 request (RFC 9113 §8.3.1): `:authority` becomes Host, the cookie
  /// crumbs become one field (§8.2.3).
  ///
  /// - Parameters:
  ///   - block: contains the head's fields in `range`; nghttp2 has validated them.
  ///   - endsStream: whether the request has no body.
  init(_ block: HeaderBlock, _ range: Range<Int>, endsStream: Bool) {
    var method = HTTPMethod.GET
    var target = "/"
    var fields = HeaderBlock()
    var host: HeaderBlock.Field?
    var authority: HeaderBlock.Field?
    var cookies: [UInt8] = []
    for field in block.fields[range] {
      if block.bytes[field.name.lowerBound] == UInt8(ascii: ":") {
        if block.isNamed(":method", field) {
          method = HTTPMethod(rawValue: block.value(of: field))
        } else if block.isNamed(":path", field) {
          target = Self.target(block.bytes[field.value])
        } else if block.isNamed(":authority", field) {
          authority = field
        }
      } else if block.isNamed("host", field) {
        host = host ?? field
      } else if block.isNamed("cookie", field) {
        if !cookies.isEmpty { cookies.append(contentsOf: "; ".utf8) }
        cookies.append(contentsOf: block.bytes[field.value])
      } else {
        fields.append(field, of: block)
      }
    }
    if let host = authority ?? host { fields.append("host".utf8, block.bytes[host.value]) }
    if !cookies.isEmpty { fields.append("cookie".utf8, cookies) }
    self.method = method
    self.target = target
    self.isHTTP10 = false
    self.fields = .block(fields)
    self.delimiter = .stream(endsWithHead: endsStream)
  }

  /// The target with non-ASCII bytes percent-encoded, as `RequestDecoder` produces it.
  private static func target(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.contains(where: { $0 >= 0x80 }) else {
      return String(decoding: bytes, as: UTF8.self)
    }
    var encoded: [UInt8] = []
    unsafe RequestLine.appendEncoded(bytes.span.bytes, to: &encoded)
    return String(decoding: encoded, as: UTF8.self)
  }

  /// The values of all fields with a name, in order.
  ///
  /// - Parameter name: in lower case.
  func values(of name: String) -> [String] {
    switch self.fields {
    case .list(let headers):
      return headers[name]
    case .block(let block):
      return block.fields.filter { block.bytes[$0.name].elementsEqual(name.utf8) }
        .map { block.value(of: $0) }
    }
  }

  /// The first of `values(of:)`.
  func first(_ name: String) -> String? {
    switch self.fields {
    case .list(let headers): headers.first(name: name)
    case .block(let block): block.first(name)
    }
  }
}
