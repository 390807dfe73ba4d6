extension JSONReader {
  /// Skips one value and validates it in full: a text that is forwarded in part must be valid as a
  /// whole.
  ///
  /// - Parameter depthLimit: the maximum number of arrays and objects open within it, at most 255:
  ///   enough for 100 messages, each within a repeated field or a map.
  mutating func skipValue(depthLimit: Int = 255) throws(CodecError) {
    // One bit for each open bracket: 1 is an object. No recursion.
    var kinds: UInt128 = 0
    var outerKinds: UInt128 = 0
    var depth = 0
    let limit = min(255, depthLimit)
    while true {
      self.skipWhitespace()
      switch self.peek {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        let isObject = self.peek == UInt8(ascii: "{")
        guard depth < limit else {
          throw CodecError(
            .tooDeep, offset: self.position,
            reason: "objects and arrays are nested deeper than the limit")
        }
        self.position &+= 1
        self.skipWhitespace()
        if self.take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { break }
        outerKinds = outerKinds << 1 | kinds >> 127
        kinds = kinds << 1 | (isObject ? 1 : 0)
        depth += 1
        if isObject { try self.skipKey() }
        continue
      case UInt8(ascii: "\""):
        try self.checkEscapes(try self.string())
      case UInt8(ascii: "t"):
        guard self.take(literal: "true") else { throw self.expected("a JSON value") }
      case UInt8(ascii: "f"):
        guard self.take(literal: "false") else { throw self.expected("a JSON value") }
      case UInt8(ascii: "n"):
        guard self.take(literal: "null") else { throw self.expected("a JSON value") }
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
        _ = try self.number()
      default:
        throw self.expected("a JSON value")
      }
      // A value has ended: close the brackets that end with it, then continue after the next comma.
      while true {
        if depth == 0 { return }
        self.skipWhitespace()
        let isObject = kinds & 1 == 1
        if self.take(UInt8(ascii: ",")) {
          self.skipWhitespace()
          if isObject { try self.skipKey() }
          break
        }
        guard self.take(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          throw self.expected(isObject ? "',' or '}'" : "',' or ']'")
        }
        kinds = kinds >> 1 | outerKinds << 127
        outerKinds >>= 1
        depth -= 1
      }
    }
  }

  private mutating func skipKey() throws(CodecError) {
    guard self.peek == UInt8(ascii: "\"") else { throw self.expected("a key in quotes") }
    try self.checkEscapes(try self.string())
    self.skipWhitespace()
    guard self.take(UInt8(ascii: ":")) else { throw self.expected("':'") }
  }

  private func checkEscapes(_ token: StringToken) throws(CodecError) {
    guard token.hasEscapes else { return }
    var scratch = ByteSink(capacity: token.count)
    try self.unescape(token, into: &scratch)
  }
}
