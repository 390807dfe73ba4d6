/// TLS settings and the paths of their files. Paths are absolute.
package struct TLSSettings: Sendable, Hashable {
  /// The side of the connection.
  package enum Role: Sendable, Hashable {
    /// The bridge is the client. Without `verifies` any server is accepted as the endpoint.
    case client(verifies: Bool, speaks: ApplicationProtocol)
    case server
  }

  /// The protocol offered to an endpoint by ALPN (RFC 7301).
  package enum ApplicationProtocol: Sendable, Hashable {
    /// The endpoint must select `h2`, as gRPC's own clients require.
    case http2
    /// `http/1.1`, which the endpoint may ignore.
    case http1
    /// No ALPN.
    case unnamed
  }

  /// The minimum protocol version.
  package enum Version: Sendable, Hashable {
    case tls12
    case tls13
  }

  package var role: Role
  /// Certificates of the authorities that must sign the peer's certificate; nil: the system's (for
  /// endpoints), or no certificate is requested (on listeners).
  package var authorities: String?
  /// The bridge's own certificate, optionally followed by intermediate certificates.
  package var certificate: String?
  /// The private key of `certificate`; set if and only if that is.
  package var key: String?
  /// Default 1.2.
  package var minimumVersion = Version.tls12

  package init(_ role: Role) {
    self.role = role
  }
}
