import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// ReflectionExchange over a real pool, answered by an endpoint in memory.
@Suite struct ReflectionCallTests {
  private let endpoint = ScriptedEndpoint()
  private let pool: HTTP2Pool
  private let schema = TestSchema.file("one", service: "S")

  init() {
    self.pool = HTTP2Pool(
      eventLoop: self.endpoint.loop, endpoint: Configuration.Endpoint(host: "10.0.0.1", port: 1),
      userAgent: "test", connector: self.endpoint)
  }

  /// What became of a question, once it has become of it.
  private final class Outcome {
    var result: Result<ReflectionResult, any Error>?

    var error: ReflectionError? {
      if case .failure(let error) = self.result { return error as? ReflectionError }
      return nil
    }
  }

  private func request(
    _ change: (inout ReflectionCall.Options) -> Void = { _ in }
  ) -> Outcome {
    var question = ReflectionCall.Options()
    change(&question)
    let outcome = Outcome()
    ReflectionCall.request(question, self.pool, on: self.endpoint.loop).assumeIsolated()
      .whenComplete { outcome.result = $0 }
    return outcome
  }

  private func send(_ message: [UInt8], to request: Int, isFirst: Bool = true) throws {
    let peer = self.endpoint.peers[0]
    let body = GRPCMessage.framed(ByteBuffer(bytes: message))
    if isFirst {
      peer.session.submitResponse(peer.requests[request], .ok, body: body, endsStream: false)
    } else {
      peer.session.send(peer.requests[request], body)
    }
    try self.endpoint.exchange()
  }

  /// The questions of a call so far, frames and all.
  private func questions(_ request: Int = 0) -> [UInt8] {
    let peer = self.endpoint.peers[0]
    return Array((peer.bodies[peer.requests[request].id] ?? ByteBuffer()).readableBytesView)
  }

  private static func frames(_ requests: ReflectionRequest...) -> [UInt8] {
    requests.flatMap {
      Array(GRPCMessage.framed(ByteBuffer(bytes: $0.bytes)).readableBytesView)
    }
  }

  @Test func `a schema is read in one call, which is then closed`() throws {
    let outcome = self.request { $0.metadata.append("x-team", "legacy") }
    try self.endpoint.exchange()
    let peer = self.endpoint.peers[0]
    let head = peer.heads[1] ?? []
    #expect(head.contains(":path: /grpc.reflection.v1.ServerReflection/ServerReflectionInfo"))
    #expect(head.contains("x-team: legacy") && head.contains("grpc-timeout: 10000m"))
    #expect(self.questions() == Self.frames(.listServices))
    try self.send(ReflectionReplies.services("one.S"), to: 0)
    #expect(self.questions() == Self.frames(.listServices, .fileContaining(symbol: "one.S")))
    #expect(peer.ended == [] && outcome.result == nil)
    try self.send(ReflectionReplies.files(self.schema), to: 0, isFirst: false)
    #expect(try outcome.result?.get().files.services == ["one.S"])
    #expect(peer.ended == [1] && peer.closed == [:])
    peer.session.finish(peer.requests[0], trailers: .good)
    try self.endpoint.exchange()
    #expect(peer.closed == [1: 0])
    self.endpoint.loop.advanceTime(by: .seconds(2))
    try self.endpoint.exchange()
    #expect(peer.closed == [1: 0], "what has ended isn't cancelled")
  }

  @Test func `a call that the endpoint doesn't end is cancelled after a delay`() throws {
    let outcome = self.request { $0.services = ["one.S"] }
    try self.endpoint.exchange()
    try self.send(ReflectionReplies.files(self.schema), to: 0)
    #expect(outcome.result != nil)
    self.endpoint.loop.advanceTime(by: .seconds(2))
    try self.endpoint.exchange()
    #expect(self.endpoint.peers[0].closed == [1: HTTP2ErrorCode.cancel])
  }

  private func refuse(_ request: Int) throws {
    let peer = self.endpoint.peers[0]
    var head = HeaderBlock.ok
    head.append("grpc-status", "12")
    peer.session.submitResponse(peer.requests[request], head, endsStream: true)
    try self.endpoint.exchange()
  }

  @Test func `version 1alpha is tried if version 1 is unimplemented`() throws {
    let outcome = self.request { $0.services = ["one.S"] }
    try self.endpoint.exchange()
    try self.refuse(0)
    #expect(outcome.result == nil)
    let head = self.endpoint.peers[0].heads[3] ?? []
    #expect(head.contains(":path: /grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"))
    try self.send(ReflectionReplies.files(self.schema), to: 1)
    #expect(try outcome.result?.get().files.services == ["one.S"])
  }

  @Test func `an endpoint with neither version offers no reflection`() throws {
    let outcome = self.request()
    try self.endpoint.exchange()
    try self.refuse(0)
    try self.refuse(1)
    #expect(outcome.error?.code == .notOffered)
    let sentence = outcome.error?.sentence(about: "10.0.0.1:1") ?? ""
    #expect(sentence.hasPrefix("10.0.0.1:1 offers no server reflection; give --schema"))
  }

  @Test func `an unreachable endpoint has an error code of its own`() throws {
    self.endpoint.outcomes = [.fail(ChannelError.connectTimeout(.seconds(5)))]
    let outcome = self.request()
    try self.endpoint.exchange()
    #expect(outcome.error?.code == .unreachable)
    #expect(
      outcome.error?.sentence(about: "x")
        == "can't connect to 10.0.0.1:1: timed out after 5000 ms")
  }

  @Test func `a silent endpoint is given up at the timeout`() throws {
    let outcome = self.request { $0.timeout = .seconds(3) }
    try self.endpoint.exchange()
    self.endpoint.loop.advanceTime(by: .seconds(4))
    try self.endpoint.exchange()
    #expect(outcome.error?.code == .failed)
    #expect(self.endpoint.peers[0].closed == [1: HTTP2ErrorCode.cancel])
  }

  @Test func `an invalid response ends the call at once`() throws {
    let outcome = self.request()
    try self.endpoint.exchange()
    try self.send([0xFF], to: 0)
    #expect(outcome.error?.code == .malformed)
    #expect(self.endpoint.peers[0].closed == [1: HTTP2ErrorCode.cancel])
  }

  @Test func `a response over the limit is refused before it arrives in full`() throws {
    let outcome = self.request { $0.limits.bytes = 100 }
    try self.endpoint.exchange()
    let peer = self.endpoint.peers[0]
    peer.session.submitResponse(
      peer.requests[0], .ok, body: ByteBuffer(bytes: [0, 0, 1, 0, 0, 0]), endsStream: false)
    try self.endpoint.exchange()
    #expect(outcome.error?.code == .failed)
    #expect(outcome.error?.reason.contains("RESOURCE_EXHAUSTED") == true)
  }
}
