extension Configuration {
  /// How server streams are answered.
  package struct Stream: Sendable {
    /// The format, whatever the client asks for; nil: by its `Accept`. Default nil.
    package var format: StreamFormat?
    /// Events (`text/event-stream`): a comment is sent when nothing was for this long, so that what is
    /// in between doesn't take the connection for dead. Also how long the answer's head waits for the
    /// first message, by whose absence an error still gets a status of its own. Zero: never. Default 15 s.
    package var heartbeat: Duration = .seconds(15)
    /// When a call that streams, whichever way, ends with DEADLINE_EXCEEDED; the client's own deadline
    /// counts if it's shorter. Longer than a unary call's, because a stream may be slow without being
    /// stuck. Default 10 min.
    package var timeout: Duration = .seconds(600)
    /// Events: the data of a last event where the stream ended well, such as `[DONE]`; nil: none.
    package var done: String?
    /// Whether each message is the member `result` of an object, and an error the member `error`.
    /// Default no.
    package var hasEnvelope = false

    package init() {}
  }
}

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
