internal import Codec

/// An HTTP rule of a schema that isn't served. Its requests don't fall through to another method:
/// they would appear to have succeeded.
struct ClosedRule: Sendable {
  let httpMethod: String
  /// `/package.Service/Method`, the intended target of its requests.
  let callPath: String
  /// The reason that it isn't served, a clause.
  let reason: String
  let pattern: LoosePattern

  init(rule: HTTPRule, method: String, reason: String) {
    let capitals = rule.verb.uppercased()
    self.httpMethod = HTTPMethods.known.contains(capitals) ? capitals : rule.verb
    self.callPath = "/\(method)"
    self.reason = ForeignText.shown(
      "the rule \(rule.verb) \(rule.template) of \(method) is not served: \(reason)", limit: 400)
    self.pattern = LoosePattern(rule.template)
  }
}

/// The paths that a text was meant to match, though it may not be a valid path template.
///
/// Keeps the parts that can be recognized: literals, wildcards, and segments of both (`{id}.json`).
/// Each variable is replaced by its pattern.
struct LoosePattern: Sendable {
  /// A superset of the paths: a segment that contains wildcards counts as `*`.
  let template: PathTemplate
  /// The segments as they were written, variables replaced; nil if `template` is exact.
  private let globs: [[UInt8]]?

  /// The maximum number of segments of a path that is compared with wildcards within segments.
  private static let segmentLimit = 256

  init(_ text: String) {
    if let template = try? PathTemplate(text) {
      self.template = template
      self.globs = nil
      return
    }
    var path = Self.withoutVariables(Array(text.utf8.prefix(PathTemplate.byteLimit)))
    if path.first == Self.slash { path.removeFirst() }
    if path.last == Self.slash { path.removeLast() }
    var parts = path.split(separator: Self.slash, omittingEmptySubsequences: false).map(Array.init)
    var verb: [UInt8]?
    if let last = parts.last, let colon = last.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      colon + 1 < last.count, !last[colon...].contains(Self.star)
    {
      verb = Array(last[(colon + 1)...])
      parts[parts.count - 1] = Array(last[..<colon])
    }
    var segments: [PathTemplate.Segment] = []
    var isExact = true
    for part in parts.prefix(PathTemplate.segmentLimit) {
      if part == [Self.star, Self.star] {
        segments.append(.rest)
        // The tree can't express everything that may follow it.
        isExact = false
        break
      }
      segments.append(part.contains(Self.star) ? .any : .literal(part))
    }
    self.template = PathTemplate(text: text, segments: segments, verb: verb)
    self.globs = isExact ? parts : nil
  }

  /// Whether a path that `template` matches was meant.
  func matches(_ path: RawSpan) -> Bool {
    guard let globs = self.globs else { return true }
    var bytes: [UInt8] = []
    for index in 0..<path.byteCount { bytes.append(path[index]) }
    let segments = bytes.split(
      separator: Self.slash, maxSplits: Self.segmentLimit, omittingEmptySubsequences: true)
    guard segments.count >= globs.count else { return true }
    for (index, glob) in globs.enumerated() where glob.contains(Self.star) {
      // The last one may be followed by a verb, which the template has compared.
      let isLast = index == globs.count - 1 && self.template.verb != nil
      guard isLast || Self.matches(segments[index], glob[...]) else { return false }
    }
    return true
  }

  /// Whether a segment matches a glob in which each star is at least one character.
  private static func matches(_ text: ArraySlice<UInt8>, _ glob: ArraySlice<UInt8>) -> Bool {
    let pieces = glob.split(separator: Self.star, omittingEmptySubsequences: false)
    guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else {
      return text.elementsEqual(glob)
    }
    guard text.starts(with: first) else { return false }
    var rest = text.dropFirst(first.count)
    for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
      guard let found = rest.dropFirst().firstRange(of: piece) else { return false }
      rest = rest[found.upperBound...]
    }
    return rest.count > last.count && rest.suffix(last.count).elementsEqual(last)
  }

  /// The text with `{name}` as `*` and `{name=pattern}` as its pattern, up to a query or a fragment.
  private static func withoutVariables(_ text: [UInt8]) -> [UInt8] {
    var path: [UInt8] = []
    var isName = false
    for byte in text {
      switch byte {
      case UInt8(ascii: "{"):
        isName = true
      case UInt8(ascii: "=") where isName:
        isName = false
      case UInt8(ascii: "}"):
        if isName { path.append(Self.star) }
        isName = false
      case UInt8(ascii: "?"), UInt8(ascii: "#"):
        return path
      default:
        if !isName { path.append(byte) }
      }
    }
    if isName { path.append(Self.star) }
    return path
  }

  private static let slash = UInt8(ascii: "/")
  private static let star = UInt8(ascii: "*")
}
