/// A value of a YAML file with its location.
struct YAMLNode {
  enum Value {
    /// `isPlain`: unquoted, so that it may be a number, a boolean or null.
    case scalar(String, isPlain: Bool)
    case list([YAMLNode])
    /// In file order, with unique keys.
    case mapping([Entry])
  }

  /// One member of a mapping.
  struct Entry {
    var key: String
    var keyLocation: TextLocation
    var value: YAMLNode
  }

  var value: Value
  var location: TextLocation

  /// Name of the kind for messages: "a list".
  var kind: String {
    switch self.value {
    case .scalar(let text, let isPlain):
      isPlain && Self.isNull(text) ? "nothing" : "a single value"
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }

  /// Whether the value is null: `timeout:`.
  var isNull: Bool {
    if case .scalar(let text, isPlain: true) = self.value { return Self.isNull(text) }
    return false
  }

  /// YAML 1.2 §10.3.2: spellings of null.
  private static func isNull(_ text: String) -> Bool {
    text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
  }
}
