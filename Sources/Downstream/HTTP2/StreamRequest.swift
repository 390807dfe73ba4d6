internal import HTTP2
internal import NIOCore
internal import NIOHTTP1

/// The head of a request by HTTP/2 in the form in which an `ExchangeDriver` takes heads.
enum StreamRequest {
  /// Makes the head (RFC 9113 §8.3.1): `:authority` becomes Host, crumbs of cookies become one field.
  ///
  /// It says `Connection: close`, because a stream carries one exchange.
  static func head(_ block: HeaderBlock, _ range: Range<Int>, endsStream: Bool) -> HTTPRequestHead {
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
    var host: String?
    var cookies: [String] = []
    var hasLength = false
    for field in block.fields[range] {
      let value = block.value(of: field)
      switch block.name(of: field) {
      case ":method": head.method = HTTPMethod(rawValue: value)
      case ":path": head.uri = Self.target(block.bytes[field.value], value)
      case ":authority": host = value
      case ":scheme": break
      case "host": host = host ?? value
      case "cookie": cookies.append(value)
      case let name:
        if name == "content-length" { hasLength = true }
        head.headers.add(name: name, value: value)
      }
    }
    if let host { head.headers.add(name: "host", value: host) }
    if !cookies.isEmpty {
      // RFC 9113 §8.2.3.
      head.headers.add(name: "cookie", value: cookies.joined(separator: "; "))
    }
    if !endsStream, !hasLength { head.headers.add(name: "transfer-encoding", value: "chunked") }
    head.headers.add(name: "connection", value: "close")
    return head
  }

  /// The target with bytes beyond ASCII percent-encoded, as `RequestDecoder` has it.
  private static func target(_ bytes: ArraySlice<UInt8>, _ text: String) -> String {
    guard bytes.contains(where: { $0 >= 0x80 }) else { return text }
    var encoded: [UInt8] = []
    unsafe RequestLine.appendEncoded(bytes.span.bytes, to: &encoded)
    return String(decoding: encoded, as: UTF8.self)
  }
}
