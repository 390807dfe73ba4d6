package import BridgeConfiguration
internal import HTTP2

/// The credentials for the calls of one service, on one event loop.
///
/// Confined to its loop. The pools of the service read it when a call begins, so a new token is used
/// for all calls from then on, including restarted ones.
package final class Credentials {
  private let scheme: Configuration.Auth.Scheme
  private let header: String
  /// The key of signatures.
  private(set) var token: Configuration.Secret
  /// The field for the head of a call; empty if each request has its own signature.
  private(set) var fields = HeaderBlock()

  package init(_ auth: Configuration.Auth) {
    self.scheme = auth.scheme
    self.header = auth.header
    self.token = auth.token
    self.renew(auth.token)
  }

  /// The name of the field.
  var name: String { self.header }

  /// Whether each request is signed with the token instead of carrying it.
  var signs: Bool { self.scheme == .eas }

  /// Replaces the token.
  package func renew(_ token: Configuration.Secret) {
    self.token = token
    self.fields.removeAll()
    switch self.scheme {
    case .bearer: self.fields.append(self.header, "Bearer \(token.revealed)")
    case .raw: self.fields.append(self.header, token.revealed)
    case .eas: break
    }
  }
}
