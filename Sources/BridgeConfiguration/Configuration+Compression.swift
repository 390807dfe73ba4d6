extension Configuration {
  /// Compression of a service's responses and requests. Compressed input is always accepted.
  package struct Compression: Sendable, Equatable {
    /// When responses are compressed, for clients whose `Accept-Encoding` has gzip or deflate.
    package enum Replies: Sendable, CaseIterable {
      /// For clients on other machines: locally, compressing costs more than the bytes it saves, and
      /// most libraries request gzip whether or not it helps.
      case automatic
      case always
      case never
    }

    /// Default automatic.
    package var replies = Replies.automatic
    /// Whether request messages are sent to the endpoint in gzip. Useful on slow networks. Default no.
    package var compressesRequests = false
    /// Smaller bodies and messages aren't compressed, because little is gained. Default 1 KiB.
    package var minimumByteCount = 1 << 10

    package init() {}
  }
}

extension Configuration.Compression {
  /// Reads the section `compression` of a service.
  init(_ section: SectionReader) {
    self.init()
    section.choice(
      "replies", into: &self.replies, ["auto": .automatic, "on": .always, "off": .never])
    section.choice("requests", into: &self.compressesRequests, ["off": false, "gzip": true])
    let minimum = section.value("minimum", example: "1KiB") { text throws(ValueError) in
      try ConfigurationValues.byteCount(text)
    }
    if let minimum { self.minimumByteCount = minimum }
    section.finish()
  }
}
