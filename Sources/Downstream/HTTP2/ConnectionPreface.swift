internal import NIOCore

/// The bytes with which a client begins HTTP/2 by prior knowledge (RFC 9113 §3.3 and §3.4). No
/// request of HTTP/1.1 begins so.
enum ConnectionPreface {
  /// What the first bytes of a connection say.
  enum Finding: Equatable {
    /// A part of the preface; more has to come.
    case undecided
    case http1
    case http2
  }

  static let bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// Looks at all bytes that have come so far.
  static func classify(at received: ByteBufferView) -> Finding {
    for (byte, expected) in zip(received, Self.bytes) where byte != expected { return .http1 }
    return received.count < Self.bytes.count ? .undecided : .http2
  }
}
