/// The section `stream` of a service.
extension ConfigurationReader {
  static func stream(_ section: SectionReader) -> Configuration.Stream {
    var stream = Configuration.Stream()
    if let format = section.choice(
      "format", ["accept": StreamFormat?.none, "ndjson": .lines, "json": .array, "sse": .events])
    {
      stream.format = format
    }
    let heartbeat = section.value("heartbeat", example: "15s") { text throws(ValueError) in
      try ConfigurationValues.duration(text, allowsZero: true)
    }
    if let heartbeat { stream.heartbeat = heartbeat }
    let timeout = section.value("timeout", example: "10m") { text throws(ValueError) in
      try ConfigurationValues.duration(text)
    }
    if let timeout { stream.timeout = timeout }
    stream.done = section.value("done", example: "'[DONE]'") { text throws(ValueError) in
      guard !text.isEmpty, text.utf8.count <= 256,
        text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
      else { throw ValueError("write one line of at most 256 bytes") }
      return text
    }
    if let hasEnvelope = section.choice("envelope", ["none": false, "result": true]) {
      stream.hasEnvelope = hasEnvelope
    }
    section.finish()
    return stream
  }
}
