extension Configuration {
  /// Responses of server-streaming methods.
  package struct Stream: Sendable {
    /// The format, regardless of `Accept`; nil: by `Accept`. Default nil.
    package var format: StreamFormat?
    /// Events (`text/event-stream`): a comment is sent after this long without output, so that
    /// intermediaries don't consider the connection dead. Also how long the response head waits for the
    /// first message: until then an error still gets its own status. Zero: never. Default 15 s.
    package var heartbeat: Duration = .seconds(15)
    /// Timeout of a streaming call in either direction, which ends it with DEADLINE_EXCEEDED; a shorter
    /// client deadline applies. Longer than for unary calls, because a stream may be slow without being
    /// stuck. Default 10 min.
    package var timeout: Duration = .seconds(600)
    /// Events: data of a final event after a successful stream, such as `[DONE]`; nil: none.
    package var done: String?
    /// Whether each message is wrapped in an object as `result`, and an error as `error`. Default no.
    package var hasEnvelope = false

    package init() {}
  }
}

extension Configuration.Stream {
  /// Reads the section `stream` of a service.
  init(_ section: SectionReader) {
    self.init()
    section.choice(
      "format", into: &self.format,
      ["accept": StreamFormat?.none, "ndjson": .lines, "json": .array, "sse": .events])
    section.duration("heartbeat", into: &self.heartbeat, example: "15s", allowsZero: true)
    section.duration("timeout", into: &self.timeout, example: "10m")
    self.done = section.value("done", example: "'[DONE]'") { text throws(ValueError) in
      guard !text.isEmpty, text.utf8.count <= 256,
        text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
      else { throw ValueError("write one line of at most 256 bytes") }
      return text
    }
    section.choice("envelope", into: &self.hasEnvelope, ["none": false, "result": true])
    section.finish()
  }
}
