internal import BridgeConfiguration

/// A configuration file: valid, or with errors that each have a text of bounded size.
enum YAMLTarget {
  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    let text = String(decoding: input, as: UTF8.self)
    let reader = ConfigurationReader(environment: { _ in nil })
    do {
      _ = try reader.read(text: text, file: "fuzz.yaml", folder: "/nonexistent")
    } catch {
      try require(!error.faults.isEmpty, "rejected without an error")
      for fault in error.faults {
        try require(!fault.reason.isEmpty, "an error without a reason")
        try require(fault.reason.utf8.count < 4096, "a reason of \(fault.reason.utf8.count) bytes")
      }
    }
  }
}
