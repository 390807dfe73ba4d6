internal import BridgeConfiguration
internal import HTTPFields

/// The character encoding of a body (`charset` of its Content-Type).
enum BodyCharset: Equatable {
  /// Also US-ASCII, and a body without a `charset`.
  case utf8
  /// ISO 8859-1: each byte is the code point of its value.
  case latin1
  /// Windows' "ANSI" for western languages: ISO 8859-1 with printable characters from 0x80 to 0x9F.
  case windows1252
  /// UTF-16 whose byte order is detected: by its mark, or by the position of the zero bytes of ASCII.
  case utf16
  case utf16LittleEndian
  case utf16BigEndian
  /// GB 18030, and its subsets GBK and GB 2312.
  case gb18030
  case unknown

  /// For the error about an unknown one.
  static let known = "UTF-8, ISO-8859-1, windows-1252, UTF-16 and GB18030 (GBK, GB2312)"

  /// - Parameter name: a name of the IANA character set registry or a common alias, in lower case.
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

/// The type and charset of a body, by its Content-Type (RFC 9110 §8.3).
struct BodyType: Equatable {
  var content: RequestHeaders.Content
  var charset: BodyCharset

  /// Parses the field's value. An empty one is treated as absent.
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
  /// Whether a media type is JSON: `application/json`, `text/json` or one with the suffix `+json` (RFC
  /// 6839 §3.1); false with a charset other than UTF-8 (or its subset ASCII).
  static func isJSON(_ value: String) -> Bool {
    let type = BodyType(value)
    return type.content == .json && type.charset == .utf8
  }

  /// Whether a media type is JSON lines (one JSON text per line) in UTF-8.
  static func isJSONLines(_ value: String) -> Bool {
    let type = BodyType(value)
    return type.content == .jsonLines && type.charset == .utf8
  }
}
