package import Addresses

/// Everything that can be set, as it holds once it has been read and found right.
///
/// A `Configuration` that exists is valid: `ConfigurationReader` refuses what isn't, all faults at
/// once. Durations carry their unit in their type; byte counts say so in their names.
package struct Configuration: Sendable {
  /// Where clients connect. At least one.
  package var listen: [ListenAddress]
  /// Nil: all listeners are in the clear. Default nil.
  package var tls: ListenerTLS?
  /// Where `/healthz` and `/readyz` answer; nil: nowhere.
  package var admin: ListenAddress?
  /// Names that a listener on loopback serves besides those that can only be meant for it; see
  /// `TrustedHosts`. Default: none.
  package var trustedHosts: [String] = []
  package var services: [Service]
  package var limits = Limits()
  /// One line per request on standard output. Default on.
  package var writesAccessLog = true
  /// Event loops; nil: one per core.
  package var threads: Int?
  /// How long SIGTERM waits for what is in flight. Default 30 s.
  package var drainTimeout: Duration = .seconds(30)
  /// How long after SIGTERM everything is still served, new connections too, while `/readyz` says that
  /// the end is near. Default 0.
  package var drainDelay: Duration = .zero

  package init(listen: [ListenAddress], admin: ListenAddress? = nil, services: [Service]) {
    self.listen = listen
    self.admin = admin
    self.services = services
  }
}
