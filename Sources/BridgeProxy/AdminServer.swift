package import Addresses
internal import Codec
package import Downstream
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// Serves `/healthz` and `/readyz` on a separate address.
///
/// `/healthz` reports that the process is alive; `/readyz` checks for every service whether a call would
/// reach one of its endpoints, so that a load balancer sends no traffic to a bridge that couldn't forward
/// it, and returns 503 once draining begins.
package final class AdminServer: Sendable {
  /// Whether one of a service's endpoints can be reached, and if not, why.
  package struct Readiness: Sendable, Equatable {
    package var service: String
    package var isReachable: Bool
    /// What was tried and how it failed; empty when reachable.
    package var reason: String

    package init(service: String, isReachable: Bool, reason: String = "") {
      self.service = service
      self.isReachable = isReachable
      self.reason = reason
    }
  }

  /// Probes the endpoints. The caller bounds its duration.
  package typealias Probe = @Sendable () async -> [Readiness]

  /// Idle connections are closed after this.
  static let idleTimeout = TimeAmount.seconds(30)

  private let listeners: [BoundListener]
  private let isDraining: Draining

  /// The bound addresses, with the actual port if 0 was configured; a name may resolve to several.
  package var addresses: [ListenAddress] { self.listeners.map(\.address) }

  /// Binds the address and starts serving.
  ///
  /// - Parameters:
  ///   - gate: notified when the system runs out of resources.
  ///   - probe: called for each `/readyz`.
  /// - Throws: `ListenError` when the address can't be bound.
  package static func start(
    on address: ListenAddress, group: any EventLoopGroup,
    throttle: AcceptThrottle = AcceptThrottle(report: { _ in }), probe: @escaping Probe
  ) async throws -> AdminServer {
    let isDraining = Draining()
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptErrorHandler(throttle, goesOn: true))
        }
      }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
          try pipeline.addHandler(IdleStateHandler(allTimeout: Self.idleTimeout))
          try pipeline.addHandler(AdminHandler(isDraining: isDraining, probe: probe))
        }
      }
    let listeners = try await BoundListener.bind([address]) { _ in
      guard case .tcp = address else { return bootstrap }
      return bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
    }
    return AdminServer(listeners: listeners, isDraining: isDraining)
  }

  private init(listeners: [BoundListener], isDraining: Draining) {
    self.listeners = listeners
    self.isDraining = isDraining
  }

  /// Makes `/readyz` return 503 from now on.
  package func beginDraining() {
    self.isDraining.flag.store(true, ordering: .relaxed)
  }

  /// Stops listening.
  package func close() async {
    for listener in self.listeners { await listener.close() }
  }

  /// Shared by the handlers of all connections.
  fileprivate final class Draining: Sendable {
    let flag = Atomic(false)
  }
}

/// One connection to the admin server.
private final class AdminHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let isDraining: AdminServer.Draining
  private let probe: AdminServer.Probe
  private var head: HTTPRequestHead?
  /// Whether a probe is running, so that the connection isn't idle. The probe has its own time limit.
  private var isProbing = false

  init(isDraining: AdminServer.Draining, probe: @escaping AdminServer.Probe) {
    self.isDraining = isDraining
    self.probe = probe
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch self.unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
    case .body:
      break
    case .end:
      guard let head = self.head else { return }
      self.head = nil
      self.respond(head, context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent {
      if !self.isProbing { context.close(promise: nil) }
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func respond(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let path = head.uri.prefix { $0 != "?" }
    let isReadiness = path == "/readyz"
    guard isReadiness || path == "/healthz" else {
      let body = #"{"status":"not found","paths":["/healthz","/readyz"]}"#
      return Self.send(.notFound, body, for: head, context)
    }
    guard head.method == .GET || head.method == .HEAD else {
      return Self.send(.methodNotAllowed, #"{"status":"use GET or HEAD"}"#, for: head, context)
    }
    guard isReadiness else {
      return Self.send(.ok, #"{"status":"ok"}"#, for: head, context)
    }
    guard !self.isDraining.flag.load(ordering: .relaxed) else {
      return Self.send(.serviceUnavailable, #"{"status":"draining"}"#, for: head, context)
    }
    let bound = NIOLoopBound((context, self), eventLoop: context.eventLoop)
    let probe = self.probe
    self.isProbing = true
    context.eventLoop.makeFutureWithTask { await probe() }
      .whenSuccess { readiness in
        let (context, handler) = bound.value
        handler.isProbing = false
        guard context.channel.isActive else { return }
        let missing = readiness.filter { !$0.isReachable }
        let status = missing.isEmpty ? HTTPResponseStatus.ok : .serviceUnavailable
        Self.send(status, ReadinessBody.text(missing), for: head, context)
      }
  }

  private static func send(
    _ status: HTTPResponseStatus, _ text: String, for head: HTTPRequestHead,
    _ context: ChannelHandlerContext
  ) {
    let text = text + "\n"
    var headers = HTTPHeaders([
      ("content-type", "application/json"), ("content-length", "\(text.utf8.count)"),
      ("cache-control", "no-store"),
    ])
    if status == .methodNotAllowed { headers.add(name: "allow", value: "GET, HEAD") }
    if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
    let response = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
    context.write(NIOAny(HTTPServerResponsePart.head(response)), promise: nil)
    if head.method != .HEAD {
      let body = context.channel.allocator.buffer(string: text)
      context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(body))), promise: nil)
    }
    let ended = context.writeAndFlush(NIOAny(HTTPServerResponsePart.end(nil)))
    if !head.isKeepAlive {
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      ended.whenComplete { _ in bound.value.close(promise: nil) }
    }
  }
}

/// Body of the response to `/readyz`.
enum ReadinessBody {
  /// - Parameter missing: the services whose endpoints can't be reached.
  static func text(_ missing: [AdminServer.Readiness]) -> String {
    guard !missing.isEmpty else { return #"{"status":"ready"}"# }
    var body = ByteSink()
    body.append(#"{"status":"not ready","services":["#)
    for (index, readiness) in missing.enumerated() {
      body.append(index == 0 ? #"{"service":"# : #",{"service":"#)
      JSONText.append(readiness.service, to: &body)
      body.append(#","reason":"#)
      JSONText.append(readiness.reason, to: &body)
      body.append("}")
    }
    body.append("]}")
    return String(decoding: body.array, as: UTF8.self)
  }
}
