/// A client's bytes on a connection whose protocol isn't known yet.
enum HTTP1Target {
  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    let plan = ReadPlan(input)
    let connection = try FrontConnection(answersCalls: plan.answersCalls)
    try connection.send(plan)
    try Self.checkAnswers(connection.written)
    try connection.disconnect()
  }

  /// Checks that the output begins with a response, or is HTTP/2.
  static func checkAnswers(_ written: [UInt8]) throws(BrokenProperty) {
    guard !written.isEmpty else { return }
    let isHTTP1 = written.starts(with: Array("HTTP/1.1 ".utf8))
    // An HTTP/2 frame: SETTINGS on stream 0 comes first (RFC 9113 §3.4).
    let isHTTP2 = written.count >= 9 && written[3] == 4
    try require(isHTTP1 || isHTTP2, "neither a response nor frames: \(written.prefix(32))")
  }
}

/// A client's frames after the HTTP/2 preface and its SETTINGS.
enum HTTP2ClientTarget {
  private static let preface =
    Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    let plan = ReadPlan(input)
    let connection = try FrontConnection(answersCalls: plan.answersCalls)
    try connection.send(plan, behind: Self.preface)
    try connection.disconnect()
  }
}

/// A client's frames after a handshake.
enum WebSocketTarget {
  /// A chat: messages both ways (schemas/showcase/showcase.proto).
  private static let handshake = Array(
    ("GET /v1/conversations/7 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
      + "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").utf8)

  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    let plan = ReadPlan(input)
    let connection = try FrontConnection(answersCalls: plan.answersCalls)
    try connection.send(plan, behind: Self.handshake)
    let isAccepted = connection.written.starts(with: Array("HTTP/1.1 101 ".utf8))
    try require(isAccepted, "the handshake isn't accepted: \(connection.written.prefix(200))")
    try connection.disconnect()
  }
}

/// The query of a GET.
enum QueryTarget {
  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    var request = Array("GET /v1/things?".utf8)
    // Bytes that would end the request target are covered by the target `http1`.
    for byte in input where byte > 0x20 && byte != 0x7F { request.append(byte) }
    request += Array(" HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
    let connection = try FrontConnection(answersCalls: true)
    try connection.send(request)
    let hasResponded = ["200", "400", "414", "431"].contains { status in
      connection.written.starts(with: Array("HTTP/1.1 \(status) ".utf8))
    }
    try require(hasResponded, "the response begins with \(connection.written.prefix(32))")
    try require(
      connection.written.count < 16 << 10,
      "\(request.count) bytes get a response of \(connection.written.count)")
    try connection.disconnect()
  }
}
