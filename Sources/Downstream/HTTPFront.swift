package import Addresses
package import BridgeConfiguration
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization
package import TLS

/// The listeners and the client connections they accept, across all event loops.
///
/// An accepted connection stays on one loop and uses only that loop's `LoopContext`.
///
///     let front = try await HTTPFront.start(addresses, limits, group) { loop in
///       LoopContext(eventLoop: loop, table: table, upstreams: …, limits: limits)
///     }
///     …
///     await front.drain(within: .seconds(30))
package final class HTTPFront: Sendable {
  /// The bound addresses, in the requested order; port 0 is replaced by the assigned port.
  package let addresses: [SocketAddress]

  /// The bound listeners, in the requested order; a name may resolve to several.
  package let listening: [BoundListener]

  /// The listeners not yet closed.
  private let listeners: Mutex<[BoundListener]>
  private let throttle: AcceptThrottle
  private let contexts: [NIOLoopBound<LoopContext>]
  private let ticks: Mutex<[RepeatedTask]>

  private init(
    listeners: [BoundListener], throttle: AcceptThrottle, contexts: [NIOLoopBound<LoopContext>],
    ticks: [RepeatedTask]
  ) {
    self.addresses = listeners.compactMap(\.channel.localAddress)
    self.listening = listeners
    self.listeners = Mutex(listeners)
    self.throttle = throttle
    self.contexts = contexts
    self.ticks = Mutex(ticks)
  }

  /// Binds all addresses and starts accepting.
  ///
  /// - Parameters:
  ///   - tls: the TLS context of the listeners in `secure` (indices into `listen`).
  ///   - gate: pauses accepting while the system lacks resources for connections.
  ///   - makeContext: called once on each of the group's loops.
  /// - Throws: `ListenError` for the first address that can't be bound; none stays bound.
  package static func start(
    _ listen: [ListenAddress], tls: ReloadableTLSContext? = nil, secure: Set<Int> = [],
    limits: Configuration.Limits, on group: any EventLoopGroup,
    throttle: AcceptThrottle = AcceptThrottle(report: { _ in }),
    makeContext: @escaping @Sendable (any EventLoop) -> LoopContext
  ) async throws -> HTTPFront {
    var contexts: [NIOLoopBound<LoopContext>] = []
    var ticks: [RepeatedTask] = []
    for loop in group.makeIterator() {
      let context = try await loop.submit {
        NIOLoopBound(makeContext(loop), eventLoop: loop)
      }.get()
      contexts.append(context)
      ticks.append(
        loop.scheduleRepeatedTask(
          initialDelay: LoopContext.tickInterval, delay: LoopContext.tickInterval
        ) { _ in context.value.tick() })
    }
    let byLoop = Dictionary(
      uniqueKeysWithValues: contexts.map { (ObjectIdentifier($0.eventLoop), $0) })
    let listeners: [BoundListener]
    do {
      listeners = try await BoundListener.bind(listen) { index in
        Self.bootstrap(listen[index], secure.contains(index) ? tls : nil, group, byLoop, throttle)
      }
    } catch {
      for tick in ticks { tick.cancel() }
      throw error
    }
    throttle.start(listeners.map(\.channel), on: group.next())
    return HTTPFront(listeners: listeners, throttle: throttle, contexts: contexts, ticks: ticks)
  }

  /// Replaces the serving table on all loops, for requests whose head arrives afterwards; see
  /// `LoopContext.serve`. May be called from any thread; successive tables arrive on each loop in call
  /// order.
  ///
  /// - Returns: one future per loop, completed when that loop serves the table.
  package func serve(_ table: ServingTable) -> [EventLoopFuture<Void>] {
    self.contexts.map { context in
      context.eventLoop.submit { context.value.serve(table) }
    }
  }

  /// Stops accepting, finishes requests in flight, and returns when all connections are closed.
  ///
  /// Idle connections are closed at once, busy ones after their response.
  ///
  /// - Parameter limit: connections still open after this are closed.
  package func drain(within limit: TimeAmount) async {
    self.throttle.stop()
    let listeners = self.listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in listeners { await listener.close() }
    await withTaskGroup(of: Void.self) { group in
      for context in self.contexts {
        group.addTask { try? await Self.drain(context, within: limit).get() }
      }
    }
    for tick in self.ticks.withLock({ $0 }) { tick.cancel() }
  }

  private static func drain(
    _ context: NIOLoopBound<LoopContext>, within limit: TimeAmount
  ) -> EventLoopFuture<Void> {
    let loop = context.eventLoop
    return loop.flatSubmit {
      let done = loop.makePromise(of: Void.self)
      let cutOff = loop.scheduleTask(in: limit) { context.value.closeAll() }
      context.value.drain {
        cutOff.cancel()
        done.succeed()
      }
      return done.futureResult
    }
  }

  // MARK: Binding

  private static func bootstrap(
    _ address: ListenAddress, _ tls: ReloadableTLSContext?, _ group: any EventLoopGroup,
    _ contexts: [ObjectIdentifier: NIOLoopBound<LoopContext>], _ throttle: AcceptThrottle
  ) -> ServerBootstrap {
    let isNamed = address.isNamed
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptErrorHandler(throttle))
        }
      }
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      // A connection keeps its buffer: 512 bytes take most heads, and a large body soon gets larger ones.
      .childChannelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 512, maximum: 64 << 10)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let context = contexts[ObjectIdentifier(channel.eventLoop)] else {
            throw ListenError(address: "", reason: "no context for this event loop")
          }
          try Self.addHandlers(
            to: channel, context.value, tls,
            checksHost: isNamed && channel.localAddress?.isLoopback == true)
        }
      }
    switch address {
    case .tcp:
      return
        bootstrap
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
    case .unix:
      return bootstrap
    }
  }

  /// Sets up a channel as a client connection, whose protocol is detected from its first bytes. Called
  /// on the channel's loop.
  ///
  /// - Parameters:
  ///   - tls: its TLS context; nil: cleartext.
  ///   - checksHost: whether it arrived over loopback, where host names must be trusted.
  /// - Throws: when the loop admits no more connections; the channel is then closed.
  package static func addHandlers(
    to channel: any Channel, _ context: LoopContext, _ tls: ReloadableTLSContext? = nil,
    checksHost: Bool = false
  ) throws {
    let selector = ProtocolSelector(
      context, awaitsHandshake: tls != nil, checksHost: checksHost)
    guard context.admit(selector) else {
      throw ListenError(address: "", reason: "too many connections")
    }
    do {
      if let tls {
        try channel.pipeline.syncOperations.addHandler(
          NIOSSLServerHandler(context: tls.current.ssl))
      }
      try channel.pipeline.syncOperations.addHandler(selector)
    } catch {
      context.remove(selector)
      throw error
    }
  }

  /// Creates the decoder of an HTTP/1.1 connection, placed before the handler of its requests.
  static func requestDecoder(
    _ limits: Configuration.Limits, for exchange: ExchangeDriver
  ) -> any ChannelHandler {
    // Twice the limit, so that the bridge itself detects a head that is too large and can report why.
    var decoderLimits = NIOHTTPDecoderLimitConfiguration()
    decoderLimits.maxHeaderFieldSize = 2 * limits.headBytes
    decoderLimits.maxHeaderListSize = 2 * limits.headBytes
    decoderLimits.maxHeaderFieldCount = limits.headFields
    return ByteToMessageHandler(RequestDecoder(decoderLimits, for: exchange))
  }
}

extension ListenAddress {
  /// Whether it's a single address or name, not all interfaces.
  fileprivate var isNamed: Bool {
    switch self {
    case .tcp(let host, _): !["*", "0.0.0.0", "::"].contains(host)
    case .unix: false
    }
  }
}

extension SocketAddress {
  /// Whether it's reachable only from this machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
  fileprivate var isLoopback: Bool {
    guard let address = self.ipAddress else { return false }
    return ClientAddress.isLocal(address)
  }
}
