/// What TLS is to be like, and the files with what it needs. Paths are absolute.
package struct TLSSettings: Sendable, Equatable {
  /// Which side of connections it's for.
  package enum Role: Sendable, Equatable {
    /// The bridge is the client. Without `verifies` whoever answers is taken for the endpoint.
    case client(verifies: Bool, speaks: ApplicationProtocol)
    case server
  }

  /// What is offered to an endpoint by ALPN (RFC 7301).
  package enum ApplicationProtocol: Sendable, Equatable {
    /// It has to choose `h2`, as gRPC's own clients want it.
    case http2
    /// `http/1.1`, which it needn't say anything to.
    case http1
    /// Nothing.
    case unnamed
  }

  /// The lowest version of the protocol that is spoken.
  package enum Version: Sendable, Equatable {
    case tls12
    case tls13
  }

  package var role: Role
  /// Certificates of the authorities that the other side's certificate has to be signed by; nil: of the
  /// system's (towards endpoints), or none is asked for (on listeners).
  package var authorities: String?
  /// Our own certificate, perhaps with those between it and its authority behind it.
  package var certificate: String?
  /// The private key of `certificate`; there with it.
  package var key: String?
  /// Default 1.2.
  package var minimumVersion = Version.tls12

  package init(_ role: Role) {
    self.role = role
  }
}
