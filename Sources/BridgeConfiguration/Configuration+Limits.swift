extension Configuration {
  /// Limits on the memory and work that one request, connection or endpoint can cause.
  package struct Limits: Sendable {
    /// Request body in bytes. Stops one request from exhausting memory. Default 4 MiB.
    package var requestBodyBytes = 4 << 20
    /// Maximum ratio of a decompressed request body to its compressed size, beyond
    /// `Inflater.freeByteCount`. Stops zip bombs; deflate can reach 1,032. Default 200.
    package var inflationRatio = 200
    /// One reply message in bytes. Stops an endpoint from exhausting memory. Default 64 MiB.
    package var replyBytes = 64 << 20
    /// Request line and header fields in bytes. Default 64 KiB.
    package var headBytes = 64 << 10
    /// Number of header fields of a request. Default 100.
    package var headFields = 100
    /// A client connection without a request is closed after this. Default 600 s.
    package var idleTimeout: Duration = .seconds(600)
    /// A request must be complete within this after its start (slow clients). Default 60 s.
    package var requestReadTimeout: Duration = .seconds(60)
    /// The connection of a client that reads nothing is closed after this. Stops clients that request
    /// large responses and never read them from holding memory. Default 60 s.
    package var responseWriteTimeout: Duration = .seconds(60)
    /// A client that has closed its sending side may still wait for the response or may have
    /// disconnected: TCP can't distinguish the two. After this long without any output it's considered
    /// disconnected, and its call is cancelled. Default 10 s.
    package var halfClosedTimeout: Duration = .seconds(10)
    /// Concurrent calls to one service's endpoint, per event loop; further calls wait. Default 1024.
    package var callsInFlight = 1024
    /// Calls that wait for a connection or a stream, per service and event loop; further calls are
    /// rejected with 503. Default 1024.
    package var callsWaiting = 1024
    /// Connections to one service's endpoint, per event loop; the second is opened when the first has as
    /// many streams as the endpoint allows. Stops a burst from opening unlimited sockets. Default 4.
    package var endpointConnections = 4
    /// Header list from the endpoint in bytes (SETTINGS_MAX_HEADER_LIST_SIZE). Default 64 KiB.
    package var endpointHeaderBytes = 64 << 10
    /// Maximum flow-control window of a stream from an endpoint in bytes. It starts at 256 KiB and grows
    /// to the bandwidth-delay product while the stream is read. It also bounds what the bridge buffers
    /// for a client that stops reading. Default 8 MiB.
    package var endpointWindowBytes = 8 << 20
    /// Timeout of connecting to an endpoint. Default 5 s.
    package var connectTimeout: Duration = .seconds(5)
    /// Client connections, per event loop; further ones are closed immediately. Default 10,000.
    package var clientConnections = 10_000
    /// Total bytes that the client connections of an event loop may buffer: bodies of pending requests
    /// and responses that clients haven't read. Beyond it the connections that buffer most are closed.
    /// Default 512 MiB.
    package var clientBufferBytes = 512 << 20
    /// Streams of one client connection over HTTP/2 (SETTINGS_MAX_CONCURRENT_STREAMS). Each may buffer
    /// as much as its windows allow. Default 100, the minimum that RFC 9113 §6.5.2 recommends.
    package var clientStreams = 100

    package init() {}
  }
}

extension Configuration.Limits {
  /// Reads the section `limits`.
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
