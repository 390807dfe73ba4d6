package import BridgeConfiguration
internal import HTTP2

/// What authorises the calls of one service, on one event loop.
///
/// Confined to its loop. The pools of the service read it when a call begins, so a token that was
/// replaced goes with all calls from then on, those that begin again among them.
package final class Credentials {
  private let scheme: Configuration.Auth.Scheme
  private let header: String
  /// The key of signatures.
  private(set) var token: Configuration.Secret
  /// The field for the head of a call; none where each request has a signature of its own.
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

  /// Another token holds from now on.
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
