/// The fuzz targets of the front: untrusted input from clients and endpoints, and configuration files.
///
/// Each is a pure function of its input, run by libFuzzer (the program `fuzz-front`) and by the
/// unit tests over the corpus. The raw value is its name everywhere: in `FUZZ_TARGET` and of the
/// folders.
package enum FrontTarget: String, CaseIterable, Sendable {
  /// Bytes of a connection whose protocol isn't determined yet: HTTP/1.1, TLS, anything.
  case http1
  /// A client's frames after the HTTP/2 preface.
  case http2Client = "http2-client"
  /// An endpoint's frames while calls are in progress.
  case http2Endpoint = "http2-endpoint"
  /// Frames after an accepted WebSocket handshake.
  case webSocket = "websocket"
  /// The query of a request.
  case query
  /// A configuration file.
  case yaml

  /// Runs the target once. Every input is valid.
  ///
  /// - Throws: if a property doesn't hold. Traps and invalid reads end the process on their own.
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
