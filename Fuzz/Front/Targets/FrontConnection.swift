internal import BridgeConfiguration
internal import BridgeProxy
internal import Codec
internal import Downstream
internal import Foundation
internal import NIOCore
internal import NIOEmbedded

/// One client connection to a front that serves `schemas/showcase`, without sockets.
final class FrontConnection {
  private let channel = EmbeddedChannel()
  private let upstream: EchoUpstream
  private let context: LoopContext
  private(set) var written: [UInt8] = []

  /// Loaded once. Failing to load it is a bug of the tests, not a finding.
  private static let table: ServingTable = {
    do {
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Tests/Cases/showcase.binpb")
      let bytes = [UInt8](try Data(contentsOf: file))
      let schema = try SchemaLoader.schema(of: bytes, source: "showcase.binpb")
      let service = Configuration.Service(
        name: "showcase", schemas: [], endpoint: Configuration.Endpoint(host: "localhost", port: 1))
      return try ServingTable([ServedService(service, schema: schema)])
    } catch {
      preconditionFailure("the schema of the front's fuzz targets: \(error)")
    }
  }()

  init(answersCalls: Bool) throws(BrokenProperty) {
    self.upstream = EchoUpstream(on: self.channel.eventLoop, answersCalls: answersCalls)
    self.context = LoopContext(
      eventLoop: self.channel.eventLoop, table: Self.table, upstreams: [[self.upstream]],
      limits: Configuration.Limits())
    do {
      try HTTPFront.addHandlers(to: self.channel, self.context)
      try self.channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    } catch {
      throw BrokenProperty("a new connection isn't accepted: \(error)")
    }
  }

  /// The methods that were called, in order.
  var calledMethods: [String] { self.upstream.calls.map(\.path) }

  var isOpen: Bool { self.channel.isActive }

  /// Sends bytes in one read.
  func send(_ bytes: some Collection<UInt8>) throws(BrokenProperty) {
    guard self.channel.isActive else { return }
    self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
    self.channel.pipeline.fireChannelReadComplete()
    try self.settle()
  }

  /// Sends the bytes of a plan as it specifies, after `prefix`.
  func send(_ plan: ReadPlan, behind prefix: [UInt8] = []) throws(BrokenProperty) {
    if !prefix.isEmpty { try self.send(prefix) }
    var rest = plan.bytes
    let half = rest.count / 2
    var hasStopped = false
    while !rest.isEmpty {
      try self.send(rest.prefix(plan.readByteCount))
      rest = rest.dropFirst(plan.readByteCount)
      if plan.stopsReading, !hasStopped, rest.count <= half {
        hasStopped = true
        self.setWritable(false)
      }
    }
    if plan.closesInput, self.channel.isActive {
      self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
      try self.settle()
    }
    if hasStopped { self.setWritable(true) }
    try self.settle()
  }

  private func setWritable(_ isWritable: Bool) {
    guard self.channel.isActive else { return }
    self.channel.isWritable = isWritable
    self.channel.pipeline.fireChannelWritabilityChanged()
  }

  private func settle() throws(BrokenProperty) {
    self.channel.embeddedEventLoop.run()
    do {
      while let buffer = try self.channel.readOutbound(as: ByteBuffer.self) {
        self.written.append(contentsOf: buffer.readableBytesView)
      }
    } catch {
      throw BrokenProperty("the connection wrote something other than bytes: \(error)")
    }
  }

  /// Disconnects the client.
  ///
  /// - Throws: if a call or the connection outlives it.
  func disconnect() throws(BrokenProperty) {
    if self.channel.isActive { self.channel.close(promise: nil) }
    try self.settle()
    let open = self.upstream.calls.filter(\.isOpen)
    try require(open.isEmpty, "\(open.map(\.path)) are open after their client disconnected")
    try require(self.context.connectionCount == 0, "the loop still counts the closed connection")
    _ = try? self.channel.finish(acceptAlreadyClosed: true)
    self.upstream.forgetCalls()
  }
}
