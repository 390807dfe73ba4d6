internal import Addresses
package import BridgeConfiguration
internal import HTTPFields
internal import NIOCore

/// The hosts that a loopback listener serves for services without `hosts` of their own.
///
/// A web page can make any name that its owner controls resolve to 127.0.0.1 (DNS rebinding); its
/// requests are then same-origin to the browser, and only their `Host` reveals their origin. So only
/// names that no foreign site can have are served: addresses, names without a dot, `localhost` and
/// names under it (RFC 6761 §6.3), and the names that the configuration lists.
package struct TrustedHosts: Sendable {
  /// In lower case, without port and trailing dot.
  private var names: Set<String> = []
  /// `.example` for `*.example`.
  private var suffixes: [String] = []
  private var trustsAll = false

  /// - Parameter hosts: names, optionally with a port, which is ignored; `*.example` for all names
  ///   under one; `*` for all.
  package init(_ hosts: [String] = []) {
    for host in hosts {
      let name = Self.name(of: host)
      if name == "*" {
        self.trustsAll = true
      } else if name.hasPrefix("*.") {
        self.suffixes.append(String(name.dropFirst()))
      } else {
        self.names.insert(name)
      }
    }
  }

  /// Trusts the hosts of a configuration: those that its services list, those that it listens on, and
  /// `trusted_hosts`.
  package init(_ configuration: Configuration) {
    let listened = configuration.listen.compactMap { (address: ListenAddress) -> String? in
      if case .tcp(let host, _) = address, host != "*" { host } else { nil }
    }
    self.init(configuration.services.flatMap(\.hosts) + listened + configuration.trustedHosts)
  }

  /// Whether requests to this authority are served.
  ///
  /// - Parameter authority: `Host` or `:authority`, with or without a port; empty if there is none,
  ///   which no browser sends.
  func trusts(_ authority: String) -> Bool {
    if self.trustsAll || authority.isEmpty { return true }
    if authority.utf8.first == UInt8(ascii: "[") { return Self.isBracketedAddress(authority) }
    let name = Self.name(of: authority)
    if !name.utf8.contains(UInt8(ascii: ".")) || name.hasSuffix(".localhost") { return true }
    // A name that ends with a number is an IPv4 address to browsers (URL Standard §3.5).
    if name.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || $0 &- UInt8(ascii: "0") < 10 }) {
      return true
    }
    return self.names.contains(name) || self.suffixes.contains { name.hasSuffix($0) }
  }

  /// Whether the configuration names this host, so that a program that uses the bridge as its proxy
  /// means the bridge itself. `localhost` may be anything on this machine.
  ///
  /// - Parameter host: in lower case, without port and trailing dot.
  func lists(_ host: String) -> Bool {
    host != "localhost" && (try? SocketAddress(ipAddress: host, port: 0)) == nil
      && (self.names.contains(host) || self.suffixes.contains { host.hasSuffix($0) })
  }

  /// The host without its port and its trailing dot, in lower case.
  private static func name(of authority: String) -> String {
    var host = authority[...]
    if let colon = host.lastIndex(of: ":"),
      host[host.index(after: colon)...].utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 })
    {
      host = host[..<colon]
    }
    if host.utf8.count > 1, host.hasSuffix(".") { host = host.dropLast() }
    return host.lowercased()
  }

  /// Whether it's an IPv6 address in brackets, optionally with a port.
  private static func isBracketedAddress(_ authority: String) -> Bool {
    let inside = authority.utf8.dropFirst().prefix { $0 != UInt8(ascii: "]") }
    let rest = authority.utf8.dropFirst(inside.count + 1)
    let isAddress = inside.allSatisfy { byte in
      byte &- UInt8(ascii: "0") < 10 || ASCII.lowercased(byte) &- UInt8(ascii: "a") < 6
        || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
    }
    let afterBracket = rest.dropFirst()
    return isAddress && rest.first == UInt8(ascii: "]")
      && (afterBracket.isEmpty || afterBracket.first == UInt8(ascii: ":"))
  }
}
