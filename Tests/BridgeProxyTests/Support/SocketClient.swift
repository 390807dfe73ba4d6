import NIOCore
import NIOPosix
import Synchronization

/// A client over a real socket: sends text, collects what comes until the front closes.
final class SocketClient: Sendable {
  private let channel: any Channel
  private let collector: Collector

  private final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let text = Mutex("")
    let waiters = Mutex<[(wanted: String, promise: EventLoopPromise<Void>)]>([])

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let piece = String(buffer: Self.unwrapInboundIn(data))
      self.text.withLock { $0 += piece }
      self.wake(isClosed: false)
    }

    func channelInactive(context: ChannelHandlerContext) {
      self.wake(isClosed: true)
    }

    func wake(isClosed: Bool) {
      let text = self.text.withLock { $0 }
      self.waiters.withLock { waiters in
        waiters.removeAll { waiter in
          guard isClosed || text.utf8.contains(waiter.wanted) else { return false }
          waiter.promise.succeed()
          return true
        }
      }
    }
  }

  /// Connects.
  ///
  /// - Parameter staysHalfOpen: whether it goes on sending when the front has closed its side.
  init(
    _ address: SocketAddress, on group: any EventLoopGroup, staysHalfOpen: Bool = false
  ) async throws {
    let collector = Collector()
    self.collector = collector
    self.channel = try await ClientBootstrap(group: group)
      .channelOption(.allowRemoteHalfClosure, value: staysHalfOpen)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(collector)
        }
      }
      .connect(to: address).get()
  }

  func send(_ text: String) async throws {
    try await self.channel.writeAndFlush(ByteBuffer(string: text))
  }

  func closeOutput() async throws {
    try await self.channel.close(mode: .output)
  }

  func close() async throws {
    try await self.channel.close()
  }

  /// All that has come by the time that `text` has, or that the front has closed.
  func received(until text: String) async throws -> String {
    let promise = self.channel.eventLoop.makePromise(of: Void.self)
    self.collector.waiters.withLock { $0.append((text, promise)) }
    self.collector.wake(isClosed: !self.channel.isActive)
    try await promise.futureResult.get()
    return self.collector.text.withLock { $0 }
  }

  /// Waits until the front has closed.
  func closed() async throws {
    try await self.channel.closeFuture.get()
  }
}

extension String.UTF8View {
  func contains(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    guard !wanted.isEmpty else { return true }
    return self.indices.contains { self[$0...].starts(with: wanted) }
  }
}
