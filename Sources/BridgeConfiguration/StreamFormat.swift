internal import HTTPFields

/// How the messages of a server stream stand in an HTTP body.
package enum StreamFormat: Sendable, CaseIterable {
  /// `application/x-ndjson`: one JSON text a line. An error is the last line, `{"error":…}`.
  case lines
  /// `application/json`: one array. An error leaves it open, and the body without its end.
  case array
  /// `text/event-stream` (the HTML standard, "Server-sent events"): a `data:` line for each message, an
  /// event of the type `error` for an error, comments while nothing comes.
  case events
  /// The bytes of google.api.HttpBody messages, one behind the other, in the content type of the first.
  case bytes

  /// The media type of the answer.
  package var contentType: StaticString {
    switch self {
    case .lines: "application/x-ndjson"
    case .array: "application/json"
    case .events: "text/event-stream"
    case .bytes: "application/octet-stream"
    }
  }

  /// Whether there's a place for an error behind messages; otherwise the body is broken off.
  package var holdsErrors: Bool {
    switch self {
    case .lines, .events: true
    case .array, .bytes: false
    }
  }

  /// The media types by which clients ask for it, in lower case, that of the answer first: wildcards
  /// stand for that one alone.
  package var mediaTypes: [String] {
    switch self {
    case .lines:
      [
        "application/x-ndjson", "application/ndjson", "application/jsonl",
        "application/x-jsonlines",
      ]
    case .array: ["application/json", "text/json"]
    case .events: ["text/event-stream"]
    case .bytes: []
    }
  }

  /// The format that a client's `Accept` fields ask for (RFC 9110 §12.5.1): the one with the highest
  /// quality, of those one that's named before one that a wildcard stands for, of those the first.
  /// Lines, where nothing is named.
  ///
  /// - Parameter accept: the values of the fields; empty where there's none.
  /// - Returns: nil where none is acceptable.
  package static func choose(accept: [String]) -> StreamFormat? {
    let ranges = accept.flatMap { $0.split(separator: ",") }.compactMap(MediaRange.init)
    if ranges.isEmpty { return .lines }
    var best: (format: StreamFormat, weight: (Int, Int, Int))?
    for format in Self.allCases {
      var found: (specificity: Int, weight: (Int, Int, Int))?
      for (location, range) in ranges.enumerated() {
        for (index, type) in format.mediaTypes.enumerated() {
          let specificity = range.specificity(for: type)
          if index > 0 && specificity < 2 { continue }
          guard specificity > found?.specificity ?? -1 else { continue }
          // Places count downwards, so that the greater weight is the better one.
          found = (specificity, (range.quality, specificity == 2 ? 1 : 0, -location))
        }
      }
      guard let found, found.weight.0 > 0 else { continue }
      // A wildcard stands for each format alike: its place says nothing.
      let weight = found.specificity == 2 ? found.weight : (found.weight.0, 0, 0)
      if best.map({ weight > $0.weight }) ?? true { best = (format, weight) }
    }
    return best?.format
  }
}

/// One element of an `Accept` field, such as `text/*;q=0.5`.
struct MediaRange {
  /// In lower case.
  private var type: String
  /// In thousandths.
  var quality: Int

  /// Nil for an empty element.
  init?(_ element: Substring) {
    let semicolon = element.firstIndex(of: ";") ?? element.endIndex
    self.type = Self.trimmed(element[..<semicolon])
    self.quality = HeaderValue.quality(element[semicolon...].utf8)
    if self.type.isEmpty { return nil }
  }

  /// How well it fits a media type: 2 by name, 1 by `text/*`, 0 by `*/*`, and -1 not at all.
  func specificity(for type: String) -> Int {
    if self.type == type { return 2 }
    if self.type == "*/*" || self.type == "*" { return 0 }
    guard self.type.hasSuffix("/*") else { return -1 }
    return type.hasPrefix(self.type.dropLast()) ? 1 : -1
  }

  private static func trimmed(_ part: Substring) -> String {
    String(
      decoding: part.utf8.filter { !HeaderValue.isBlank($0) }.map(ASCII.lowercased), as: UTF8.self)
  }
}
