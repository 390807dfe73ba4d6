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

extension Configuration {
  /// The top of a file.
  init(_ top: SectionReader) {
    let address = { (text: String) throws(ValueError) in
      try ConfigurationValues.listenAddress(text, folder: top.context.folder)
    }
    let listeners = ListenerSetting.list(of: top, address)
    let listen = listeners?.map(\.address) ?? [ConfigurationReader.defaultListen]
    let admin = top.value("admin", example: "127.0.0.1:8081", address)
    Self.checkAddresses(listen, admin, in: top)
    self.init(listen: listen, admin: admin, services: Service.list(of: top))
    self.checkEndpoints(in: top)
    self.tls = ListenerTLS(of: top, listeners)
    self.trustedHosts =
      top.list("trusted_hosts", example: "dev.internal", ConfigurationValues.trustedHost) ?? []
    top.flag("access_log", into: &self.writesAccessLog)
    self.threads = top.integer("threads", example: "2", in: 1...1024)
    top.duration("drain_timeout", into: &self.drainTimeout, allowsZero: true)
    top.duration("drain_delay", into: &self.drainDelay, example: "5s", allowsZero: true)
    if let limits = top.section("limits").map(Limits.init) { self.limits = limits }
  }

  /// One address can be listened on once; port 0 stands for another port each time.
  private static func checkAddresses(
    _ listen: [ListenAddress], _ admin: ListenAddress?, in top: SectionReader
  ) {
    var seen: Set<ListenAddress> = []
    for address in listen where !address.takesAnyPort && !seen.insert(address).inserted {
      top.fault("listen", "\(address) is there twice; keep one")
    }
    if let admin, !admin.takesAnyPort, seen.contains(admin) {
      top.fault("admin", "\(admin) is in listen as well; use another port")
    }
  }

  /// No endpoint is the bridge itself.
  private func checkEndpoints(in top: SectionReader) {
    for own in self.ownEndpoints {
      let key = "\(own.group).endpoint"
      top.faults.add(top.location(of: key), key, own.reason)
    }
  }
}
