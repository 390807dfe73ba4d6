import NIOCore
import NIOHTTP1
import Testing

@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// The outcomes of an HTTP/1.1 response, one rule per test.
@Suite struct HTTP1ReplyStateTests {
  private typealias Outcome = HTTP1ReplyState.Outcome

  private func state(byteLimit: Int = 100, headerByteLimit: Int = 1000) -> HTTP1ReplyState {
    HTTP1ReplyState(byteLimit: byteLimit, headerByteLimit: headerByteLimit)
  }

  private func head(_ status: Int = 200, _ fields: [(String, String)] = []) -> HTTPResponseHead {
    HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: status),
      headers: HTTPHeaders(fields))
  }

  /// Receives a response, its body in parts, up to its outcome.
  private func outcome(
    _ state: HTTP1ReplyState, _ head: HTTPResponseHead, _ parts: [ByteBuffer] = []
  ) -> Outcome? {
    var state = state
    if let outcome = state.receiveHead(head) { return outcome }
    for part in parts { if let outcome = state.receiveBody(part) { return outcome } }
    return state.receiveEnd()
  }

  private func text(_ parts: String...) -> [ByteBuffer] { parts.map { ByteBuffer(string: $0) } }

  private func status(_ outcome: Outcome?) -> GRPCStatus? {
    if case .status(let status, _) = outcome { status } else { nil }
  }

  @Test func `the body of a 200 is the message, and its fields metadata`() {
    let head = self.head(
      200,
      [
        ("Content-Length", "3"), ("X-Cost", "7"), ("Connection", "keep-alive"), ("x-cost", "8"),
        ("grpc-status", "0"),
      ])
    let outcome = self.outcome(self.state(), head, self.text("a", "bc"))
    #expect(outcome == .message(ByteBuffer(string: "abc"), ["x-cost": "7", "x-cost": "8"]))
  }

  @Test func `a 200 without a body is an empty message`() {
    #expect(self.outcome(self.state(), self.head()) == .message(ByteBuffer(), HeaderBlock()))
  }

  @Test func `a response has begun with its head`() {
    var state = self.state()
    #expect(!state.hasResponded)
    #expect(state.receiveHead(self.head()) == nil)
    #expect(state.hasResponded)
    _ = state.receiveEnd()
    #expect(state.hasResponded)
  }

  @Test func `body and end before the head are ignored`() {
    var state = self.state()
    #expect(state.receiveBody(ByteBuffer(string: "a")) == nil)
    #expect(state.receiveEnd() == nil)
    #expect(!state.hasResponded)
    #expect(state.receiveHead(self.head()) == nil)
    #expect(state.receiveEnd() == .message(ByteBuffer(), HeaderBlock()))
  }

  @Test(arguments: [200, 500])
  func `a second head is ignored`(status: Int) {
    var state = self.state()
    #expect(state.receiveHead(self.head(status, [("x-a", "1")])) == nil)
    #expect(state.receiveHead(self.head(404, [("x-b", "2")])) == nil)
    switch state.receiveEnd() {
    case .message(_, let metadata)?:
      #expect(status == 200 && metadata == ["x-a": "1"])
    case .status(let found, let metadata)?:
      #expect(status == 500 && found.code == .internal && metadata == ["x-a": "1"])
    case nil:
      Issue.record("no outcome")
    }
  }

  @Test(arguments: [200, 500])
  func `after its outcome a response has no other`(status: Int) {
    var state = self.state()
    _ = state.receiveHead(self.head(status))
    #expect(state.receiveEnd() != nil)
    #expect(state.receiveHead(self.head()) == nil)
    #expect(state.receiveBody(ByteBuffer(repeating: 0, count: 1 << 20)) == nil)
    #expect(state.receiveEnd() == nil)
  }

  // MARK: Limits

  @Test func `a Content-Length over the limit ends the call at the head`() {
    var state = self.state(byteLimit: 10)
    let outcome = state.receiveHead(self.head(200, [("content-length", "11")]))
    #expect(
      outcome
        == .status(
          GRPCStatus(
            .resourceExhausted, "the reply is 11 bytes long; the limit is 10 bytes",
            origin: .transport), HeaderBlock()))
    #expect(state.receiveEnd() == nil)
    let exact = self.outcome(
      self.state(byteLimit: 10), self.head(200, [("content-length", "10")]),
      self.text("0123456789"))
    #expect(exact == .message(ByteBuffer(string: "0123456789"), HeaderBlock()))
  }

  @Test func `a body over the limit ends the call at its first excess byte`() {
    var state = self.state(byteLimit: 10)
    _ = state.receiveHead(self.head())
    #expect(state.receiveBody(ByteBuffer(string: "0123456789")) == nil)
    #expect(
      self.status(state.receiveBody(ByteBuffer(string: "x")))
        == GRPCStatus(
          .resourceExhausted, "the reply is longer; the limit is 10 bytes", origin: .transport))
    #expect(state.receiveEnd() == nil)
  }

  @Test func `the limit of header bytes counts names and values`() {
    let head = self.head(503, [("x-a", "12345"), ("x-b", "1")])
    #expect(
      self.status(self.outcome(self.state(headerByteLimit: 11), head))
        == GRPCStatus(
          .resourceExhausted, "the endpoint's header list is larger than 11 bytes",
          origin: .transport))
    #expect(
      self.status(self.outcome(self.state(headerByteLimit: 12), head))?.code == .unavailable)
  }

  // MARK: Codings

  @Test(arguments: [
    ("gzip", CompressionFormat.gzip), ("X-GZip", .gzip), ("deflate", .deflate),
    ("DEFLATE", .deflate),
  ])
  func `a compressed message is decompressed`(coding: String, format: CompressionFormat) {
    let outcome = self.outcome(
      self.state(), self.head(200, [("content-encoding", coding)]),
      [format.deflate(ByteBuffer(string: "hello"))])
    guard case .message(let message, _)? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(message == ByteBuffer(string: "hello"))
  }

  @Test(arguments: ["", "identity", "Identity"])
  func `identity is no coding`(coding: String) {
    let outcome = self.outcome(
      self.state(), self.head(200, [("content-encoding", coding)]), self.text("a"))
    guard case .message(ByteBuffer(string: "a"), _)? = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
  }

  @Test func `a compressed message that can't be decompressed is an error`() {
    let gzip = self.head(200, [("content-encoding", "gzip")])
    var cut = CompressionFormat.gzip.deflate(ByteBuffer(string: "hello"))
    cut.moveWriterIndex(to: cut.writerIndex - 1)
    for body in [ByteBuffer(string: "plain"), cut] {
      #expect(
        self.status(self.outcome(self.state(), gzip, [body]))
          == GRPCStatus(.internal, "the reply can't be inflated", origin: .transport))
    }
    let large = CompressionFormat.gzip.deflate(ByteBuffer(repeating: 7, count: 101))
    #expect(large.readableBytes < 100)
    #expect(
      self.status(self.outcome(self.state(), gzip, [large]))
        == GRPCStatus(
          .resourceExhausted, "the reply is too long when inflated; the limit is 100 bytes",
          origin: .transport))
    #expect(
      self.status(self.outcome(self.state(), self.head(200, [("content-encoding", "br")])))
        == GRPCStatus(
          .internal, #"the reply's Content-Encoding is "br"; the bridge requests none"#,
          origin: .transport))
  }

  // MARK: Other statuses

  @Test func `another status has its text in the message`() {
    let outcome = self.outcome(
      self.state(byteLimit: 3), self.head(404, [("x-a", "1")]), self.text("no such", " model"))
    #expect(
      outcome
        == .status(
          GRPCStatus(.notFound, "the endpoint responded with HTTP status 404: no such model"),
          ["x-a": "1"]))
  }

  @Test func `the text of another status is truncated at 1 KiB`() {
    let status = self.status(
      self.outcome(
        self.state(), self.head(500), self.text(String(repeating: "x", count: 1000), "yyyy\n"))
    )
    #expect(status?.message.hasSuffix("xyyyy") == true)
    let long = self.status(
      self.outcome(
        self.state(), self.head(500),
        self.text(String(repeating: "x", count: 1000), String(repeating: "y", count: 1000))))
    #expect(long?.message.contains("y") == true)
    #expect(long.map { $0.message.utf8.count <= 1100 } == true)
  }

  @Test func `compressed text is left out of the message`() {
    let outcome = self.outcome(
      self.state(), self.head(500, [("content-encoding", "gzip")]), self.text("plain after all"))
    #expect(self.status(outcome)?.message == "the endpoint responded with HTTP status 500")
  }

  @Test func `another status with more than 64 KiB ends before its end`() {
    var state = self.state()
    _ = state.receiveHead(self.head(500))
    for _ in 0..<64 { #expect(state.receiveBody(ByteBuffer(repeating: 0x78, count: 1024)) == nil) }
    #expect(self.status(state.receiveBody(ByteBuffer(string: "x")))?.code == .internal)
    #expect(state.receiveEnd() == nil)
  }

  @Test(
    arguments: [
      (429, "0", 0), (450, "7", 7), (503, "3600", 3600), (502, "1", 1), (503, "3601", nil),
      (503, "-1", nil), (503, "Wed, 21 Oct 2015 07:28:00 GMT", nil), (500, "7", nil),
      (404, "7", nil),
    ] as [(Int, String, Int64?)])
  func `Retry-After of an overloaded endpoint is its pushback`(
    status: Int, value: String, seconds: Int64?
  ) {
    let outcome = self.outcome(self.state(), self.head(status, [("Retry-After", value)]))
    #expect(self.status(outcome)?.retryPushback == seconds.map { .wait(.seconds($0)) })
  }
}
