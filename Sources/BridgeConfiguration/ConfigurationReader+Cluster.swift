internal import GRPCWire

/// How calls get to the endpoints of a service: the keys `balance`, `connections`, `retry`, `health`.
extension ConfigurationReader {
  // MARK: Values

  static func duration(_ key: String, in section: SectionReader, _ value: inout Duration) {
    let read = section.value(key, example: "30s") { text throws(ValueError) in
      try ConfigurationValues.duration(text)
    }
    if let read { value = read }
  }

  /// A duration or `off`.
  static func optional(_ key: String, in section: SectionReader, _ value: inout Duration?) {
    let read = section.value(key, example: "30s") { text throws(ValueError) -> Duration? in
      if ["off", "false", "no"].contains(text) { return nil }
      do throws(ValueError) {
        return try ConfigurationValues.duration(text)
      } catch {
        throw ValueError("\(error.reason), or off")
      }
    }
    if let read { value = read }
  }

  static func share(_ key: String, in section: SectionReader, _ value: inout Double) {
    let read = section.value(key, example: "50%") { text throws(ValueError) in
      try ConfigurationValues.share(text)
    }
    if let read { value = read }
  }
}
