internal import Codec
internal import Glibc
internal import HTTPFields
internal import NIOHTTP1
internal import Routing

/// Finds where HTTP/1.1 requests begin and end in a client's bytes (RFC 9112 §6), so that each request
/// line can be checked and at most one request is handed to the decoder at a time.
///
/// Pure. It never decides how a request is interpreted: the decoder after it does, from its own parse
/// of the same bytes. Any ambiguity makes it `opaque`: it examines nothing more and leaves rejecting
/// errors to the decoder.
struct RequestFramer {
  enum Step: Equatable {
    /// The decoder may have this many bytes from the front; more are needed.
    case feed(Int)
    /// The same; these bytes complete the request.
    case end(Int)
    /// The request line in this range has non-ASCII bytes, which must be percent-encoded.
    case encode(Range<Int>)
  }

  private enum State {
    case requestLine
    case fields
    case body(left: Int)
    case chunkSize
    /// Bytes left of a chunk and its line end.
    case chunk(left: Int)
    case trailers
    case opaque
  }

  private var state = State.requestLine
  /// Bytes at the front that have been examined and may be passed on.
  private var passed = 0
  /// Bytes at the front that are known to contain no line feed after `passed`.
  private var scanned = 0
  private var contentLength = 0
  private var isChunked = false
  /// Whether the request has an `Upgrade` field, after which the decoder may stop.
  private(set) var hasUpgrade = false
  /// Whether it names `websocket`.
  private(set) var namesWebSocket = false
  private var isConnect = false
  /// The most bytes of one line.
  private let lineByteLimit: Int

  init(lineByteLimit: Int) {
    self.lineByteLimit = lineByteLimit
  }

  /// Whether the next byte begins a request.
  var isBetweenRequests: Bool {
    if case .requestLine = self.state { self.passed == 0 } else { false }
  }

  var isOpaque: Bool {
    if case .opaque = self.state { true } else { false }
  }

  /// Stops examining the input.
  mutating func giveUp() {
    self.state = .opaque
  }

  /// The decoder has consumed this many bytes from the front.
  mutating func consumed(_ count: Int) {
    self.passed = max(0, self.passed - count)
    self.scanned = max(0, self.scanned - count)
  }

  /// Examines all pending bytes.
  ///
  /// - Throws: `RequestLineError`, or `HTTPParserError.headerOverflow` if a line is too long.
  mutating func next(in bytes: RawSpan) throws -> Step {
    while true {
      switch self.state {
      case .requestLine:
        guard let line = try self.line(in: bytes) else {
          // Input that can't become a request is rejected now, not at its line end.
          let begun = bytes.extracting(self.passed..<bytes.byteCount)
          guard RequestLine.canBegin(with: begun) || begun[0] == UInt8(ascii: "\r") else {
            self.state = .opaque
            continue
          }
          return .feed(self.passed)
        }
        if let step = try self.beginRequest(bytes.extracting(line), at: line) { return step }
      case .fields:
        self.passOtherFields(in: bytes)
        guard let line = try self.line(in: bytes) else { return .feed(self.passed) }
        try self.readField(bytes.extracting(line))
        if let step = self.endOfFields(line.count) { return step }
      case .body(let left):
        let taken = self.take(left, of: bytes)
        self.state = .body(left: left - taken)
        guard taken == left else { return .feed(self.passed) }
        return self.endOfRequest()
      case .chunkSize:
        guard let line = try self.line(in: bytes) else { return .feed(self.passed) }
        self.readChunkSize(bytes.extracting(line))
      case .chunk(let left):
        let taken = self.take(left, of: bytes)
        self.state = .chunk(left: left - taken)
        guard taken == left else { return .feed(self.passed) }
        self.state = .chunkSize
      case .trailers:
        guard let line = try self.line(in: bytes) else { return .feed(self.passed) }
        if line.count == 2 { return self.endOfRequest() }
      case .opaque:
        self.passed = bytes.byteCount
        return .feed(self.passed)
      }
    }
  }

  // MARK: Lines

  /// The next line with its end, which is then counted as passed; nil until it's complete.
  private mutating func line(in bytes: RawSpan) throws -> Range<Int>? {
    let from = max(self.passed, self.scanned)
    guard let end = Self.lineFeed(in: bytes, from: from) else {
      self.scanned = bytes.byteCount
      guard bytes.byteCount - self.passed <= self.lineByteLimit else {
        throw HTTPParserError.headerOverflow
      }
      return nil
    }
    let line = self.passed..<end + 1
    self.passed = end + 1
    return line
  }

