import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// Calls whose bytes and fields pass as they are (`CallRequest.isRaw`).
@Suite struct RawCallTests {
  private func receive(
    _ state: inout CallState, _ block: HeaderBlock, ends: Bool = false
  ) -> HeaderBlock? {
    state.receiveHeaders(block, 0..<block.fields.count, endsStream: ends)
  }

  private func replying() -> CallState {
    var state = CallState(byteLimit: 1, isRaw: true)
    _ = self.receive(&state, .ok)
    return state
  }

  // MARK: The state

  @Test func `bytes pass unchanged as they arrive`() {
    var state = self.replying()
    #expect(state.next() == .wait)
    state.receiveData(ByteBuffer(bytes: [9, 0]))
    #expect(state.next() == .message(ByteBuffer(bytes: [9, 0])))
    #expect(state.next() == .wait)
    state.receiveData(ByteBuffer(string: "more than one"))
    state.receiveData(ByteBuffer(string: " byte"))
    #expect(state.next() == .message(ByteBuffer(string: "more than one byte")))
    #expect(state.next() == .wait)
  }

  @Test func `all fields of a head pass in order`() {
    var state = CallState(byteLimit: 1, isRaw: true)
    let head = self.receive(
      &state,
      [
        ":status": "200", "x-a": "1", "content-type": "application/grpc+proto",
        "grpc-encoding": "zstd", "x-b-bin": "AAEC", "grpc-accept-encoding": "zstd", "x-a": "2",
      ])
    #expect(
      head?.lines == [
        "x-a: 1", "content-type: application/grpc+proto", "grpc-encoding: zstd", "x-b-bin: AAEC",
        "grpc-accept-encoding: zstd", "x-a: 2",
      ])
  }

  @Test(arguments: ["", "fine", "-1", "99999999999", "5x"])
  func `an invalid status is the bridge's to report`(code: String) {
    var state = self.replying()
    let trailers: HeaderBlock = [
      "x-a": "1", "grpc-status": code, "grpc-message": "a%20b", "grpc-status-details-bin": "CAU",
      "x-b": "2",
    ]
    _ = self.receive(&state, trailers, ends: true)
    guard case .end(let status, let passed, _) = state.next() else {
      Issue.record("no end")
      return
    }
    #expect(passed == ["x-a": "1", "x-b": "2"])
    #expect(status.code == .unknown && status.message == "grpc-status \(code): a b")
  }

  @Test func `all fields of trailers pass and give the status`() {
    var state = self.replying()
    state.receiveData(ByteBuffer(string: "x"))
    let trailers: HeaderBlock = [
      "x-a": "1", "grpc-status": "99", "grpc-message": "a%20b",
      "grpc-status-details-bin": "CAU", "x-b": "2",
    ]
    _ = self.receive(&state, trailers, ends: true)
    #expect(state.next() == .message(ByteBuffer(string: "x")))
    guard case .end(let status, let passed, let isOpen) = state.next() else {
      Issue.record("no end")
      return
    }
    #expect(passed == trailers)
    #expect(status.code == .unknown && !isOpen)
  }

  @Test func `a trailers-only reply passes`() {
    var state = CallState(byteLimit: 1, isRaw: true)
    let fields: HeaderBlock = ["content-type": "application/grpc", "grpc-status": "5", "x-a": "1"]
    var block: HeaderBlock = [":status": "200"]
    block.append(contentsOf: fields)
    #expect(self.receive(&state, block, ends: true) == nil)
    #expect(state.next() == .end(GRPCStatus(.notFound), trailers: fields, isOpen: false))
  }

  @Test func `a reply that isn't gRPC becomes a status`() {
    var state = CallState(byteLimit: 1, isRaw: true)
    #expect(
      self.receive(&state, [":status": "503", "content-type": "text/plain", "x-a": "1"]) == nil)
    state.receiveData(ByteBuffer(string: "busy"))
    #expect(state.next() == .wait)
    state.receiveEnd()
    guard case .end(let status, let trailers, _) = state.next() else {
      Issue.record("no end")
      return
    }
    #expect(status.code == .unavailable && status.message.hasSuffix(": busy"))
    #expect(trailers.isEmpty)
  }

  @Test func `an end without trailers has the bridge's status`() {
    var state = self.replying()
    state.receiveData(ByteBuffer(string: "half a mess"))
    state.fail(GRPCStatus(.unavailable, "lost", origin: .transport), isOpen: false)
    #expect(state.next() == .message(ByteBuffer(string: "half a mess")))
    #expect(
      state.next()
        == .end(
          GRPCStatus(.unavailable, "lost", origin: .transport), trailers: HeaderBlock(),
          isOpen: false))
  }

  // MARK: The pool

  private let endpoint = ScriptedEndpoint()

  private func makePool() -> HTTP2Pool {
    HTTP2Pool(
      eventLoop: self.endpoint.loop,
      endpoint: Configuration.Endpoint(host: "10.0.0.1", port: 50051),
      userAgent: "bridge-proxy/test", connector: self.endpoint)
  }

  private func request(_ message: ByteBuffer? = nil, isComplete: Bool = false) -> CallRequest {
    var request = CallRequest(
      path: "/a.B/C", deadline: self.endpoint.loop.now + .seconds(30), message: message,
      isComplete: isComplete)
    request.metadata = ["content-type": "application/grpc+x", "user-agent": "u", "x-a": "1"]
    request.framing = .raw
    return request
  }

  private func peer() throws -> ScriptedEndpoint.Peer {
    try #require(self.endpoint.peers.first)
  }

  @Test func `the head is the client's`() throws {
    let pool = self.makePool()
    let call = pool.start(self.request(), observer: RecordingObserver())
    try self.endpoint.exchange()
    let peer = try self.peer()
    #expect(
      peer.heads[1] == [
        ":method: POST", ":scheme: http", ":path: /a.B/C", ":authority: 10.0.0.1:50051",
        "te: trailers", "grpc-timeout: 30000m", "content-type: application/grpc+x",
        "user-agent: u", "x-a: 1",
      ])
    call.send(ByteBuffer(string: "ab"), isLast: false)
    call.send(ByteBuffer(string: "c"), isLast: false)
    call.send(ByteBuffer(), isLast: true)
    try self.endpoint.exchange()
    #expect(peer.bodies[1] == ByteBuffer(string: "abc"))
    #expect(peer.ended == [1])
  }

  @Test func `the observer learns when most bytes have been sent`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(self.request(), observer: observer)
    call.send(ByteBuffer(repeating: 1, count: 300_000), isLast: false)
    #expect(call.unsentBytes == 300_000)
    try self.endpoint.exchange()
    #expect(call.unsentBytes == 0 && observer.rooms == 1)
    call.send(ByteBuffer(repeating: 1, count: WriteBufferWaterMark.high), isLast: false)
    try self.endpoint.exchange()
    #expect(observer.rooms == 1)
    call.send(ByteBuffer(repeating: 1, count: WriteBufferWaterMark.high + 1), isLast: true)
    try self.endpoint.exchange()
    #expect(observer.rooms == 2)
    #expect(try self.peer().ended == [1])
  }

  @Test func `a large first piece counts, too`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(
      self.request(ByteBuffer(repeating: 1, count: 300_000)), observer: observer)
    #expect(call.unsentBytes == 300_000)
    try self.endpoint.exchange()
    #expect(call.unsentBytes == 0 && observer.rooms == 1)
  }

  @Test func `a paused call buffers no more than its window`() throws {
    let pool = self.makePool()
    let observer = RecordingObserver()
    let call = pool.start(self.request(isComplete: true), observer: observer)
    try self.endpoint.exchange()
    let peer = try self.peer()
    call.pauseReading()
    peer.session.submitResponse(peer.requests[0], .ok, endsStream: false)
    peer.session.send(peer.requests[0], ByteBuffer(repeating: 1, count: 2 << 20))
    try self.endpoint.exchange()
    #expect(observer.events == [.head(["content-type: application/grpc"])])
    #expect(peer.session.unsentBytes(peer.requests[0]) == (2 << 20) - (256 << 10))
    call.resumeReading()
    try self.endpoint.exchange()
    #expect(peer.session.unsentBytes(peer.requests[0]) == 0)
  }
}
