package import Addresses
internal import NIOCore

/// An endpoint that is one of the bridge's own listeners: its calls would form a loop. Loops that the
/// configuration doesn't reveal are detected by a request's `via` (`Via`).
package struct OwnEndpoint: Sendable, Equatable {
  /// The endpoint's group: `services.bench`, `services.bench.alternatives.canary`.
  package var group: String
  package var endpoint: Configuration.Endpoint
  package var listener: ListenAddress
  /// Whether the listener is the admin server's.
  package var isAdmin: Bool

  /// The error and how to fix it.
  package var reason: String {
    let location = self.isAdmin ? "admin" : "listen"
    let listener = "\(self.listener)" == "\(self.endpoint)" ? "" : ", \(self.listener)"
    return
      "\(self.endpoint) is an address of the bridge itself (\(location)\(listener)), so its calls "
      + "would loop back; write the gRPC server's address"
  }
}

extension Configuration {
  /// All endpoints that are certainly the bridge's own listeners.
  package var ownEndpoints: [OwnEndpoint] {
    let listeners =
      self.listen.map { (address: $0, isAdmin: false) }
      + [self.admin].compactMap { $0 }.map { (address: $0, isAdmin: true) }
    return self.services.flatMap { service in
      service.groups.enumerated().flatMap { index, group in
        group.cluster.kind.written.compactMap { endpoint -> OwnEndpoint? in
          guard let listener = listeners.first(where: { $0.address.serves(endpoint) }) else {
            return nil
          }
          return OwnEndpoint(
            group: service.path(ofGroup: index), endpoint: endpoint, listener: listener.address,
            isAdmin: listener.isAdmin)
        }
      }
    }
  }
}

extension Configuration.EndpointKind {
  /// Endpoints and DNS names as configured.
  fileprivate var written: [Configuration.Endpoint] {
    if case .dns(let dns) = self, case .host(let host, let port) = dns.name {
      return [Configuration.Endpoint(host: host, port: port)]
    }
    return self.fixed?.map(\.endpoint) ?? []
  }
}

extension ListenAddress {
  /// Whether connections to an endpoint certainly reach this listener: the same socket, or the same port
  /// at an address that evidently belongs to this machine.
  fileprivate func serves(_ endpoint: Configuration.Endpoint) -> Bool {
    switch (self, endpoint.address) {
    case (.unix(let path), .unix(let other)):
      return path == other
    case (.tcp(let host, let port), .tcp(let other, let otherPort)):
      guard port == otherPort, port != 0 else { return false }
      if host.lowercased() == other.lowercased() { return true }
      let here = LocalAddress(host)
      let there = LocalAddress(other)
      switch (here, there) {
      case (.any, .any), (.any, .loopback), (.loopback, .any), (.loopback, .loopback):
        return here.mayMeet(there)
      case (.other, _), (_, .other):
        return false
      }
    case (.unix, .tcp), (.tcp, .unix):
      return false
    }
  }
}

/// A host as an address of this machine.
private enum LocalAddress {
  /// All addresses; connecting to it reaches the loopback address.
  case any(isIPv6: Bool)
  /// `localhost` may be of either family.
  case loopback(isIPv6: Bool?)
  case other

  init(_ host: String) {
    let name = host.lowercased()
    if name == "localhost" || name == "localhost." {
      self = .loopback(isIPv6: nil)
      return
    }
    guard let text = (try? SocketAddress(ipAddress: host, port: 0))?.ipAddress else {
      self = .other
      return
    }
    switch text {
    case "0.0.0.0": self = .any(isIPv6: false)
    case "::": self = .any(isIPv6: true)
    case "::1": self = .loopback(isIPv6: true)
    default: self = text.hasPrefix("127.") ? .loopback(isIPv6: false) : .other
    }
  }

  /// Whether a connection to `other` may reach a listener on this address. A listener on `::` accepts IPv4
  /// too. Different addresses of 127.0.0.0/8 don't reach each other.
  func mayMeet(_ other: LocalAddress) -> Bool {
    switch (self, other) {
    case (.any(isIPv6: true), _): true
    case (.any(isIPv6: false), .any(let isIPv6)): !isIPv6
    case (.any(isIPv6: false), .loopback(let isIPv6)): isIPv6 != true
    case (.loopback(let isIPv6), .any(let otherIsIPv6)): isIPv6 == nil || isIPv6 == otherIsIPv6
    case (.loopback(nil), .loopback), (.loopback, .loopback(nil)): true
    case (.loopback, .loopback): false
    case (.other, _), (_, .other): false
    }
  }
}
