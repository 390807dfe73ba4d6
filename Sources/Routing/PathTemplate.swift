/// The path of a `google.api.HttpRule`, parsed: segments, variables and a verb.
///
/// The grammar is that of google/api/http.proto:
///
///     Template = "/" [ Segments ] [ Verb ] ;
///     Segments = Segment { "/" Segment } ;
///     Segment  = "*" | "**" | LITERAL | Variable ;
///     Variable = "{" FieldPath [ "=" Segments ] "}" ;
///     FieldPath = IDENT { "." IDENT } ;
///     Verb     = ":" LITERAL ;
///
/// with extensions that other implementations have as well: `/` alone is the root, literals may
/// follow `**` (`/v1/{name=**}/children`), and a verb may contain colons (`{name}:iam:check`), as
/// may a segment that isn't the last one. A variable inside a variable, a second `**`, and a
/// variable that occurs twice are rejected.
///
///     /v1/{parent=shelves/*}/books/{book}:archive
///     segments   v1  shelves  *  books  *
///     variables  parent = segments 1..<3 (multi), book = segment 4
///     verb       archive
package struct PathTemplate: Sendable, Equatable, CustomStringConvertible {
  /// The pattern that one segment of a path must match.
  package enum Segment: Sendable, Equatable {
    /// Exactly these bytes, percent-decoded.
    case literal([UInt8])
    /// `*`: any one segment that isn't empty.
    case any
    /// `**`: any number of segments, including none.
    case rest
  }

  /// A field that takes its value from a part of the path.
  package struct Variable: Sendable, Equatable {
    /// `shelf.name`, as it was written.
    package var fieldPath: String
    /// The range of `segments` that it spans.
    package var segments: Range<Int>
    /// Whether it spans more than one segment or `**`: then `%2F` in a value stays encoded, because
    /// it would be indistinguishable from a separator when decoded.
    package var isMultiSegment: Bool
  }

  /// The maximum number of segments of a template; far more than any API has, and few enough that
  /// matching a path is cheap whatever its length.
  package static let segmentLimit = 64

  /// The maximum number of colons within a verb. Each costs another search for paths with as many.
  package static let verbColonLimit = 4

  /// The maximum length of a template.
  package static let byteLimit = 4096

  /// As it was written.
  package let text: String
  package let segments: [Segment]
  package let variables: [Variable]
  /// The text after the first `:` after the last segment, percent-decoded; nil if there is none.
  package let verb: [UInt8]?

  /// Parses a template.
  ///
  /// - Throws: `TemplateError` with the column at which the text isn't a valid template.
  package init(_ text: String) throws(TemplateError) {
    var parser = PathTemplateParser(text)
    try parser.parse()
    self.text = text
    self.segments = parser.segments
    self.variables = parser.variables
    self.verb = parser.verb
  }

  /// A template of literals, such as `/package.Service/Method`. The parts contain no reserved
  /// characters.
  init(literals: [String]) {
    self.text = "/" + literals.joined(separator: "/")
    self.segments = literals.map { .literal(Array($0.utf8)) }
    self.variables = []
    self.verb = nil
  }

  /// A template that only serves to match paths.
  init(text: String, segments: [Segment], verb: [UInt8]?) {
    self.text = text
    self.segments = segments
    self.variables = []
    self.verb = verb
  }

  /// The template without the names of its variables: two templates of one shape match the same paths.
  package var shape: String {
    var shape = ""
    for segment in self.segments {
      shape += "/"
      switch segment {
      case .literal(let bytes): shape += PercentCoding.encoded(bytes)
      case .any: shape += "*"
      case .rest: shape += "**"
      }
    }
    if shape.isEmpty { shape = "/" }
    if let verb = self.verb { shape += ":" + PercentCoding.encoded(verb) }
    return shape
  }

  package var description: String { self.text }
}

/// The reason that a text isn't a path template, and the position of the error.
package struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Counted in characters from 1; one past the end if something is missing there.
  package var column: Int
  /// What is wrong and what is expected.
  package var reason: String

  package var description: String {
    "column \(self.column): \(self.reason)"
  }
}
