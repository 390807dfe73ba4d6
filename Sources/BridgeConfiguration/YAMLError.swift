/// The reason why a YAML text can't be read any further.
struct YAMLError: Error, Equatable {
  /// Nil if unknown.
  var location: TextLocation?
  /// The path of the value; empty for syntax errors.
  var key = ""
  /// A clause, with a hint.
  var reason: String

  init(_ location: TextLocation?, key: String = "", _ reason: String) {
    self.location = location
    self.key = key
    self.reason = reason
  }
}

/// Errors that libyaml reports.
extension YAMLError {
  /// - Parameters:
  ///   - problem: libyaml's text.
  ///   - context: what it was parsing, and from which line on; nil if it doesn't say.
  init(syntax problem: String, at location: TextLocation?, context: (text: String, line: Int)?) {
    var reason = "not YAML: "
    if let context { reason += "\(context.text) (line \(context.line)): " }
    self.init(location, reason + problem + Self.hint(problem))
  }

  /// A hint at the most common cause of a libyaml error.
  private static func hint(_ problem: String) -> String {
    switch problem {
    case "mapping values are not allowed in this context":
      "; indent the line like its neighbours (keys of a section start in the same column), or put a "
        + "value that contains \": \" in quotes"
    case "did not find expected key", "did not find expected '-' indicator":
      "; indent the line like the others of its section: keys of a section start in the same column"
    case "could not find expected ':'":
      "; write a key, a colon and a blank, such as timeout: 30s"
    case "found character that cannot start any token":
      "; indent with blanks, not with tabs, and put a value that starts with @ or ` in quotes"
    case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
      "; is a bracket left open?"
    case "found unexpected end of stream": "; is a quote left open?"
    default: ""
    }
  }
}
