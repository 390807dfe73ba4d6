extension Configuration {
  /// How calls are authorised.
  package struct Auth: Sendable {
    package enum Scheme: String, Sendable, CaseIterable {
      /// `Bearer <token>`.
      case bearer
      /// `<token>`.
      case raw
      /// `EAS <signature>`: the token is the key of a signature of each request (`EASSignature`). Only
      /// for requests of HTTP, whose body is known when they begin.
      case eas
    }

    package var scheme: Scheme
    /// As it was when the configuration was read.
    package var token: Secret
    /// The field that carries it, in lower case. Default `authorization`.
    package var header = "authorization"
    /// The file that holds the token, absolute: it's read again while the bridge runs. Nil: the token
    /// stays what it is.
    package var file: String?

    package init(scheme: Scheme, token: Secret) {
      self.scheme = scheme
      self.token = token
    }
  }
}
