internal import NIOCore

/// The bytes that start HTTP/2 with prior knowledge (RFC 9113 §3.3 and §3.4). No HTTP/1.1 request begins
/// with them.
enum ConnectionPreface {
  /// The protocol that the first bytes of a connection indicate.
  enum Finding: Equatable {
    /// Part of the preface; more bytes are needed.
    case undecided
    case http1
    case http2
  }

  static let bytes = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

  /// Classifies all bytes received so far.
  static func classify(_ received: ByteBufferView) -> Finding {
    for (byte, expected) in zip(received, Self.bytes) where byte != expected { return .http1 }
    return received.count < Self.bytes.count ? .undecided : .http2
  }
}
