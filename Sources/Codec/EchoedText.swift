/// Prepares text received from a client or an endpoint (names, keys, values) for echoing in
/// responses: cleaned by `ForeignText` and truncated, so that no response is much larger than its
/// request.
package enum EchoedText {
  /// The maximum length of one name or value.
  package static let byteLimit = 100
  /// The maximum length of a whole message.
  package static let messageByteLimit = 4096

  /// The cleaned text of some bytes, truncated to `byteLimit` bytes at a character boundary. Bytes
  /// that aren't UTF-8 are replaced.
  package static func cut(_ bytes: some Collection<UInt8>) -> String {
    let head = Array(bytes.prefix(Self.byteLimit + 1))
    guard head.count > Self.byteLimit else { return Self.cleaned(head[...]) }
    return Self.cleaned(head[..<Self.boundary(at: Self.byteLimit, in: head)]) + "…"
  }

  package static func cut(_ text: String) -> String {
    Self.cut(text.utf8)
  }

  private static func cleaned(_ bytes: ArraySlice<UInt8>) -> String {
    ForeignText.shown(String(decoding: bytes, as: UTF8.self), limit: Self.byteLimit)
  }

  /// A message of at most `limit` bytes: a longer one loses its middle, since the error is
  /// described at the beginning and the suggestion is at the end.
  package static func shortened(_ message: String, to limit: Int = messageByteLimit) -> String {
    guard message.utf8.count > limit else { return message }
    let bytes = Array(message.utf8)
    let head = bytes[..<Self.boundary(at: limit * 3 / 4 - 6, in: bytes)]
    let tail = bytes[Self.boundary(at: bytes.count - limit / 4 + 3, in: bytes)...]
    return String(decoding: head, as: UTF8.self) + "…" + String(decoding: tail, as: UTF8.self)
  }

  /// The nearest character boundary at or before `offset`.
  private static func boundary(at offset: Int, in bytes: [UInt8]) -> Int {
    var offset = min(offset, bytes.count)
    for _ in 0..<3 where offset > 0 && offset < bytes.count && bytes[offset] & 0xC0 == 0x80 {
      offset -= 1
    }
    return offset
  }
}
