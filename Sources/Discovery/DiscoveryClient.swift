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

/// The HTTP client of all sources of a process. Shut it down when the sources have ended.
///
/// Names are looked up here and not by the library, which has one thread a loop for them and takes no
/// limit: the library gets an address. Where a name has several, the next one is tried when one can't be
/// connected to.
package final class DiscoveryClient: Sendable {
  /// A host's address that was connected to, and the client for it.
  private struct Known {
    var client: HTTPClient
    var end: NIODeadline
  }

  private let group: MultiThreadedEventLoopGroup
  private let lookups: Lookups
  /// For addresses.
  private let client: HTTPClient
  /// By host; nil once it's shut down.
  private let known = Mutex<[String: Known]?>([:])

  /// A source that asks every few seconds keeps its connection; one that asks less often gives it back,
  /// and has its host looked up again.
  private static let keptTime = TimeAmount.seconds(30)
  /// For each address, where there are several.
  private static let connectTime = TimeAmount.seconds(1)
  /// Addresses of a host that are tried for one question.
  private static let addressLimit = 4

  /// - Parameters:
  ///   - group: whose loops carry the connections.
  ///   - lookups: looks hosts up.
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
    // A source has its own pace, and another address to ask perhaps.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    configuration.dnsOverride = override
    return HTTPClient(eventLoopGroup: group, configuration: configuration)
  }

  /// Closes its connections; questions under way fail.
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
              "\(request.url) gave no answer within \(DurationText.of(request.timeout))"))
        }
        let first = await group.next()
        group.cancelAll()
        return first ?? .failure(HTTPFetchError("\(request.url) wasn't asked"))
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
    var last = HTTPFetch.Outcome.failure(HTTPFetchError("\(request.url) wasn't asked"))
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

  /// Of both families in turn, IPv6 first (RFC 8305 §4). A family that is silent leaves half of the time.
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

  /// The host of a URL if it's a name; nil for an address.
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
    sent.headers.add(name: "user-agent", value: "bridge-proxy")
    for (name, value) in request.headers { sent.headers.add(name: name, value: value) }
    if !request.body.isEmpty { sent.body = .bytes(ByteBuffer(bytes: request.body)) }
    do {
      // The limit is the other task's; this one only has to be longer.
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

  /// Whether what went wrong did so on a connection.
  private static func isConnected(_ error: any Error) -> Bool {
    switch error {
    case is NIOConnectionError, is IOError, is ChannelError, is NIOSSLError, is BoringSSLError:
      false
    case let error as HTTPClientError:
      error != .connectTimeout && error != .tlsHandshakeTimeout && error != .alreadyShutdown
    default: true
    }
  }

  /// What went wrong, in words.
  private static func reason(_ error: any Error) -> String {
    switch error {
    case is NIOTooManyBytesError:
      "the answer is larger than \(HTTPFetch.byteLimit) bytes"
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
      "no answer in time"
    case let error as HTTPClientError where error == .connectTimeout:
      "no connection in time"
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      "the connection was closed before the answer was complete"
    case let error as HTTPClientError:
      error.shortDescription
    case is HTTPParserError:
      "the answer isn't HTTP/1.1 (\(error))"
    case is SocketAddressError:
      "no address for this host name"
    case is CancellationError:
      "the question was given up"
    default:
      "\(error)"
    }
  }
}
