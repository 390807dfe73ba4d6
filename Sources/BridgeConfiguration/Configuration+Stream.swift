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

extension Configuration.Stream {
  /// The section `stream` of a service.
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
