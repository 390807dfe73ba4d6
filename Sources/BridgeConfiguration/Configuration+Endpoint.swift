extension Configuration {
  /// An address that calls are sent to.
  package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package enum Address: Sendable, Hashable {
      /// A host name or an IP address without brackets, and a port.
      case tcp(host: String, port: Int)
      /// The path of a UNIX socket.
      case unix(path: String)
    }

    package var address: Address

    package init(host: String, port: Int) {
      self.address = .tcp(host: host, port: port)
    }

    /// The endpoint of a UNIX socket.
    package init(path: String) {
      self.address = .unix(path: path)
    }

    /// The configuration's notation: `host:port`, an IPv6 address in brackets, `unix:/path`.
    package var description: String {
      switch self.address {
      case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
      case .unix(let path): "unix:\(path)"
      }
    }

    /// Default `:authority` of calls: host and port; `localhost` for a socket, as gRPC clients send it.
    package var authority: String {
      switch self.address {
      case .tcp: self.description
      case .unix: "localhost"
      }
    }

    /// The name that certificates are verified against by default: the host; `localhost` for a socket.
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
