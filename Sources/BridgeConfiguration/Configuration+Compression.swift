extension Configuration {
  /// Which bodies and messages a service compresses. What comes compressed is always taken.
  package struct Compression: Sendable, Equatable {
    /// Whether answers are compressed for clients whose `Accept-Encoding` names gzip or deflate.
    package enum Replies: Sendable, CaseIterable {
      /// Where the client is on another machine: on this one bytes cost less than compressing them,
      /// and most libraries ask for gzip whether they gain by it or not.
      case automatic
      case always
      case never
    }

    /// Default automatic.
    package var replies = Replies.automatic
    /// Whether request messages go to the endpoint in gzip. Worth it where the network is slow.
    /// Default no.
    package var compressesRequests = false
    /// Smaller bodies and messages are left as they are, because little is gained. Default 1 KiB.
    package var minimumByteCount = 1 << 10

    package init() {}
  }
}

extension Configuration.Compression {
  /// The section `compression` of a service.
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
