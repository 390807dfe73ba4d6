/// The subjects of fuzzing at the front: what clients and people send before anything has vetted it.
///
/// Each is a pure function of its input, run by libFuzzer (the program `fuzz-front`) and by the unit tests
/// over the corpus. The raw value is its name everywhere: in `FUZZ_TARGET` and of the folders.
package enum FrontTarget: String, CaseIterable, Sendable {
  /// Bytes of a connection whose protocol is open: HTTP/1.1, TLS, anything.
  case http1
  /// Frames of a client behind HTTP/2's preface.
  case http2Client = "http2-client"
  /// Frames of an endpoint while calls are under way.
  case http2Endpoint = "http2-endpoint"
  /// Frames behind a WebSocket handshake that was accepted.
  case webSocket = "websocket"
  /// The query of a request.
  case query
  /// A configuration file.
  case yaml

  /// Runs the target once. Every input is valid.
  ///
  /// - Throws: where a property doesn't hold. Traps and bad reads end the process by themselves.
  package func run(_ input: [UInt8]) throws(BrokenProperty) {
    switch self {
    case .http1: try HTTP1Target.run(input)
    case .http2Client: try HTTP2ClientTarget.run(input)
    case .http2Endpoint: try HTTP2EndpointTarget.run(input)
    case .webSocket: try WebSocketTarget.run(input)
    case .query: try QueryTarget.run(input)
    case .yaml: try YAMLTarget.run(input)
    }
  }
}
