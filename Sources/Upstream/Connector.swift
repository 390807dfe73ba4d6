package import Addresses
package import BridgeConfiguration
package import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import ProcessResources
package import TLS

/// Looks up names and opens the channels of upstream connections. [seam: sockets, EmbeddedChannels in
/// tests]
package protocol Connector {
  /// The `:scheme` of calls on its connections.
  var scheme: String { get }

  /// Looks up the addresses of a host in one family.
  ///
  /// - Parameter found: called once on `eventLoop`, never from within this function, and not after
  ///   the lookup was cancelled. The addresses have port 0.
  /// - Returns: a function that cancels the lookup.
  func lookUp(
    _ host: String, _ family: AddressFamily, on eventLoop: any EventLoop,
    _ found: @escaping (Result<[SocketAddress], LookupError>) -> Void
  ) -> () -> Void

  /// Connects to an address of an endpoint, with `handler` as the last in the channel's pipeline.
  ///
  /// - Returns: completes on `eventLoop` when the channel is open, or fails.
  func connect(
    _ handler: any ChannelHandler, to address: SocketAddress, of endpoint: Configuration.Endpoint,
    timeout: TimeAmount, on eventLoop: any EventLoop
  ) -> EventLoopFuture<Void>
}

/// The families of addresses that a name may resolve to.
package enum AddressFamily: Sendable, CaseIterable {
  case ipv6
  case ipv4
}

extension Connector {
  package var scheme: String { "http" }
}

/// Connects by TCP or to a UNIX domain socket, with TLS if configured.
package struct SocketConnector: Connector, Sendable {
  package let tls: ReloadableTLSContext?
  /// The server name to verify for all endpoints; nil: the host of each.
  private let serverName: String?
  private let lookups: Lookups

  /// - Parameters:
  ///   - tls: nil: plaintext.
  ///   - serverName: the server name to verify for all endpoints; nil: the host of each.
  package init(
    tls: ReloadableTLSContext? = nil, serverName: String? = nil, lookups: Lookups = .system
  ) {
    self.tls = tls
    self.serverName = serverName
    self.lookups = lookups
  }

  package var scheme: String { self.tls == nil ? "http" : "https" }

  package func lookUp(
    _ host: String, _ family: AddressFamily, on eventLoop: any EventLoop,
    _ found: @escaping (Result<[SocketAddress], LookupError>) -> Void
  ) -> () -> Void {
    let question = LookupQuestion(host, family == .ipv4 ? .ipv4 : .ipv6)
    let lookups = self.lookups
    let ticket = lookups.makeTicket(question)
    let found = NIOLoopBoundBox(Optional(found), eventLoop: eventLoop)
    lookups.resolve(ticket) { outcome in
      eventLoop.execute {
        guard let call = found.value.take() else { return }
        switch outcome {
        case .success(.addresses(let addresses)): call(.success(addresses))
        case .success(.services): call(.success([]))
        case .failure(let error): call(.failure(error))
        }
      }
    }
    return {
      found.value = nil
      lookups.giveUp(ticket, LookupError(reason: "the lookup was cancelled"))
    }
  }

  package func connect(
    _ handler: any ChannelHandler, to address: SocketAddress, of endpoint: Configuration.Endpoint,
    timeout: TimeAmount, on eventLoop: any EventLoop
  ) -> EventLoopFuture<Void> {
    let name = EndpointName(self.serverName ?? endpoint.host)
    let tls = self.tls
    let handler = NIOLoopBound(handler, eventLoop: eventLoop)
    var bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout)
      .channelOption(
        .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readBytes)
      )
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try Self.addTLS(to: channel, tls, name) }
          try channel.pipeline.syncOperations.addHandler(handler.value)
        }
      }
    switch address {
    case .v4, .v6: bootstrap = bootstrap.channelOption(.tcpOption(.tcp_nodelay), value: 1)
    case .unixDomainSocket: break
    }
    return bootstrap.connect(to: address).map { _ in }
  }

  private static func addTLS(
    to channel: any Channel, _ tls: ReloadableTLSContext, _ name: EndpointName
  ) throws {
    guard case .client(let verifies, let speaks) = tls.settings.role else {
      preconditionFailure("a connector requires a client's TLS settings")
    }
    let connection = try NIOSSLClientHandler(
      context: tls.current.ssl, serverHostname: name.indication)
    let verifier = PeerVerificationHandler(connection, to: name, verifies: verifies, speaks: speaks)
    try channel.pipeline.syncOperations.addHandlers(connection, verifier)
  }

  /// One read takes four DATA frames of the usual size; small replies still share the buffer.
  private static let readBytes = 64 << 10
}

extension Configuration.Endpoint {
  /// Describes an error before a connection is established, for the operator.
  package func describe(_ error: any Error) -> String {
    "can't connect to \(self.description): \(ConnectionFailure.reason(error))"
  }
}

/// Errors of sockets and TLS in words.
package enum ConnectionFailure {
  /// A clause: `connection refused`.
  package static func reason(_ error: any Error) -> String {
    switch error {
    case let error as IOError:
      switch error.errnoCode {
      case ECONNREFUSED: "connection refused"
      case ECONNRESET: "connection reset"
      case ETIMEDOUT: "timed out"
      case ENOENT: "no such socket"
      case EHOSTUNREACH: "no route to the host"
      case ENETUNREACH: "no route to the network"
      default: Shortage(errno: error.errnoCode)?.description ?? "\(error)"
      }
    case ChannelError.connectTimeout(let timeout):
      "timed out after \(timeout.nanoseconds / 1_000_000) ms"
    default:
      TLSHandshakeError(error)?.reason ?? "\(error)"
    }
  }
}
