internal import CVector

/// Finds the values of a stream of JSON texts while it arrives.
///
/// Two forms are known: one array, `[a, b]`, whose elements are the values, and values one behind the
/// other with or without whitespace between them (`application/x-ndjson`, where each has a line of its
/// own). Only the ends of values are looked for, by brackets and quotes; whether what's between is
/// JSON is for its reader to say.
///
/// The owner keeps the bytes from `start` on and gives all of them to each `next`; what it throws
/// away in front, it tells by `discard`. Each byte is looked at once, however the stream is cut.
package struct JSONSequenceScanner: Sendable {
  /// How the values stand in the stream.
  package enum Form: Sendable {
    /// `[a, b]`.
    case array
    /// `a b`.
    case sequence
  }

  private enum State {
    /// Nothing yet but so many bytes of a byte order mark.
    case beginning(Int)
    /// Nothing but whitespace yet.
    case initial
    /// In front of a value; of the first one in an array, or of its end.
    case before(isFirst: Bool)
    /// In an object, an array or a string: `depth` brackets are open.
    case inside(depth: Int, isQuoted: Bool, isEscaped: Bool)
    /// In a number or a literal, whose end is what follows it.
    case inScalar
    /// Behind an element of an array.
    case behind
    /// Behind the array.
    case ended
  }

  private var form: Form?
  private var state = State.beginning(0)
  /// How far has been looked.
  private var position = 0
  /// Where the value under way begins; where none is, how far has been looked. What's in front of it is
  /// needed no longer.
  package private(set) var start = 0

  /// - Parameter form: nil: an array where the first value is one, else a sequence.
  package init(form: Form? = nil) {
    self.form = form
  }

  /// Finds the end of the next value.
  ///
  /// - Parameters:
  ///   - bytes: those of the stream that weren't discarded, from the same place as before.
  ///   - isComplete: whether no others follow.
  /// - Returns: the place of the value in `bytes`; nil where it isn't whole yet, or, in a stream that is
  ///   complete, where there's none.
  /// - Throws: for what can't be between values, or an end within one; the offset counts in `bytes`.
  package mutating func next(
    in bytes: RawSpan, isComplete: Bool
  ) throws(CodecError) -> Range<Int>? {
    var found: Range<Int>?
    var fault: CodecError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(CodecError) {
        if let base = unsafe buffer.bindMemory(to: UInt8.self).baseAddress {
          found = try unsafe self.next(base, buffer.count)
        }
        if found == nil, isComplete { found = try unsafe self.last(buffer) }
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return found
  }

  /// Says that so many bytes, at most up to `start`, were taken away in front.
  package mutating func discard(_ count: Int) {
    precondition(count <= self.start, "what's needed was thrown away")
    self.position -= count
    self.start -= count
  }

  // MARK: Looking

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

  /// Takes the first bytes of the stream: a byte order mark of UTF-8 is passed over (RFC 8259 §8.1).
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

  /// Takes a byte that stands between values.
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
      throw self.expected("nothing behind the array", at: byte)
    case .beginning, .inside, .inScalar:
      break
    }
  }

  /// A value begins with this byte.
  private mutating func open(_ byte: UInt8) throws(CodecError) {
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      self.state = .inside(depth: 0, isQuoted: false, isEscaped: false)
    case UInt8(ascii: "\""):
      // Passed over here: an opening quote looks like a closing one.
      self.position &+= 1
      self.state = .inside(depth: 0, isQuoted: true, isEscaped: false)
    case UInt8(ascii: ","):
      throw CodecError(
        .malformedJSON, offset: self.position,
        reason: "expected a JSON value, got ','; commas stand between the elements of an array")
    case UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ":"):
      throw self.expected("a JSON value", at: byte)
    default:
      self.state = .inScalar
    }
  }

  /// Passes over the rest of an object, an array or a string.
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
      // The brackets of an array differ from those of an object in this bit alone.
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

  /// The value under way ends here.
  private mutating func finish() -> Range<Int> {
    let found = self.start..<self.position
    self.start = self.position
    self.state = self.form == .array ? .behind : .before(isFirst: false)
    return found
  }

  /// The array ends with the next byte.
  private mutating func close() {
    self.position &+= 1
    self.start = self.position
    self.state = .ended
  }

  /// The stream is complete: finds a last value that nothing follows.
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

  // MARK: Faults

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
