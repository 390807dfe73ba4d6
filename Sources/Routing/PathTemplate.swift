/// The path of a `google.api.HttpRule`, parsed: segments, variables and a verb.
///
/// The grammar is the one of google/api/http.proto:
///
///     Template = "/" [ Segments ] [ Verb ] ;
///     Segments = Segment { "/" Segment } ;
///     Segment  = "*" | "**" | LITERAL | Variable ;
///     Variable = "{" FieldPath [ "=" Segments ] "}" ;
///     FieldPath = IDENT { "." IDENT } ;
///     Verb     = ":" LITERAL ;
///
/// with liberties that other implementations take as well: `/` alone is the root, literals may follow
/// `**` (`/v1/{name=**}/children`), a verb may hold colons (`{name}:iam:check`), and so may a segment
/// that isn't the last one. A variable inside a variable, a second `**`, and a
/// variable that's named twice are refused.
///
///     /v1/{parent=shelves/*}/books/{book}:archive
///     segments   v1  shelves  *  books  *
///     variables  parent = segments 1..<3 (multi), book = segment 4
///     verb       archive
package struct PathTemplate: Sendable, Equatable, CustomStringConvertible {
  /// What one segment of a path must be.
  package enum Segment: Sendable, Equatable {
    /// These bytes, percent-decoded.
    case literal([UInt8])
    /// `*`: any one segment that isn't empty.
    case any
    /// `**`: any number of segments, none included.
    case rest
  }

  /// A field that takes its value from a part of the path.
  package struct Variable: Sendable, Equatable {
    /// `shelf.name`, as it was written.
    package var fieldPath: String
    /// The places in `segments` that it spans.
    package var segments: Range<Int>
    /// Whether it spans more than one segment or `**`: then `%2F` in a value stays encoded, because
    /// decoded it couldn't be told from a separator.
    package var isMultiSegment: Bool
  }

  /// The most segments that a template may have; far more than any API has, and small enough that
  /// matching a path costs little whatever its length.
  package static let segmentLimit = 64

  /// The most colons within a verb. Each costs another look at paths that have as many.
  package static let verbColonLimit = 4

  /// The most bytes that a template may have.
  package static let byteLimit = 4096

  /// As it was written.
  package let text: String
  package let segments: [Segment]
  package let variables: [Variable]
  /// The text after the first `:` behind the last segment, percent-decoded; nil without.
  package let verb: [UInt8]?

  /// Parses a template.
  ///
  /// - Throws: `TemplateError` with the column where the text stops being a template.
  package init(_ text: String) throws(TemplateError) {
    var parser = PathTemplateParser(text)
    try parser.parse()
    self.text = text
    self.segments = parser.segments
    self.variables = parser.variables
    self.verb = parser.verb
  }

  /// A template of literals, such as `/package.Service/Method`. The parts hold no reserved characters.
  init(literals: [String]) {
    self.text = "/" + literals.joined(separator: "/")
    self.segments = literals.map { .literal(Array($0.utf8)) }
    self.variables = []
    self.verb = nil
  }

  /// A template that only stands for the paths that it matches.
  init(text: String, segments: [Segment], verb: [UInt8]?) {
    self.text = text
    self.segments = segments
    self.variables = []
    self.verb = verb
  }

  /// The template with its variables' names left out: two templates of one shape match the same paths.
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

/// Why a text isn't a path template, and where.
package struct TemplateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Counted in characters from 1; one past the end where something's missing there.
  package var column: Int
  /// What is wrong and what would be right.
  package var reason: String

  package var description: String {
    "column \(self.column): \(self.reason)"
  }
}
