internal import HTTP2
internal import HTTPFields
internal import NIOHTTP1

/// The head of a request, from either protocol. A single reference, because it's passed around often.
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

  private final class StreamHead {
    var method = HTTPMethod.GET
    var target = "/"
    var fields = HeaderBlock()
    let endsStream: Bool

    init(endsStream: Bool) {
      self.endsStream = endsStream
    }
  }

  private enum Source {
    case http1(HTTPRequestHead)
    case http2(StreamHead)
  }

  private let source: Source

  var method: HTTPMethod {
    switch self.source {
    case .http1(let head): head.method
    case .http2(let head): head.method
    }
  }

  /// The request target (RFC 9112 §3.2), in ASCII.
  var target: String {
    switch self.source {
    case .http1(let head): head.uri
    case .http2(let head): head.target
    }
  }

  /// Whether the client speaks HTTP/1.0.
  var isHTTP10: Bool {
    switch self.source {
    case .http1(let head): head.version.minor == 0
    case .http2: false
    }
  }

  var fields: Fields {
    switch self.source {
    case .http1(let head): .list(head.headers)
    case .http2(let head): .block(head.fields)
    }
  }

  var delimiter: Delimiter {
    switch self.source {
    case .http1: .framing
    case .http2(let head): .stream(endsWithHead: head.endsStream)
    }
  }

  /// Creates the head of an HTTP/1.1 request.
  init(_ head: HTTPRequestHead) {
    self.source = .http1(head)
  }

  /// Creates the head of an HTTP/2 request (RFC 9113 §8.3.1): `:authority` becomes Host, the cookie
  /// crumbs become one field (§8.2.3).
  ///
  /// - Parameters:
  ///   - block: contains the head's fields in `range`; nghttp2 has validated them.
  ///   - endsStream: whether the request has no body.
  init(_ block: HeaderBlock, _ range: Range<Int>, endsStream: Bool) {
    let head = StreamHead(endsStream: endsStream)
    var host: HeaderBlock.Field?
    var authority: HeaderBlock.Field?
    var cookies: [UInt8] = []
    for field in block.fields[range] {
      if block.bytes[field.name.lowerBound] == UInt8(ascii: ":") {
        if block.isNamed(":method", field) {
          head.method = HTTPMethod(rawValue: block.value(of: field))
        } else if block.isNamed(":path", field) {
          head.target = Self.target(block.bytes[field.value])
        } else if block.isNamed(":authority", field) {
          authority = field
        }
      } else if block.isNamed("host", field) {
        host = host ?? field
      } else if block.isNamed("cookie", field) {
        if !cookies.isEmpty { cookies.append(contentsOf: "; ".utf8) }
        cookies.append(contentsOf: block.bytes[field.value])
      } else {
        head.fields.append(field, of: block)
      }
    }
    if let host = authority ?? host { head.fields.append("host".utf8, block.bytes[host.value]) }
    if !cookies.isEmpty { head.fields.append("cookie".utf8, cookies) }
    self.source = .http2(head)
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

  /// The same request with another method.
  func with(_ method: HTTPMethod) -> RequestHead {
    switch self.source {
    case .http1(var head):
      head.method = method
      return RequestHead(head)
    case .http2(let head):
      let copy = StreamHead(endsStream: head.endsStream)
      copy.method = method
      copy.target = head.target
      copy.fields = head.fields
      return RequestHead(.http2(copy))
    }
  }

  private init(_ source: Source) {
    self.source = source
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
