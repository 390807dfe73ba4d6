/// Values of kinds that many sections have.
extension SectionReader {
  /// A duration such as `30s`.
  func duration(
    _ key: String, example: String = "30s", allowsZero: Bool = false
  ) -> Duration? {
    self.value(key, example: example) { text throws(ValueError) in
      try ConfigurationValues.duration(text, allowsZero: allowsZero)
    }
  }

  /// Reads a duration into `value` if the key is present and valid.
  func duration(
    _ key: String, into value: inout Duration, example: String = "30s", allowsZero: Bool = false
  ) {
    let read = self.duration(key, example: example, allowsZero: allowsZero)
    if let read { value = read }
  }

  /// Reads a duration, or `off` as nil, into `value`.
  func optionalDuration(_ key: String, into value: inout Duration?) {
    let read = self.value(key, example: "30s") { text throws(ValueError) -> Duration? in
      if ["off", "false", "no"].contains(text) { return nil }
      do throws(ValueError) {
        return try ConfigurationValues.duration(text)
      } catch {
        throw ValueError("\(error.reason), or off")
      }
    }
    if let read { value = read }
  }

  /// A polling interval of at least 100 ms.
  func pollInterval(_ key: String, example: String) -> Duration? {
    self.value(key, example: example) { text throws(ValueError) in
      let interval = try ConfigurationValues.duration(text)
      guard interval >= .milliseconds(100) else {
        throw ValueError("\(ConfigurationValues.quoted(text)) is too short; the minimum is 100ms")
      }
      return interval
    }
  }

  /// The key `port` of a discovered endpoint, which overrides the discovered port.
  func portOverride() -> Int? {
    self.integer("port", example: "50051", in: 1...65_535)
  }

  /// Reads a percentage such as `50%` into `value`.
  func share(_ key: String, into value: inout Double) {
    let read = self.value(key, example: "50%") { text throws(ValueError) in
      try ConfigurationValues.share(text)
    }
    if let read { value = read }
  }

  /// A whole number within a range.
  func integer(_ key: String, example: String, in range: ClosedRange<Int>) -> Int? {
    self.value(key, example: example) { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: range)
    }
  }

  /// Reads a whole number into `value` if the key is present and valid.
  func integer(
    _ key: String, into value: inout Int, example: String, in range: ClosedRange<Int>
  ) {
    if let read = self.integer(key, example: example, in: range) { value = read }
  }

  /// Reads a switch into `value` if the key is present and valid.
  func flag(_ key: String, into value: inout Bool) {
    if let read = self.flag(key) { value = read }
  }

  /// Reads one of several names into `value` if the key is present and valid.
  func choice<Value>(
    _ key: String, into value: inout Value, _ choices: KeyValuePairs<String, Value>
  ) {
    if let read = self.choice(key, choices) { value = read }
  }

  /// The name of a metadata field, in lower case.
  func metadataName(_ key: String, example: String) -> String? {
    self.value(key, example: example) { text throws(ValueError) in
      let name = text.lowercased()
      if let reason = MetadataRules.fault(name: name) { throw ValueError(reason) }
      return name
    }
  }
}
