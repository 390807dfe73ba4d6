internal import HTTPFields

/// Framing of a server stream's messages in an HTTP body.
package enum StreamFormat: Sendable, CaseIterable {
  /// `application/x-ndjson`: one JSON text per line. An error is the last line, `{"error":…}`.
  case lines
  /// `application/json`: one array. An error leaves it open, and the body incomplete.
  case array
  /// `text/event-stream` (the HTML standard, "Server-sent events"): a `data:` line per message, an event
  /// of type `error` for an error, comments while there are no messages.
  case events
  /// The concatenated bytes of google.api.HttpBody messages, with the content type of the first.
  case bytes

  /// The media type of the response.
  package var contentType: StaticString {
    switch self {
    case .lines: "application/x-ndjson"
    case .array: "application/json"
    case .events: "text/event-stream"
    case .bytes: "application/octet-stream"
    }
  }

  /// Whether an error can follow messages; otherwise the body is aborted.
  package var holdsErrors: Bool {
    switch self {
    case .lines, .events: true
    case .array, .bytes: false
    }
  }

  /// Media types that select it, in lower case. The first is the response's, and the only one that
  /// wildcards match.
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

  /// Negotiates the format by a client's `Accept` fields (RFC 9110 §12.5.1): the highest quality wins, then
  /// an exact match over a wildcard, then the first. Lines, if there are no ranges.
  ///
  /// - Parameter accept: the values of the fields; empty if there are none.
  /// - Returns: nil if no format is acceptable.
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
          // Positions are negated, so that a greater weight is better.
          found = (specificity, (range.quality, specificity == 2 ? 1 : 0, -location))
        }
      }
      guard let found, found.weight.0 > 0 else { continue }
      // A wildcard matches all formats: its position is irrelevant.
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

  /// Specificity of the match with a media type: 2 by name, 1 by `text/*`, 0 by `*/*`, -1 no match.
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
