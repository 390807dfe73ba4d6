package import TLS

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
  package var serverName: String? {
    switch self {
    case .static, .easGateway, .nlb, .easDirect, .nacos: nil
    case .dns(let dns): dns.host
    }
  }
}
