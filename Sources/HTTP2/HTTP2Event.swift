/// A stream of an `HTTP2Session`, valid for as long as the session knows it.
///
/// The slot lets per-stream tables be plain arrays. It's reused once the stream has closed and its
/// events have been handled; the identifier never is, so that a stale value is detected.
public struct HTTP2Stream: Hashable, Sendable {
  /// The identifier on the wire (RFC 9113 §5.1.1).
  public let id: Int32
  @usableFromInline let slotIndex: Int32

  package init(id: Int32, slot: Int) {
    self.id = id
    self.slotIndex = Int32(truncatingIfNeeded: slot)
  }

  /// The stream's index in tables parallel to the session's own.
  @inlinable public var slot: Int { Int(self.slotIndex) }

  /// Written out, because the synthesized one isn't inlined.
  @inlinable
  public static func == (left: HTTP2Stream, right: HTTP2Stream) -> Bool {
    left.id == right.id && left.slotIndex == right.slotIndex
  }
}

/// An action of the peer, reported in order. Trivial, so that copying one costs nothing.
package enum HTTP2Event: Equatable {
  /// The peer's SETTINGS arrived (again). Read them from the session.
  case settings
  /// A header block: the fields of `HTTP2Session.headers` in this range. Request or response head,
  /// a 1xx head, or trailers.
  case headers(HTTP2Stream, fields: Range<Int>, endsStream: Bool)
  /// A header block exceeded the session's limit; its fields were dropped. The stream is open.
  case headersTooLarge(HTTP2Stream)
  /// A client's request is malformed (RFC 9113 §8.1.1), and its stream is about to be reset: the
  /// fields up to the error. The reason is the session's `violation(on:)`. No `headers` follow.
  case invalidRequest(HTTP2Stream, fields: Range<Int>)
  /// Payload of a DATA frame, as offsets from the reader index of the bytes just received.
  case data(HTTP2Stream, bytes: Range<Int>)
  /// A DATA frame ended the peer's side of the stream.
  case endOfStream(HTTP2Stream)
  /// The stream closed; nothing follows for it. `HTTP2ErrorCode.noError` if it ended normally.
  case closed(HTTP2Stream, errorCode: UInt32)
  /// The acknowledgement of a PING that this side sent, with its data.
  case pong(UInt64)
  /// The peer accepts no new streams. The streams above `lastStream` follow as `closed` with
  /// `HTTP2ErrorCode.refusedStream`.
  case goAway(lastStream: Int32, errorCode: UInt32)
}

/// The error codes of RFC 9113 §7.
package enum HTTP2ErrorCode {
  package static let noError: UInt32 = 0x0
  package static let protocolError: UInt32 = 0x1
  package static let internalError: UInt32 = 0x2
  package static let flowControlError: UInt32 = 0x3
  package static let settingsTimeout: UInt32 = 0x4
  package static let streamClosed: UInt32 = 0x5
  package static let frameSizeError: UInt32 = 0x6
  package static let refusedStream: UInt32 = 0x7
  package static let cancel: UInt32 = 0x8
  package static let compressionError: UInt32 = 0x9
  package static let connectError: UInt32 = 0xa
  package static let enhanceYourCalm: UInt32 = 0xb
  package static let inadequateSecurity: UInt32 = 0xc
  package static let http11Required: UInt32 = 0xd

  /// The name in RFC 9113, such as `REFUSED_STREAM`; the number for an unknown code.
  package static func name(_ code: UInt32) -> String {
    code < Self.names.count ? Self.names[Int(code)] : "error code \(code)"
  }

  private static let names = [
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",
    "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR",
    "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
  ]
}
