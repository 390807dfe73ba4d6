/// Foreign text in answers to clients: names, keys and values that a client or an endpoint sent, cleaned
/// by `ForeignText` and cut, so that no answer is larger than what it answers.
package enum EchoedText {
  /// The most bytes of one name or value.
  package static let byteLimit = 100
  /// The most bytes of a whole message.
  package static let messageByteLimit = 4096

  /// The text of some bytes, cleaned, and cut after `byteLimit` of them at the end of a character. What
  /// isn't UTF-8 is replaced.
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

  /// A message of at most `limit` bytes: what is longer loses its middle, since what is wrong stands
  /// at the beginning and what would be right at the end.
  package static func shortened(_ message: String, to limit: Int = messageByteLimit) -> String {
    guard message.utf8.count > limit else { return message }
    let bytes = Array(message.utf8)
    let head = bytes[..<Self.boundary(at: limit * 3 / 4 - 6, in: bytes)]
    let tail = bytes[Self.boundary(at: bytes.count - limit / 4 + 3, in: bytes)...]
    return String(decoding: head, as: UTF8.self) + "…" + String(decoding: tail, as: UTF8.self)
  }

  /// The nearest place at or in front of `offset` where a character begins.
  private static func boundary(at offset: Int, in bytes: [UInt8]) -> Int {
    var offset = min(offset, bytes.count)
    for _ in 0..<3 where offset > 0 && offset < bytes.count && bytes[offset] & 0xC0 == 0x80 {
      offset -= 1
    }
    return offset
  }
}
