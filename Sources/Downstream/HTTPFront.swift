package import Addresses
package import BridgeConfiguration
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization
package import TLS

/// The listeners, and the client connections that they accept, on all event loops.
///
/// An accepted connection lives on one loop and uses that loop's `LoopContext` only.
///
///     let front = try await HTTPFront.start(addresses, limits, group) { loop in
///       LoopContext(eventLoop: loop, table: table, upstreams: …, limits: limits)
///     }
///     …
///     await front.drain(within: .seconds(30))
package final class HTTPFront: Sendable {
  /// Where it listens, in the order that was asked for; port 0 has become the port that it got.
  package let addresses: [SocketAddress]

  /// What it listens on, in the order that was asked for; a name may be several.
  package let listening: [BoundListener]

  /// Those that are still to be closed.
  private let listeners: Mutex<[BoundListener]>
  private let gate: AcceptThrottle
  private let contexts: [NIOLoopBound<LoopContext>]
  private let ticks: Mutex<[RepeatedTask]>

  private init(
    listeners: [BoundListener], gate: AcceptThrottle, contexts: [NIOLoopBound<LoopContext>],
    ticks: [RepeatedTask]
  ) {
    self.addresses = listeners.compactMap(\.channel.localAddress)
    self.listening = listeners
    self.listeners = Mutex(listeners)
    self.gate = gate
    self.contexts = contexts
    self.ticks = Mutex(ticks)
  }

  /// Binds all addresses and begins to accept.
  ///
  /// - Parameters:
  ///   - tls: what the listeners in `secure`, by their places in `listen`, speak TLS with.
  ///   - gate: stops accepting while the system is short of what connections need.
  ///   - makeContext: called once on each loop of the group.
  /// - Throws: `ListenError` for the first address that can't be bound; none is bound then.
  package static func start(
    _ listen: [ListenAddress], tls: ReloadableTLSContext? = nil, secure: Set<Int> = [],
    limits: Configuration.Limits, on group: any EventLoopGroup,
    gate: AcceptThrottle = AcceptThrottle(report: { _ in }),
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
      listeners = try await BoundListener.bind(listen) { place in
        Self.bootstrap(listen[place], secure.contains(place) ? tls : nil, group, byLoop, gate)
      }
    } catch {
      for tick in ticks { tick.cancel() }
      throw error
    }
    gate.start(listeners.map(\.channel), on: group.next())
    return HTTPFront(listeners: listeners, gate: gate, contexts: contexts, ticks: ticks)
  }

  /// Serves another table on all loops, for requests whose head comes from now on; see
  /// `LoopContext.serve`. May be called from anywhere; tables that are given one after the other arrive
  /// everywhere in that order.
  ///
  /// - Returns: when all loops serve it.
  package func serve(_ table: ServingTable) -> [EventLoopFuture<Void>] {
    self.contexts.map { context in
      context.eventLoop.submit { context.value.serve(table) }
    }
  }

  /// Stops accepting, finishes what is in flight, and returns when all connections are closed.
  ///
  /// Idle connections are closed at once, busy ones after their answer.
  ///
  /// - Parameter limit: what isn't finished after this is cut off.
  package func drain(within limit: TimeAmount) async {
    self.gate.stop()
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
    _ contexts: [ObjectIdentifier: NIOLoopBound<LoopContext>], _ gate: AcceptThrottle
  ) -> ServerBootstrap {
    let isNamed = address.isNamed
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 1024)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptErrorHandler(gate))
        }
      }
      .childChannelOption(.allowRemoteHalfClosure, value: true)
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

  /// Makes a client connection of a channel: what its protocol is shows with its first bytes. On its
  /// loop.
  ///
  /// - Parameters:
  ///   - tls: what it speaks TLS with; nil: it's in the clear.
  ///   - checksHost: whether it came over loopback, where names have to be trusted.
  /// - Throws: where the loop takes no more connections; the channel is closed then.
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

  /// The decoder of a connection over HTTP/1.1, in front of what takes its requests.
  static func requestDecoder(
    _ limits: Configuration.Limits, for exchange: ExchangeDriver
  ) -> any ChannelHandler {
    // Twice the limit, so that it's the front that finds a head too large and can say in what.
    var decoderLimits = NIOHTTPDecoderLimitConfiguration()
    decoderLimits.maxHeaderFieldSize = 2 * limits.headBytes
    decoderLimits.maxHeaderListSize = 2 * limits.headBytes
    decoderLimits.maxHeaderFieldCount = limits.headFields
    return ByteToMessageHandler(RequestDecoder(decoderLimits, for: exchange))
  }
}

extension ListenAddress {
  /// Whether it's one address or name, not all interfaces.
  fileprivate var isNamed: Bool {
    switch self {
    case .tcp(let host, _): !["*", "0.0.0.0", "::"].contains(host)
    case .unix: false
    }
  }
}

extension SocketAddress {
  /// Whether it's reached from this machine alone (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3).
  fileprivate var isLoopback: Bool {
    guard let address = self.ipAddress else { return false }
    return ClientAddress.isLocal(address)
  }
}
