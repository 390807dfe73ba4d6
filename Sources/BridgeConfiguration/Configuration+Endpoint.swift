extension Configuration {
  /// One address that calls go to.
  package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package enum Address: Sendable, Hashable {
      /// A name or an address, without brackets, and a port.
      case tcp(host: String, port: Int)
      /// The path of a socket.
      case unix(path: String)
    }

    package var address: Address

    package init(host: String, port: Int) {
      self.address = .tcp(host: host, port: port)
    }

    /// A UNIX socket.
    package init(path: String) {
      self.address = .unix(path: path)
    }

    /// As a configuration spells it: `host:port`, an IPv6 address in brackets, `unix:/path`.
    package var description: String {
      switch self.address {
      case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
      case .unix(let path): "unix:\(path)"
      }
    }

    /// The `:authority` of calls where the configuration names none: host and port; `localhost` for a
    /// socket, as gRPC's clients say.
    package var authority: String {
      switch self.address {
      case .tcp: self.description
      case .unix: "localhost"
      }
    }

    /// What certificates are compared with where the configuration names nothing else: the host;
    /// `localhost` for a socket.
    package var host: String {
      switch self.address {
      case .tcp(let host, _): host
      case .unix: "localhost"
      }
    }
  }
}

extension Configuration.Endpoint {
  /// Nil for a UNIX socket.
  package var port: Int? {
    if case .tcp(_, let port) = self.address { port } else { nil }
  }
}
