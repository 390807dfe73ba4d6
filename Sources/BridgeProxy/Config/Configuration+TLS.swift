extension Configuration {
  /// TLS towards the endpoints of a service.
  package struct TLS: Sendable {
    /// The name that an endpoint's certificate has to be for, and that it's asked for (SNI); nil: the
    /// host of each endpoint, or the name that their addresses were looked up by. An address is compared with the certificate's addresses.
    package var serverName: String?
    package var settings: TLSSettings
    /// What the files held when the configuration was read.
    package var loaded: TLSContext

    package init(serverName: String? = nil, settings: TLSSettings, loaded: TLSContext) {
      self.serverName = serverName
      self.settings = settings
      self.loaded = loaded
    }
  }

  /// TLS on the listeners.
  package struct ListenerTLS: Sendable {
    package var settings: TLSSettings
    /// What the files held when the configuration was read.
    package var loaded: TLSContext
    /// The listeners that speak it, by their places in `Configuration.listen`.
    package var listeners: Set<Int>

    package init(settings: TLSSettings, loaded: TLSContext, listeners: Set<Int>) {
      self.settings = settings
      self.loaded = loaded
      self.listeners = listeners
    }
  }
}

extension Configuration.EndpointKind {
  /// What certificates are compared with where the endpoints' own hosts aren't the names that the
  /// configuration has for them; nil where they are.
  var serverName: String? {
    switch self {
    case .static, .easGateway, .nlb, .easDirect, .nacos: nil
    case .dns(let dns): dns.host
    }
  }
}

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

/// Why TLS can't be had as it's configured.
package struct TLSFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// What of the settings is wrong.
  package enum Subject: Sendable, Equatable {
    case authorities
    case certificate
    case key
  }

  package var subject: Subject
  /// A clause that names the file and the rule; never anything out of a key.
  package var reason: String

  package init(_ subject: Subject, _ reason: String) {
    self.subject = subject
    self.reason = reason
  }

  package var description: String { self.reason }
}
