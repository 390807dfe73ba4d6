internal import Addresses
internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import NIOEmbedded
internal import Upstream

/// An endpoint's frames after its SETTINGS, while two calls are in progress: one whose messages are
/// read, one whose bytes are passed through.
enum HTTP2EndpointTarget {
  private static let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]

  static func run(_ input: [UInt8]) throws(BrokenProperty) {
    let plan = ReadPlan(input)
    let endpoint = FuzzedEndpoint()
    let pool = HTTP2Pool(
      eventLoop: endpoint.loop, endpoint: Configuration.Endpoint(host: "127.0.0.1", port: 1),
      userAgent: "fuzz", connector: endpoint)
    let outcomes = (0..<2).map { _ in Outcome() }
    for (index, outcome) in outcomes.enumerated() {
      var request = CallRequest(
        path: "/a.B/C", message: GRPCMessage.framed(ByteBuffer(string: "ask")),
        framing: .messages(replyByteLimit: 64 << 10))
      if index == 1 { request.framing = .raw }
      outcome.call = pool.start(request, observer: outcome)
    }
    endpoint.settle()
    endpoint.send(Self.settings[...])
    var rest = plan.bytes
    while !rest.isEmpty {
      endpoint.send(rest.prefix(plan.readByteCount))
      rest = rest.dropFirst(plan.readByteCount)
      if plan.stopsReading { outcomes[1].call?.pauseReading() }
    }
    outcomes[1].call?.resumeReading()
    endpoint.settle()
    // Whatever was received, closing the pool ends each call exactly once.
    pool.closeNow()
    endpoint.settle()
    for outcome in outcomes {
      try require(outcome.endCount == 1, "a call has ended \(outcome.endCount) times")
    }
    endpoint.close()
  }
}

/// The outcome of a call.
private final class Outcome: CallObserver {
  var call: (any UpstreamCall)?
  private(set) var endCount = 0

  func callReceivedHead(_ metadata: HeaderBlock) {}

  func callReceivedMessage(_ message: ByteBuffer) {
    precondition(self.endCount == 0, "a message after the end")
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.endCount += 1
    self.call = nil
  }
}

/// An endpoint that sends the bytes of the input. Later connections receive nothing.
private final class FuzzedEndpoint: Connector {
  let loop = EmbeddedEventLoop()
  private var channels: [EmbeddedChannel] = []

  /// IP addresses need no lookup.
  func lookUp(
    _ host: String, _ family: AddressFamily, on eventLoop: any EventLoop,
    _ found: @escaping (Result<[SocketAddress], LookupError>) -> Void
  ) -> () -> Void { {} }

  func connect(
    _ handler: any ChannelHandler, to address: SocketAddress, of endpoint: Configuration.Endpoint,
    timeout: TimeAmount, on eventLoop: any EventLoop
  ) -> EventLoopFuture<Void> {
    let channel = EmbeddedChannel(handler: handler, loop: self.loop)
    self.channels.append(channel)
    do {
      return channel.connect(to: try SocketAddress(unixDomainSocketPath: "/endpoint"))
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
  }

  /// Sends bytes in one read of the first connection.
  func send(_ bytes: ArraySlice<UInt8>) {
    guard let channel = self.channels.first, channel.isActive else { return }
    channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
    channel.pipeline.fireChannelReadComplete()
    self.settle()
  }

  /// Runs everything that is due, and discards what was written.
  func settle() {
    self.loop.run()
    for channel in self.channels {
      while let written = try? channel.readOutbound(as: ByteBuffer.self) { _ = written }
    }
    self.loop.run()
  }

  func close() {
    for channel in self.channels {
      if channel.isActive { channel.close(promise: nil) }
      self.loop.run()
      _ = try? channel.finish(acceptAlreadyClosed: true)
    }
  }
}
