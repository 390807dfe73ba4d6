internal import Glibc
internal import NIOCore
internal import ProcessResources

/// Reason why an address can't be listened on.
package struct ListenError: Error, CustomStringConvertible {
  /// As configured.
  package var address: String
  package var reason: String

  package init(address: String, reason: String) {
    self.address = address
    self.reason = reason
  }

  package var description: String {
    self.address.isEmpty ? self.reason : "cannot listen on \(self.address): \(self.reason)"
  }
}

extension ListenError {
  /// The error for a failed bind.
  package init(_ address: ListenAddress, cause: any Error) {
    self.init(address: address.description, reason: Self.words(for: cause))
  }

  private static func words(for cause: any Error) -> String {
    if let error = cause as? LookupError { return "the name can't be looked up: \(error)" }
    guard let error = cause as? IOError else { return "\(cause)" }
    switch error.errnoCode {
    case EADDRINUSE:
      return "the address is in use; stop the process that listens there, or choose another port"
    case EACCES:
      return "permission denied; ports below 1024 require a privilege (CAP_NET_BIND_SERVICE)"
    case EADDRNOTAVAIL: return "this machine doesn't have that address"
    case ENOENT: return "the folder of the socket doesn't exist"
    default: return Shortage(errno: error.errnoCode)?.description ?? "\(error)"
    }
  }
}
