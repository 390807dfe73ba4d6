/// A value of a YAML file with its place: what `ConfigurationReader` decodes.
struct YAMLNode {
  enum Value {
    /// `isPlain`: written without quotes, so that it may mean a number, a boolean or nothing.
    case scalar(String, isPlain: Bool)
    case list([YAMLNode])
    /// In the order of the file, keys unique.
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

  /// The kind in words, for messages: "a list".
  var kind: String {
    switch self.value {
    case .scalar(let text, let isPlain):
      isPlain && Self.isNull(text) ? "nothing" : "a single value"
    case .list: "a list"
    case .mapping: "a mapping"
    }
  }

  /// Whether it's there only by its key: `timeout:`.
  var isNull: Bool {
    if case .scalar(let text, isPlain: true) = self.value { return Self.isNull(text) }
    return false
  }

  /// YAML 1.2 §10.3.2: what stands for null.
  private static func isNull(_ text: String) -> Bool {
    text.isEmpty || text == "~" || text == "null" || text == "Null" || text == "NULL"
  }
}
