package import TLS

extension Configuration {
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
