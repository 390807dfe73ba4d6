package import Addresses

/// All settings, read and validated.
///
/// A `Configuration` that exists is valid: `ConfigurationReader` rejects anything else and reports all
/// errors at once. Durations carry their unit in their type; byte counts are named as such.
package struct Configuration: Sendable {
  /// Addresses that clients connect to. At least one.
  package var listen: [ListenAddress]
  /// Nil: all listeners use cleartext. Default nil.
  package var tls: ListenerTLS?
  /// Address of the admin server (`/healthz`, `/readyz`); nil: none.
  package var admin: ListenAddress?
  /// Host names that a loopback listener accepts in addition to those that always refer to it; see
  /// `TrustedHosts`. Default: none.
  package var trustedHosts: [String] = []
  package var services: [Service]
  package var limits = Limits()
  /// One line per request on standard output. Default on.
  package var writesAccessLog = true
  /// Event loops; nil: one per core.
  package var threads: Int?
  /// How long SIGTERM waits for requests in flight. Default 30 s.
  package var drainTimeout: Duration = .seconds(30)
  /// How long after SIGTERM all requests are still served, on new connections too, while `/readyz`
  /// reports that the process is draining. Default 0.
  package var drainDelay: Duration = .zero

  package init(listen: [ListenAddress], admin: ListenAddress? = nil, services: [Service]) {
    self.listen = listen
    self.admin = admin
    self.services = services
  }
}

extension Configuration {
  /// Reads the top level of a file.
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

  /// Reports addresses that are listed twice; port 0 is a different port each time.
  private static func checkAddresses(
    _ listen: [ListenAddress], _ admin: ListenAddress?, in top: SectionReader
  ) {
    var seen: Set<ListenAddress> = []
    for address in listen where !address.takesAnyPort && !seen.insert(address).inserted {
      top.fault("listen", "\(address) appears twice; keep one")
    }
    if let admin, !admin.takesAnyPort, seen.contains(admin) {
      top.fault("admin", "\(admin) is in listen too; use another port")
    }
  }

  /// Reports endpoints that are the bridge itself.
  private func checkEndpoints(in top: SectionReader) {
    for own in self.ownEndpoints {
      let key = "\(own.group).endpoint"
      top.faults.add(top.location(of: key), key, own.reason)
    }
  }
}
