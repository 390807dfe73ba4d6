internal import BridgeConfiguration
internal import HTTPFields

/// The character encoding of a body (`charset` of its Content-Type), for bodies that aren't UTF-8.
enum BodyCharset: Equatable {
  /// Also US-ASCII, and a body whose charset isn't named.
  case utf8
  /// ISO 8859-1: each byte is the code point of its value.
  case latin1
  /// What Windows calls ANSI in the west: ISO 8859-1 with printable characters from 0x80 to 0x9F.
  case windows1252
  /// UTF-16 of a byte order that the text shows: by its mark, or by where the zeros of its ASCII are.
  case utf16
  case utf16LittleEndian
  case utf16BigEndian
  /// GB 18030, and its subsets GBK and GB 2312.
  case gb18030
  case unknown

  /// For the answer to one that isn't known.
  static let known = "UTF-8, ISO-8859-1, windows-1252, UTF-16 and GB18030 (GBK, GB2312)"

  /// - Parameter name: a name of the IANA registry of character sets, or one that clients use for it;
  ///   in lower case.
  init(name: some StringProtocol) {
    self =
      switch String(name) {
      case "", "utf-8", "utf8", "us-ascii", "ascii": .utf8
      case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "latin-1", "l1": .latin1
      case "windows-1252", "cp1252", "cp-1252": .windows1252
      case "utf-16", "utf16", "unicode": .utf16
      case "utf-16le", "utf16le": .utf16LittleEndian
      case "utf-16be", "utf16be": .utf16BigEndian
      case "gb18030", "gbk", "gb2312", "gb_2312-80", "cp936", "x-gbk": .gb18030
      default: .unknown
      }
  }
}

/// What a Content-Type says of a body (RFC 9110 §8.3).
struct BodyType: Equatable {
  var content: RequestHeaders.Content
  var charset: BodyCharset

  /// Reads the value of the field. An empty one says nothing, as if there were none.
  init(_ value: String) {
    self.content = .json
    self.charset = .utf8
    if value == "application/json" { return }
    let parts = value.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
      .map(Self.normalized)
    let type = parts.first ?? ""
    if type.isEmpty {
      self.content = .absent
    } else if HeaderValue.isJSONType(type) {
      self.content = .json
    } else {
      self.content = StreamFormat.lines.mediaTypes.contains(type) ? .jsonLines : .other
    }
    for parameter in parts.dropFirst() where parameter.hasPrefix("charset=") {
      let name = parameter.dropFirst("charset=".count).filter { $0 != "\"" && $0 != "'" }
      self.charset = BodyCharset(name: name)
    }
  }

  private static func normalized(_ part: Substring.UTF8View) -> String {
    String(
      decoding: part.filter { !HeaderValue.isBlank($0) }.map(ASCII.lowercased), as: UTF8.self)
  }
}

extension HeaderValue {
  /// Whether a media type is JSON: `application/json`, `text/json` or one with the suffix `+json`
  /// (RFC 6839 §3.1); a charset other than UTF-8 (or its subset ASCII) makes it another thing.
  static func isJSON(_ value: String) -> Bool {
    let type = BodyType(value)
    return type.content == .json && type.charset == .utf8
  }

  /// Whether a media type is JSON texts one behind the other, a line each, in UTF-8.
  static func isJSONLines(_ value: String) -> Bool {
    let type = BodyType(value)
    return type.content == .jsonLines && type.charset == .utf8
  }
}
