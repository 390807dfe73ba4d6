internal import CVector

/// Reads JSON text forwards: structure, strings, numbers, skipping.
///
/// A view of the input for one run, which neither owns nor copies it. `position` never exceeds
/// `count`; every load is either checked against `count` or documents why it needs no check. Errors
/// carry a byte offset and no path: the interpreter knows the position in the message.
@safe
struct JSONReader {
  private(set) var base: UnsafePointer<UInt8>
  private(set) var count: Int
  var position: Int

  /// Views `count` bytes from `start`, which must stay readable while the reader is used.
  init(start: UnsafePointer<UInt8>, count: Int) {
    unsafe self.base = start
    self.count = count
    self.position = 0
  }

  var isAtEnd: Bool { self.position >= self.count }

  /// The byte at the position; 0 at the end, which is not part of any JSON token.
  @inline(__always)
  var peek: UInt8 {
    guard self.position < self.count else { return 0 }
    return unsafe self.base[self.position]
  }

  /// The byte at `offset`; 0 at the end.
  @inline(__always)
  func byte(at offset: Int) -> UInt8 {
    guard offset >= 0 && offset < self.count else { return 0 }
    return unsafe self.base[offset]
  }

  /// The address of the byte at `offset`.
  @inline(__always)
  func pointer(at offset: Int) -> UnsafePointer<UInt8> {
    assert(offset >= 0 && offset <= self.count)
    return unsafe self.base + offset
  }

  /// Skips spaces, tabs, line feeds and carriage returns.
  @inline(__always)
  mutating func skipWhitespace() {
    if self.position < self.count, unsafe self.base[self.position] > 0x20 { return }
    self.skipWhitespaceRun()
  }

  @inline(never)
  private mutating func skipWhitespaceRun() {
    while self.position < self.count {
      switch unsafe self.base[self.position] {
      case 0x20, 0x09, 0x0A, 0x0D: self.position &+= 1
      default: return
      }
    }
  }

  /// Skips `byte` if it's next.
  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    guard self.peek == byte else { return false }
    self.position &+= 1
    return true
  }

  /// Skips a comma or colon, if it's next, and any whitespace around it.
  @inline(__always)
  mutating func takeSeparator(_ byte: UInt8) -> Bool {
    let next = self.position &+ 1
    if next < self.count {
      let found = unsafe self.base[self.position]
      if found == byte {
        if unsafe self.base[next] > 0x20 {
          self.position = next
          return true
        }
      } else if found > 0x20 {
        return false
      }
    }
    return self.takeSpacedSeparator(byte)
  }

  @inline(never)
  private mutating func takeSpacedSeparator(_ byte: UInt8) -> Bool {
    self.skipWhitespace()
    guard self.take(byte) else { return false }
    self.skipWhitespace()
    return true
  }

  /// Whether the next bytes are these `count`. At `bytes` sixteen must be readable, however few they are.
  @inline(__always)
  func isNext(_ bytes: UnsafePointer<UInt8>, count: Int) -> Bool {
    let start = unsafe self.base + self.position
    if count <= 16 && self.count &- self.position >= 16 {
      return unsafe CVector_equal_16(start, bytes, count)
    }
    return unsafe count <= self.count &- self.position && equalBytes(start, bytes, count: count)
  }

  /// Skips a literal if it's next.
  mutating func take(literal: StaticString) -> Bool {
    let length = literal.utf8CodeUnitCount
    guard self.count - self.position >= length else { return false }
    for index in 0..<length {
      let isSame = unsafe self.base[self.position + index] == literal.utf8Start[index]
      if !isSame { return false }
    }
    self.position += length
    return true
  }

  // MARK: Errors

  /// An error that names what was expected at the position, and what was found.
  @inline(never)
  func expected(_ what: String) -> CodecError {
    CodecError(.malformedJSON, offset: self.position, reason: "expected \(what), got \(self.found)")
  }

  /// An error for a value of the wrong kind at the position.
  @inline(never)
  func wrongType(_ what: String) -> CodecError {
    CodecError(.wrongType, offset: self.position, reason: "expected \(what), got \(self.found)")
  }

  /// A description of what is at the position, quoting at most some 20 characters of it.
  var found: String {
    if self.isAtEnd { return "the end of the text" }
    switch self.peek {
    case UInt8(ascii: "{"): return "an object"
    case UInt8(ascii: "["): return "an array"
    default: break
    }
    let isQuoted = self.peek == UInt8(ascii: "\"")
    var end = self.position + (isQuoted ? 1 : 0)
    while end < self.count && end - self.position < 20 {
      let byte = self.byte(at: end)
      end += 1
      if isQuoted {
        if byte == UInt8(ascii: "\"") { break }
      } else if byte <= 0x20 || [UInt8](",]}:".utf8).contains(byte) {
        end = max(end - 1, self.position + 1)
        break
      }
    }
    let text = unsafe String(
      decoding: UnsafeBufferPointer(start: self.base + self.position, count: end - self.position),
      as: UTF8.self)
    return end - self.position >= 20 ? "\(text)…" : text
  }
}
