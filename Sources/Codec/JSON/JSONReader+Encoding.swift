/// Handling of byte order marks and of encodings other than UTF-8.
extension JSONReader {
  /// Skips a UTF-8 byte order mark, which RFC 8259 §8.1 allows a reader to ignore.
  @inline(never)
  mutating func skipByteOrderMark() {
    if self.byte(at: 0) == 0xEF, self.byte(at: 1) == 0xBB, self.byte(at: 2) == 0xBF {
      self.position = 3
    }
  }

  /// The encoding of a text that isn't UTF-8, detected by its byte order mark or by the zeros
  /// beside its first character, which is ASCII in any JSON; nil if it doesn't look like one.
  var foreignEncoding: String? {
    guard self.count >= 2 else { return nil }
    switch (self.byte(at: 0), self.byte(at: 1)) {
    case (0xFF, 0xFE):
      return self.count >= 4 && self.byte(at: 2) == 0 && self.byte(at: 3) == 0
        ? "UTF-32 (little-endian)" : "UTF-16 (little-endian)"
    case (0xFE, 0xFF):
      return "UTF-16 (big-endian)"
    case (0, 0):
      let isText = self.count >= 4 && (self.byte(at: 3) != 0 || self.byte(at: 2) == 0xFE)
      return isText ? "UTF-32 (big-endian)" : nil
    case (0, _):
      return "UTF-16 (big-endian)"
    case (_, 0):
      return self.count >= 4 && self.byte(at: 2) == 0 && self.byte(at: 3) == 0
        ? "UTF-32 (little-endian)" : "UTF-16 (little-endian)"
    default:
      return nil
    }
  }
}
