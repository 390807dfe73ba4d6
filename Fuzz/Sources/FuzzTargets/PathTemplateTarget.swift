internal import Codec
@testable internal import Routing

/// Path templates and the tree built from them: no trap, an error has a column, a template matches
/// the paths derived from it, and the tree finds the same route for any path as `ReferenceMatch`
/// does by trying all templates.
///
/// An input consists of lines: a path after `>`, otherwise a template.
enum PathTemplateTarget {
  private static let templateLimit = 32
  private static let pathLimit = 32

  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    var templates: [PathTemplate] = []
    var paths: [[UInt8]] = []
    for line in input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.first == UInt8(ascii: ">") {
        if paths.count < Self.pathLimit { paths.append(Array(line.dropFirst())) }
      } else if templates.count < Self.templateLimit,
        let template = try Self.parse(String(decoding: line, as: UTF8.self))
      {
        templates.append(template)
      }
    }
    var builder = RouteTreeBuilder()
    var inserted: [PathTemplate] = []
    for template in templates {
      let clash = builder.insert(inserted.count, method: "GET", template)
      let same = inserted.firstIndex {
        $0.segments == template.segments && $0.verb == template.verb
      }
      try require(
        clash == same, "\(template) clashes with \(String(describing: clash)), not \(same ?? -1)")
      if clash == nil { inserted.append(template) }
    }
    let tree = builder.freeze()
    for template in templates { paths += Self.paths(from: template) }
    for path in paths { try Self.match(path, tree, inserted) }
    for template in templates {
      for path in Self.paths(from: template) {
        try require(
          ReferenceMatch.find(path, in: inserted) != nil,
          "\(template) doesn't match \(readable(path)), which was made from it")
      }
    }
  }

  private static func parse(_ text: String) throws(BrokenProperty) -> PathTemplate? {
    let template: PathTemplate
    do throws(TemplateError) {
      template = try PathTemplate(text)
    } catch {
      try require(
        (1...text.unicodeScalars.count + 1).contains(error.column),
        "\(error) in a text of \(text.unicodeScalars.count) characters")
      return nil
    }
    try require(template.segments.count <= PathTemplate.segmentLimit, "too many segments")
    try require(template.text == text, "the text of a template differs from its source")
    for variable in template.variables {
      try require(
        !variable.segments.isEmpty && variable.segments.lowerBound >= 0
          && variable.segments.upperBound <= template.segments.count,
        "\(variable.fieldPath) spans \(variable.segments) of \(template.segments.count)")
    }
    return template
  }

  /// Paths that a template must match: with as few segments as possible, and with more.
  private static func paths(from template: PathTemplate) -> [[UInt8]] {
    [0, 1, 3].map { count in
      var path: [UInt8] = []
      for segment in template.segments {
        switch segment {
        case .literal(let bytes): path += [UInt8(ascii: "/")] + Self.encoded(bytes)
        case .any: path += Array("/x".utf8)
        case .rest: for _ in 0..<count { path += Array("/y".utf8) }
        }
      }
      // A `**` of no segments at the start leaves no segment that a verb could follow.
      if path.isEmpty { path = Array("/".utf8) }
      if let verb = template.verb { path += [UInt8(ascii: ":")] + Self.encoded(verb) }
      return path
    }
  }

  /// Encodes everything but lowercase letters, whether special in a path or not.
  private static func encoded(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { byte -> [UInt8] in
      let isPlain = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
      return isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }

  private static func match(
    _ path: [UInt8], _ tree: RouteTree, _ templates: [PathTemplate]
  ) throws(BrokenProperty) {
    let exact = ExactBytes(path)
    var scratch = RouteScratch()
    let found = tree.match(tree.method("GET"), exact.span, &scratch)
    let expected = ReferenceMatch.find(path, in: templates)
    try require(
      found == expected?.template,
      "\(readable(path)) matches \(Self.name(found, templates)), "
        + "not \(Self.name(expected?.template, templates))")
    guard let expected else { return }
    let template = templates[expected.template]
    for variable in template.variables {
      let range = scratch.range(of: variable.segments, in: template, exact.span)
      try require(
        range.lowerBound >= 0 && range.upperBound <= path.count,
        "\(variable.fieldPath) is \(range) of \(path.count) bytes")
      let value = Array(path[range])
      let expectedValue = expected.value(of: variable.segments)
      try require(
        value == expectedValue,
        "\(variable.fieldPath) of \(template) in \(readable(path)) is \"\(readable(value))\", "
          + "not \"\(readable(expectedValue))\"")
      var decoded: [UInt8] = []
      _ = PercentCoding.decode(
        exact.span, range, variable.isMultiSegment ? .allButSlash : .everything, into: &decoded)
      try require(decoded.count <= value.count, "decoding made a value longer")
    }
  }

  private static func name(_ index: Int?, _ templates: [PathTemplate]) -> String {
    index.map { templates[$0].text } ?? "nothing"
  }
}