  private static func lineFeed(in bytes: RawSpan, from start: Int) -> Int? {
    guard start < bytes.byteCount else { return nil }
    return unsafe bytes.withUnsafeBytes { buffer -> Int? in
      guard let base = buffer.baseAddress,
        let found = unsafe memchr(base + start, 0x0A, buffer.count - start)
      else { return nil }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  private mutating func take(_ left: Int, of bytes: RawSpan) -> Int {
    let taken = min(left, bytes.byteCount - self.passed)
    self.passed += taken
    return taken
  }

  // MARK: The head

  private mutating func beginRequest(_ line: RawSpan, at range: Range<Int>) throws -> Step? {
    // RFC 9112 §2.2: empty lines before a request are ignored.
    if line.byteCount == 1 || (line.byteCount == 2 && line[0] == UInt8(ascii: "\r")) { return nil }
    switch RequestLine.check(line) {
    case .wellFormed:
      break
    case .unencoded:
      // Checked again once it's encoded.
      self.passed = range.lowerBound
      return .encode(range)
    case .malformed(let error):
      throw error
    }
    self.contentLength = 0
    self.isChunked = false
    self.hasUpgrade = false
    self.namesWebSocket = false
    self.isConnect = Self.isNamed("connect", line, end: UInt8(ascii: " "))
    self.state = .fields
    return nil
  }

  /// Skips the complete lines at the front that are irrelevant to `readField`, as most are: in one go,
  /// because this runs for each field of each request.
  private mutating func passOtherFields(in bytes: RawSpan) {
    self.passed = unsafe bytes.withUnsafeBytes { buffer -> Int in
      guard let base = buffer.baseAddress else { return self.passed }
      var start = self.passed
      while start < buffer.count,
        let found = unsafe memchr(base + start, 0x0A, buffer.count - start)
      {
        let end = unsafe UnsafeRawPointer(found) - base
        guard end - start >= 2, unsafe buffer[end - 1] == UInt8(ascii: "\r") else { break }
        let first = unsafe buffer[start] | 0x20
        if first == UInt8(ascii: "c") || first == UInt8(ascii: "t") || first == UInt8(ascii: "u")
          || HeaderValue.isBlank(unsafe buffer[start])
        {
          break
        }
        start = end + 1
      }
      return start
    }
  }

  private mutating func readField(_ line: RawSpan) throws {
    guard line.byteCount >= 2, line[line.byteCount - 2] == UInt8(ascii: "\r") else {
      throw RequestLineError.bareLineFeed
    }
    if HeaderValue.isBlank(line[0]) {
      // A folded line (RFC 9112 §5.2): rejected with the field that it belongs to.
      self.state = .opaque
      return
    }
    switch line[0] | 0x20 {
    case UInt8(ascii: "c") where Self.isNamed("content-length", line):
      // The decoder rejects an invalid length, and a second one.
      self.contentLength = Self.length(in: line.extracting(15..<line.byteCount - 2)) ?? -1
    case UInt8(ascii: "t") where Self.isNamed("transfer-encoding", line):
      self.isChunked = true
    case UInt8(ascii: "u") where Self.isNamed("upgrade", line):
      self.hasUpgrade = true
      self.namesWebSocket =
        self.namesWebSocket
        || Self.lists("websocket", line.extracting(8..<line.byteCount - 2))
    default:
      break
    }
  }

  private mutating func endOfFields(_ lineByteCount: Int) -> Step? {
    guard lineByteCount == 2, case .fields = self.state else { return nil }
    if self.isConnect || (self.isChunked && self.contentLength != 0) || self.contentLength < 0 {
      self.state = .opaque
      return nil
    }
    if self.isChunked {
      self.state = .chunkSize
      return nil
    }
    guard self.contentLength == 0 else {
      self.state = .body(left: self.contentLength)
      return nil
    }
    return self.endOfRequest()
  }

  private mutating func endOfRequest() -> Step {
    self.state = .requestLine
    return .end(self.passed)
  }

  private mutating func readChunkSize(_ line: RawSpan) {
    var size = 0
    var digits = 0
    while digits < line.byteCount, let digit = PercentCoding.digit(line[digits]) {
      size = size << 4 | Int(digit)
      digits += 1
      guard digits <= 12 else { break }
    }
    guard (1...12).contains(digits) else {
      self.state = .opaque
      return
    }
    self.state = size == 0 ? .trailers : .chunk(left: size + 2)
  }

  // MARK: Bytes

  /// Whether the line begins with this name, given in lower case, and a colon.
  private static func isNamed(
    _ name: StaticString, _ line: RawSpan, end: UInt8 = UInt8(ascii: ":")
  ) -> Bool {
    let count = name.utf8CodeUnitCount
    guard line.byteCount > count, line[count] == end else { return false }
    let start = unsafe name.utf8Start
    for index in 0..<count where unsafe line[index] | 0x20 != start[index] { return false }
    return true
  }

  private static func length(in text: RawSpan) -> Int? {
    var length = 0
    var digits = 0
    for index in 0..<text.byteCount {
      let byte = text[index]
      if HeaderValue.isBlank(byte) { continue }
      guard byte &- UInt8(ascii: "0") < 10, digits < 18 else { return nil }
      length = length * 10 + Int(byte &- UInt8(ascii: "0"))
      digits += 1
    }
    return digits > 0 ? length : nil
  }

  /// Whether a list has this element, given in lower case.
  private static func lists(_ word: StaticString, _ list: RawSpan) -> Bool {
    var start = 0
    while start < list.byteCount {
      var end = start
      while end < list.byteCount, list[end] != UInt8(ascii: ",") { end += 1 }
      let next = end + 1
      while start < end, HeaderValue.isBlank(list[start]) { start += 1 }
      while start < end, HeaderValue.isBlank(list[end - 1]) { end -= 1 }
      if Self.equals(word, list.extracting(start..<end)) { return true }
      start = next
    }
    return false
  }

  private static func equals(_ word: StaticString, _ text: RawSpan) -> Bool {
    guard text.byteCount == word.utf8CodeUnitCount else { return false }
    let start = unsafe word.utf8Start
    for index in 0..<text.byteCount
    where unsafe ASCII.lowercased(text[index]) != start[index] {
      return false
    }
    return true
  }
}
