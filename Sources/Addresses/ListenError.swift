internal import Glibc
internal import NIOCore
internal import ProcessResources

/// Why an address can't be listened on.
package struct ListenError: Error, CustomStringConvertible {
  /// As it was configured.
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
  /// Why the system refused an address.
  package init(_ address: ListenAddress, cause: any Error) {
    self.init(address: address.description, reason: Self.words(for: cause))
  }

  private static func words(for cause: any Error) -> String {
    if let error = cause as? LookupError { return "the name can't be looked up: \(error)" }
    guard let error = cause as? IOError else { return "\(cause)" }
    switch error.errnoCode {
    case EADDRINUSE: return "the address is in use; end what listens there, or choose another port"
    case EACCES: return "not permitted; ports below 1024 need a right of their own"
    case EADDRNOTAVAIL: return "this machine doesn't have that address"
    case ENOENT: return "the folder of the socket isn't there"
    default: return Shortage(errno: error.errnoCode)?.description ?? "\(error)"
    }
  }
}
