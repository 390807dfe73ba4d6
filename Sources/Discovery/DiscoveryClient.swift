package import Addresses
internal import AsyncHTTPClient
internal import BridgeConfiguration
internal import NIOCore
internal import NIOHTTP1
package import NIOPosix
internal import NIOSSL
internal import ProcessResources
internal import Synchronization
internal import Time

/// The HTTP client shared by all sources of a process. Shut it down after the sources have ended.
///
/// Host names are resolved here and not by AsyncHTTPClient, whose resolver uses one thread per event loop
/// and takes no timeout; the library gets an address. If a name has several, the next one is tried when a
/// connection can't be established.
package final class DiscoveryClient: Sendable {
  /// The client for an address of a host to which a connection was established.
  private struct Known {
    var client: HTTPClient
    var end: NIODeadline
  }

  private let group: MultiThreadedEventLoopGroup
  private let lookups: Lookups
  /// For URLs whose host is an IP address.
  private let client: HTTPClient
  /// By host; nil after shutdown.
  private let known = Mutex<[String: Known]?>([:])

  /// A source that polls every few seconds keeps its connection; one that polls less often releases it,
  /// and its host is resolved again.
  private static let keptTime = TimeAmount.seconds(30)
  /// For each address, if there are several.
  private static let connectTime = TimeAmount.seconds(1)
  /// Addresses of a host tried for one request.
  private static let addressLimit = 4

  /// - Parameters:
  ///   - group: its event loops carry the connections.
  ///   - lookups: resolves hosts.
  package init(group: MultiThreadedEventLoopGroup, lookups: Lookups = .system) {
    self.group = group
    self.lookups = lookups
    self.client = Self.makeClient(group, connectTime: .seconds(5))
  }

  private static func makeClient(
    _ group: MultiThreadedEventLoopGroup, connectTime: TimeAmount,
    _ override: [String: String] = [:]
  ) -> HTTPClient {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.timeout = HTTPClient.Configuration.Timeout(connect: connectTime)
    configuration.connectionPool.idleTimeout = Self.keptTime
    // Sources have their own retry schedule, and possibly another address to try.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    configuration.dnsOverride = override
    return HTTPClient(eventLoopGroup: group, configuration: configuration)
  }

  /// Closes all connections; requests in flight fail.
  package func shutDown() async {
    let known = self.known.withLock { known in
      defer { known = nil }
      return known.map { $0.values.map(\.client) } ?? []
    }
    for client in known + [self.client] { try? await client.shutdown() }
  }

  package var fetch: HTTPFetch {
    HTTPFetch { request in
      await withTaskGroup(of: HTTPFetch.Outcome.self) { group in
        group.addTask { await self.send(request) }
        group.addTask {
          try? await Task.sleep(for: request.timeout)
          return .failure(
            HTTPFetchError(
              "\(request.url) did not respond within \(DurationText.of(request.timeout))"))
        }
        let first = await group.next()
        group.cancelAll()
        return first ?? .failure(HTTPFetchError("\(request.url): the request wasn't sent"))
      }
    }
  }

  private func send(_ request: HTTPFetch.Request) async -> HTTPFetch.Outcome {
    guard let host = Self.host(of: request.url) else {
      return await Self.send(request, by: self.client).outcome
    }
    if let client = self.recent(host) {
      let (outcome, isConnected) = await Self.send(request, by: client)
      if isConnected { return outcome }
      await self.forget(host)
    }
    let addresses: [String]
    do throws(LookupError) {
      addresses = try await self.addresses(of: host, for: request)
    } catch {
      return .failure(HTTPFetchError("\(request.url): \(error.sentence(about: host))"))
    }
    var last = HTTPFetch.Outcome.failure(HTTPFetchError("\(request.url): the request wasn't sent"))
    for address in addresses.prefix(Self.addressLimit) where !Task.isCancelled {
      let connectTime = addresses.count > 1 ? Self.connectTime : .seconds(5)
      let client = Self.makeClient(self.group, connectTime: connectTime, [host: address])
      let (outcome, isConnected) = await Self.send(request, by: client)
      if isConnected {
        await self.remember(client, of: host)
        return outcome
      }
      try? await client.shutdown()
      last = outcome
    }
    return last
  }

  /// Addresses of both families alternating, IPv6 first (RFC 8305 §4). An unresponsive family uses up at
  /// most half of the time.
  private func addresses(
    of host: String, for request: HTTPFetch.Request
  ) async throws(LookupError) -> [String] {
    let time = request.timeout / 2
    async let ipv6 = self.lookups.resolve(.init(host, .ipv6), within: time)
    let ipv4 = await self.lookups.resolve(.init(host, .ipv4), within: time)
    return try DNSResolver.texts(ipv4: ipv4, ipv6: await ipv6)
  }

  private func recent(_ host: String) -> HTTPClient? {
    self.known.withLock { known in
      let now = NIODeadline.now()
      guard let found = known?[host], found.end > now else { return nil }
      known?[host]?.end = now + Self.keptTime
      return found.client
    }
  }

  private func remember(_ client: HTTPClient, of host: String) async {
    let unused = self.known.withLock { known -> HTTPClient? in
      guard known != nil else { return client }
      let next = Known(client: client, end: .now() + Self.keptTime)
      return known?.updateValue(next, forKey: host)?.client
    }
    try? await unused?.shutdown()
  }

  private func forget(_ host: String) async {
    let before = self.known.withLock { $0?.removeValue(forKey: host) }
    try? await before?.client.shutdown()
  }

  /// The host of a URL if it's a name; nil if it's an address.
  private static func host(of url: String) -> String? {
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    guard !authority.hasPrefix("[") else { return nil }
    let host = String(authority.prefix { $0 != ":" })
    return (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
  }

  private static func send(
    _ request: HTTPFetch.Request, by client: HTTPClient
  ) async -> (outcome: HTTPFetch.Outcome, isConnected: Bool) {
    var sent = HTTPClientRequest(url: request.url)
    sent.method = request.method == .get ? .GET : .POST
    sent.headers.add(name: "user-agent", value: Product.userAgent)
    for (name, value) in request.headers { sent.headers.add(name: name, value: value) }
    if !request.body.isEmpty { sent.body = .bytes(ByteBuffer(bytes: request.body)) }
    do {
      // The racing task enforces the timeout; this deadline only has to be later.
      let deadline = NIODeadline.now() + TimeAmount(clamping: request.timeout) + .seconds(1)
      let response = try await client.execute(sent, deadline: deadline)
      let body = try await response.body.collect(upTo: HTTPFetch.byteLimit)
      let result = HTTPFetch.Response(
        status: Int(response.status.code), body: Array(body.readableBytesView),
        etag: response.headers.first(name: "etag"))
      return (.success(result), true)
    } catch {
      let failure = HTTPFetchError("\(request.url): \(Self.reason(error))")
      return (.failure(failure), Self.isConnected(error))
    }
  }

  /// Whether the error occurred after the connection was established.
  private static func isConnected(_ error: any Error) -> Bool {
    switch error {
    case is NIOConnectionError, is IOError, is ChannelError, is NIOSSLError, is BoringSSLError:
      false
    case let error as HTTPClientError:
      error != .connectTimeout && error != .tlsHandshakeTimeout && error != .alreadyShutdown
    default: true
    }
  }

  /// The error in words.
  private static func reason(_ error: any Error) -> String {
    switch error {
    case is NIOTooManyBytesError:
      "the response is larger than \(HTTPFetch.byteLimit) bytes"
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { Self.reason($0.error) } ?? "no address for this host name"
    case let error as IOError:
      switch error.errnoCode {
      case ECONNREFUSED: "connection refused"
      case ECONNRESET: "connection reset"
      case ETIMEDOUT: "timed out"
      case EHOSTUNREACH: "no route to the host"
      case ENETUNREACH: "no route to the network"
      default: Shortage(errno: error.errnoCode)?.description ?? "\(error)"
      }
    case let error as HTTPClientError where error == .deadlineExceeded:
      "timed out waiting for the response"
    case let error as HTTPClientError where error == .connectTimeout:
      "timed out connecting"
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      "the connection was closed before the response was complete"
    case let error as HTTPClientError:
      error.shortDescription
    case is HTTPParserError:
      "the response isn't HTTP/1.1 (\(error))"
    case is SocketAddressError:
      "no address for this host name"
    case is CancellationError:
      "the request was cancelled"
    default:
      "\(error)"
    }
  }
}
