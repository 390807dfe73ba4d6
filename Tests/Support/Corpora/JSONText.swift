/// Writes JSON as clients do: compact, int64 as strings. What's given must need no escape.
enum JSONText {
  static func object(_ members: (String, String)...) -> String {
    Self.object(members)
  }

  static func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  static func array(_ elements: [String]) -> String {
    "[" + elements.joined(separator: ",") + "]"
  }

  static func string(_ text: String) -> String {
    "\"\(text)\""
  }

  /// A 64-bit integer, which ProtoJSON writes as a string.
  static func int64(_ number: Int) -> String {
    "\"\(number)\""
  }
}
