internal import Codec
internal import GRPCWire
internal import HTTPFields
internal import Routing

/// The first line of a request (RFC 9112 §3), checked before the decoder reads it: the decoder accepts
/// lines that aren't HTTP/1.1, and rejects others without naming the cause.
enum RequestLine {
  enum Finding: Equatable {
    case wellFormed
    /// Well-formed except for non-ASCII bytes in the target, which are taken as their percent-encoded
    /// form.
    case unencoded
    case malformed(RequestLineError)
  }

  /// Checks a line.
  ///
  /// - Parameter line: including its line feed.
  static func check(_ line: RawSpan) -> Finding {
    let end = line.byteCount - 2
    guard end >= 0, line[end] == UInt8(ascii: "\r") else { return .malformed(.bareLineFeed) }
    var index = 0
    while index < end, HTTPMethods.isTokenByte(line[index]) { index += 1 }
    guard index > 0, index < end, line[index] == UInt8(ascii: " ") else {
      return Self.explainStart(line, end, index)
    }
    let start = index + 1
    index = start
    var isEncoded = true
    while index < end {
      let byte = line[index]
      // Printable ASCII.
      guard byte &- 0x21 >= 0x5E else {
        index += 1
        continue
      }
      if byte == UInt8(ascii: " ") { break }
      if byte < 0x80 { return .malformed(byte == UInt8(ascii: "\t") ? .tab : .control) }
      isEncoded = false
      index += 1
    }
    guard index > start else { return .malformed(index < end ? .extraSpace : .noTarget) }
    guard index < end else { return .malformed(.noVersion) }
    guard Self.isServedVersion(line.extracting(index + 1..<end)) else {
      return .malformed(Self.explainVersion(line.extracting(index + 1..<end)))
    }
    return isEncoded ? .wellFormed : .unencoded
  }

  /// Whether bytes that aren't a complete line yet can become one: a method is first.
  static func canBegin(with bytes: RawSpan) -> Bool {
    var index = 0
    while index < bytes.byteCount, HTTPMethods.isTokenByte(bytes[index]) {
      index += 1
      if index > Self.methodByteLimit { return false }
    }
    return index == bytes.byteCount || (index > 0 && HeaderValue.isBlank(bytes[index]))
  }

  /// Appends a line with its non-ASCII bytes percent-encoded (RFC 3986 §2.1).
  static func appendEncoded(_ text: RawSpan, to output: inout [UInt8]) {
    let digits = Array("0123456789ABCDEF".utf8)
    for index in 0..<text.byteCount {
      let byte = text[index]
      if byte < 0x80 {
        output.append(byte)
      } else {
        output.append(UInt8(ascii: "%"))
        output.append(digits[Int(byte >> 4)])
        output.append(digits[Int(byte & 15)])
      }
    }
  }

  /// The most bytes of a method; a longer one is rejected without waiting for its end.
  private static let methodByteLimit = 64

  private static func isServedVersion(_ version: RawSpan) -> Bool {
    guard version.byteCount == 8, version[7] == UInt8(ascii: "1") || version[7] == UInt8(ascii: "0")
    else { return false }
    return Self.begins(version, with: "HTTP/1.")
  }

  private static func begins(_ text: RawSpan, with prefix: StaticString) -> Bool {
    let count = prefix.utf8CodeUnitCount
    guard text.byteCount >= count else { return false }
    let start = unsafe prefix.utf8Start
    for index in 0..<count where unsafe text[index] != start[index] { return false }
    return true
  }

  /// The error in place of a method and one space. Input that isn't text is left to the decoder, which
  /// has its own response to TLS and the like.
  private static func explainStart(_ line: RawSpan, _ end: Int, _ index: Int) -> Finding {
    if index == end { return end == 0 ? .wellFormed : .malformed(.noTarget) }
    switch line[index] {
    case UInt8(ascii: "\t"): return .malformed(.tab)
    case UInt8(ascii: " "): return .malformed(.extraSpace)
    case UInt8(ascii: "\r"): return .malformed(.control)
    default: return .wellFormed
    }
  }

  /// - Parameter rest: the bytes after the space that follows the target.
  @inline(never)
  private static func explainVersion(_ rest: RawSpan) -> RequestLineError {
    guard rest.byteCount > 0 else { return .noVersion }
    var last = rest.byteCount
    for index in 0..<rest.byteCount {
      if rest[index] == UInt8(ascii: "\t") { return .tab }
      if rest[index] == UInt8(ascii: " ") { last = index }
    }
    if last < rest.byteCount {
      let behind = rest.extracting(last + 1..<rest.byteCount)
      let isBlank = (0..<last).allSatisfy { rest[$0] == UInt8(ascii: " ") }
      if behind.byteCount == 0 || isBlank { return .extraSpace }
      return Self.begins(behind, with: "HTTP/") ? .spaceInTarget : .foreignVersion
    }
    if rest.byteCount == 8, Self.begins(rest, with: "HTTP/"), Self.isDigit(rest[5]),
      rest[6] == UInt8(ascii: "."), Self.isDigit(rest[7])
    {
      return .otherVersion
    }
    return .foreignVersion
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }
}

/// The reason that the head of a request can't be parsed.
enum RequestLineError: Error, Equatable {
  case bareLineFeed
  case tab
  case control
  /// At the beginning, at the end, or twice in a row.
  case extraSpace
  case spaceInTarget
  case noTarget
  case noVersion
  /// HTTP, but not 1.0 or 1.1.
  case otherVersion
  /// Not HTTP, or not spelled as HTTP is.
  case foreignVersion

  /// The problem and its fix, as a sentence without a full stop.
  var message: String {
    switch self {
    case .bareLineFeed:
      "a line of the head ends in a bare LF; HTTP/1.1 lines end in CR LF"
    case .tab:
      "the request line has a tab; its three parts are separated by single spaces"
    case .control:
      "the request line has a control character; write it percent-encoded in the target"
    case .extraSpace:
      "the request line has an extra space; its three parts are separated by single spaces"
    case .spaceInTarget:
      "the request line has a space in its target; write %20 in a path, %20 or + in a query"
    case .noTarget:
      "the request line has no target; write a method, a target and a version: GET /v1/… HTTP/1.1"
    case .noVersion:
      "the request line has no version; it must end in HTTP/1.1"
    case .otherVersion:
      "unsupported HTTP version; use HTTP/1.1 or HTTP/1.0"
    case .foreignVersion:
      "the request line doesn't end in HTTP/1.1 or HTTP/1.0, in capitals; is it another protocol?"
    }
  }
}

extension RequestError {
  init(_ error: RequestLineError) {
    self =
      error == .otherVersion
      ? .fatal(.unimplemented, http: 505, .unsupportedVersion, error.message)
      : .fatal(.invalidArgument, .malformedRequest, error.message)
  }
}
