extension Configuration {
  /// Bounds on what one request, connection or endpoint can make the process hold or do.
  package struct Limits: Sendable {
    /// Request body in bytes. Stops one request from filling memory. Default 4 MiB.
    package var requestBodyBytes = 4 << 20
    /// How many times its size a compressed request body may become, once it has become more than
    /// `Inflater.freeByteCount`. Stops a small body from unfolding into a large one (a zip bomb);
    /// deflate can do 1,032 times. Default 200.
    package var inflationRatio = 200
    /// One reply message in bytes. Stops an endpoint from filling memory. Default 64 MiB.
    package var replyBytes = 64 << 20
    /// Request line and header fields of a request in bytes. Default 64 KiB.
    package var headBytes = 64 << 10
    /// Header fields of a request. Default 100.
    package var headFields = 100
    /// A client connection without a request is closed after this. Default 600 s.
    package var idleTimeout: Duration = .seconds(600)
    /// A request that has begun must be complete within this (slow clients). Default 60 s.
    package var requestReadTimeout: Duration = .seconds(60)
    /// A client that takes nothing of what it's sent is closed after this. Stops clients that ask for much
    /// and never read from holding memory. Default 60 s.
    package var responseWriteTimeout: Duration = .seconds(60)
    /// A client that has closed its sending side may still wait for its answer, or may be gone: TCP
    /// can't tell. It's taken for gone when it got nothing for this long, and its call is cancelled.
    /// Default 10 s.
    package var halfClosedTimeout: Duration = .seconds(10)
    /// Calls under way to one service's endpoint, per event loop; more wait. Default 1024.
    package var callsInFlight = 1024
    /// Calls that wait for a connection or a stream, per service and event loop; more are shed with
    /// 503. Default 1024.
    package var callsWaiting = 1024
    /// Connections to one service's endpoint, per event loop; the second is opened when the first
    /// has as many streams as the endpoint allows. Stops a burst from opening sockets without end.
    /// Default 4.
    package var endpointConnections = 4
    /// Header list from the endpoint in bytes (SETTINGS_MAX_HEADER_LIST_SIZE). Default 64 KiB.
    package var endpointHeaderBytes = 64 << 10
    /// The largest window of a stream from an endpoint in bytes. It begins at 256 KiB and grows with the
    /// product of bandwidth and delay once the stream is seen to be read. It's also what a client that
    /// stops to read makes the bridge hold. Default 8 MiB.
    package var endpointWindowBytes = 8 << 20
    /// How long a connection to an endpoint may take to come up. Default 5 s.
    package var connectTimeout: Duration = .seconds(5)
    /// Client connections, per event loop; more are closed at once. Default 10,000.
    package var clientConnections = 10_000
    /// What the client connections of an event loop may hold together: bodies of requests that aren't
    /// answered yet, and answers that their clients haven't taken. Beyond it those that hold most are
    /// closed. Default 512 MiB.
    package var clientBufferBytes = 512 << 20
    /// Streams of one client connection over HTTP/2 (SETTINGS_MAX_CONCURRENT_STREAMS). Each may hold
    /// as much as its windows let through. Default 100, below which RFC 9113 §6.5.2 advises not to go.
    package var clientStreams = 100

    package init() {}
  }
}

extension Configuration.Limits {
  /// The section `limits`.
  init(_ section: SectionReader) {
    self.init()
    let bytes = { (key: String, range: ClosedRange<Int>, limit: inout Int) in
      let value = section.value(key, example: "4MiB") { text throws(ValueError) in
        let count = try ConfigurationValues.byteCount(text)
        guard range.contains(count) else {
          throw ValueError(
            "\(ConfigurationValues.quoted(text)) is out of range; write \(range.lowerBound) to "
              + "\(range.upperBound) bytes")
        }
        return count
      }
      if let value { limit = value }
    }
    let count = { (key: String, limit: inout Int) in
      section.integer(key, into: &limit, example: "1024", in: 1...1_000_000)
    }
    let duration = { (key: String, limit: inout Duration) in
      section.duration(key, into: &limit)
    }
    bytes("request_body_bytes", 1...1 << 30, &self.requestBodyBytes)
    count("inflation_ratio", &self.inflationRatio)
    bytes("reply_bytes", 1...1 << 30, &self.replyBytes)
    bytes("head_bytes", 1024...16 << 20, &self.headBytes)
    count("head_fields", &self.headFields)
    duration("idle_timeout", &self.idleTimeout)
    duration("request_read_timeout", &self.requestReadTimeout)
    duration("response_write_timeout", &self.responseWriteTimeout)
    duration("half_closed_timeout", &self.halfClosedTimeout)
    count("calls_in_flight", &self.callsInFlight)
    count("calls_waiting", &self.callsWaiting)
    count("endpoint_connections", &self.endpointConnections)
    bytes("endpoint_header_bytes", 1024...16 << 20, &self.endpointHeaderBytes)
    bytes("endpoint_window_bytes", 1 << 20...1 << 28, &self.endpointWindowBytes)
    duration("connect_timeout", &self.connectTimeout)
    bytes("client_buffer_bytes", 1 << 20...1 << 40, &self.clientBufferBytes)
    count("client_connections", &self.clientConnections)
    count("client_streams", &self.clientStreams)
    section.finish()
  }
}
