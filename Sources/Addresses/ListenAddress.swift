/// An address to listen on.
package enum ListenAddress: Sendable, Hashable {
  /// An address or name, and a port; port 0 picks a free one.
  case tcp(host: String, port: Int)
  case unix(path: String)
}

extension ListenAddress {
  /// Whether the system chooses the port.
  package var takesAnyPort: Bool {
    if case .tcp(_, port: 0) = self { return true }
    return false
  }
}

extension ListenAddress: CustomStringConvertible {
  /// In configuration syntax: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/bridge.sock`.
  package var description: String {
    switch self {
    case .tcp(let host, let port):
      host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}

extension ListenAddress {
  /// `http://127.0.0.1:8080`; a Unix socket in configuration syntax.
  package func url(isSecure: Bool = false) -> String {
    switch self {
    case .tcp: "\(isSecure ? "https" : "http")://\(self)"
    case .unix: self.description
    }
  }
}
