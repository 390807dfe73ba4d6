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
}
