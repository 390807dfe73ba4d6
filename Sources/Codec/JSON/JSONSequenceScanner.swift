internal import CVector

/// Finds the values of a stream of JSON texts as it arrives.
///
/// Two forms are supported: one array, `[a, b]`, whose elements are the values, and consecutive
/// values with or without whitespace between them (`application/x-ndjson`, where each is on a line
/// of its own). The scanner finds only the ends of values, by brackets and quotes; the reader of a
/// value decides whether it is valid JSON.
///
/// The owner keeps the bytes from `start` on and passes all of them to each `next`; it reports the
/// bytes that it drops at the front with `discard`. Each byte is examined once, however the stream
/// is split.
package struct JSONSequenceScanner: Sendable {
  /// The arrangement of the values in the stream.
  package enum Form: Sendable {
    /// `[a, b]`.
    case array
    /// `a b`.
    case sequence
  }

  private enum State {
    /// Nothing yet but this many bytes of a byte order mark.
    case beginning(Int)
    /// Nothing yet but whitespace.
    case initial
    /// Before a value, or, if it would be the first one of an array, before the array's end.
    case before(isFirst: Bool)
    /// In an object, an array or a string: `depth` brackets are open.
    case inside(depth: Int, isQuoted: Bool, isEscaped: Bool)
    /// In a number or a literal, which ends at the byte that follows it.
    case inScalar
    /// After an element of an array.
    case behind
    /// After the array.
    case ended
  }

  private var form: Form?
  private var state = State.beginning(0)
  /// The offset of the next byte to examine.
  private var position = 0
  /// The offset of the current value, or, between values, the same as `position`. Earlier bytes are
  /// no longer needed.
  package private(set) var start = 0

  /// - Parameter form: nil: an array if the first value is one, otherwise a sequence.
  package init(form: Form? = nil) {
    self.form = form
  }

  /// Finds the end of the next value.
  ///
  /// - Parameters:
  ///   - bytes: those of the stream that weren't discarded, from the same offset as before.
  ///   - isComplete: whether the stream ends with them.
  /// - Returns: the range of the value in `bytes`; nil if it isn't complete yet, or, in a complete
  ///   stream, if there is none.
  /// - Throws: for bytes that can't appear between values, or an end within one; the offset is one
  ///   in `bytes`.
  package mutating func next(
    in bytes: RawSpan, isComplete: Bool
  ) throws(CodecError) -> Range<Int>? {
    var found: Range<Int>?
    var problem: CodecError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(CodecError) {
        if let base = unsafe buffer.bindMemory(to: UInt8.self).baseAddress {
          found = try unsafe self.next(base, buffer.count)
        }
        if found == nil, isComplete { found = try unsafe self.last(buffer) }
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return found
  }

  /// Reports that `count` bytes, at most up to `start`, were dropped at the front.
  package mutating func discard(_ count: Int) {
    precondition(count <= self.start, "discarded bytes are still needed")
    self.position -= count
    self.start -= count
  }

  // MARK: Scanning

  private mutating func next(
    _ base: UnsafePointer<UInt8>, _ count: Int
  ) throws(CodecError) -> Range<Int>? {
    while self.position < count {
      switch self.state {
      case .inside(let depth, let isQuoted, let isEscaped):
        guard
          unsafe self.pass(base, count, depth: depth, isQuoted: isQuoted, isEscaped: isEscaped)
        else { return nil }
        return self.finish()
      case .inScalar:
        while self.position < count, unsafe !self.endsScalar(base[self.position]) {
          self.position &+= 1
        }
        return self.position < count ? self.finish() : nil
      case .beginning(let matched):
        try self.begin(unsafe base[self.position], matched: matched)
      case .initial, .before, .behind, .ended:
        let byte = unsafe base[self.position]
        if Self.isWhitespace(byte) {
          self.position &+= 1
          self.start = self.position
        } else {
          try self.step(byte)
        }
      }
    }
    return nil
  }

  /// Handles the first bytes of the stream: skips a UTF-8 byte order mark (RFC 8259 §8.1).
  private mutating func begin(_ byte: UInt8, matched: Int) throws(CodecError) {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    if byte == mark[matched] {
      self.position &+= 1
      self.start = self.position
      self.state = matched == 2 ? .initial : .beginning(matched + 1)
    } else if matched > 0 {
      throw self.expected("a JSON value", at: byte)
    } else if byte == 0 || byte >= 0xFE {
      throw CodecError(
        .malformedJSON, offset: self.position,
        reason: "the body isn't in UTF-8 but looks like UTF-16 or UTF-32; JSON is sent in UTF-8 "
          + "(RFC 8259, section 8.1)")
    } else {
      self.state = .initial
    }
  }

  /// Handles a byte between values.
  private mutating func step(_ byte: UInt8) throws(CodecError) {
    switch self.state {
    case .initial:
      let isBracket = byte == UInt8(ascii: "[")
      let form = self.form ?? (isBracket ? .array : .sequence)
      self.form = form
      if form == .array {
        guard isBracket else { throw self.expected("'['", at: byte) }
        self.position &+= 1
        self.start = self.position
      }
      self.state = .before(isFirst: true)
    case .before(let isFirst):
      if byte == UInt8(ascii: "]"), isFirst, self.form == .array {
        self.close()
      } else {
        try self.open(byte)
      }
    case .behind:
      switch byte {
      case UInt8(ascii: "]"):
        self.close()
      case UInt8(ascii: ","):
        self.position &+= 1
        self.start = self.position
        self.state = .before(isFirst: false)
      default:
        throw self.expected("',' or ']'", at: byte)
      }
    case .ended:
      throw self.expected("nothing after the array", at: byte)
    case .beginning, .inside, .inScalar:
      break
    }
  }

  /// Begins a value with this byte.
  private mutating func open(_ byte: UInt8) throws(CodecError) {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      self.state = .inside(depth: 0, isQuoted: false, isEscaped: false)
    case UInt8(ascii: "\""):
      // Skipped here: an opening quote looks like a closing one.
      self.position &+= 1
      self.state = .inside(depth: 0, isQuoted: true, isEscaped: false)
    case UInt8(ascii: ","):
      throw CodecError(
        .malformedJSON, offset: self.position,
        reason: "expected a JSON value, got ','; commas only separate the elements of an array")
    case UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ":"):
      throw self.expected("a JSON value", at: byte)
    default:
      self.state = .inScalar
    }
  }

  /// Skips the rest of an object, an array or a string.
  ///
  /// - Returns: whether it ends within the bytes.
  private mutating func pass(
    _ base: UnsafePointer<UInt8>, _ count: Int, depth: Int, isQuoted: Bool, isEscaped: Bool
  ) -> Bool {
    var offset = self.position
    var depth = depth
    var isQuoted = isQuoted
    var isEscaped = isEscaped
    var high: UInt32 = 0
    while offset < count {
      if isQuoted {
        if !isEscaped {
          unsafe offset &+= CVector_pass_string(base + offset, count &- offset, &high)
        }
        guard offset < count else { break }
        let byte = unsafe base[offset]
        offset &+= 1
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isQuoted = false
          if depth == 0 {
            self.position = offset
            return true
          }
        }
        continue
      }
      let byte = unsafe base[offset]
      offset &+= 1
      // The brackets of an array differ from those of an object in this bit only.
      switch byte | 0x20 {
      case UInt8(ascii: "{"):
        depth &+= 1
      case UInt8(ascii: "}"):
        depth &-= 1
        if depth == 0 {
          self.position = offset
          return true
        }
      case UInt8(ascii: "\""):
        isQuoted = byte == UInt8(ascii: "\"")
      default:
        break
      }
    }
    self.position = offset
    self.state = .inside(depth: depth, isQuoted: isQuoted, isEscaped: isEscaped)
    return false
  }

  private func endsScalar(_ byte: UInt8) -> Bool {
    Self.isWhitespace(byte)
      || (self.form == .array && (byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]")))
  }

  /// Ends the current value here.
  private mutating func finish() -> Range<Int> {
    let found = self.start..<self.position
    self.start = self.position
    self.state = self.form == .array ? .behind : .before(isFirst: false)
    return found
  }

  /// Ends the array with the next byte.
  private mutating func close() {
    self.position &+= 1
    self.start = self.position
    self.state = .ended
  }

  /// Finds a last value that nothing follows, in a complete stream.
  private mutating func last(
    _ buffer: UnsafeRawBufferPointer
  ) throws(CodecError) -> Range<Int>? {
    switch self.state {
    case .initial, .beginning(0):
      return nil
    case .beginning:
      throw self.endedEarly("a JSON value")
    case .before where self.form == .sequence:
      return nil
    case .inScalar where self.form == .sequence:
      return self.finish()
    case .ended:
      return nil
    case .before:
      throw self.endedEarly("a JSON value")
    case .behind:
      throw self.endedEarly("',' or ']'")
    case .inside(_, let isQuoted, _):
      throw self.endedEarly(isQuoted ? "'\"'" : "the end of this value")
    case .inScalar:
      throw self.endedEarly("',' or ']'")
    }
  }

  // MARK: Errors

  private func endedEarly(_ what: String) -> CodecError {
    CodecError(
      .malformedJSON, offset: self.position, reason: "expected \(what), got the end of the body")
  }

  private func expected(_ what: String, at byte: UInt8) -> CodecError {
    let isPrintable = byte > 0x20 && byte < 0x7F
    let found =
      isPrintable
      ? "'\(Character(UnicodeScalar(byte)))'" : "the byte 0x\(String(byte, radix: 16))"
    return CodecError(
      .malformedJSON, offset: self.position, reason: "expected \(what), got \(found)")
  }

  private static func isWhitespace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
  }
}
