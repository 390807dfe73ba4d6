package import TLS

extension Configuration {
  /// TLS on the listeners.
  package struct ListenerTLS: Sendable {
    package var settings: TLSSettings
    /// Indices in `Configuration.listen` of the listeners that use it.
    package var listeners: Set<Int>

    package init(settings: TLSSettings, listeners: Set<Int>) {
      self.settings = settings
      self.listeners = listeners
    }
  }
}

extension Configuration.ListenerTLS {
  /// Reads the top-level section `tls`, for all TCP listeners that don't opt out. Nil if it's missing,
  /// invalid or not used by any listener.
  init?(of top: SectionReader, _ listeners: [ListenerSetting]?) {
    let listeners = listeners ?? [ListenerSetting(address: ConfigurationReader.defaultListen)]
    let hasSection = top.node("tls") != nil
    for (index, listener) in listeners.enumerated() where listener.wantsTLS == true && !hasSection {
      top.fault(
        "listen",
        "listen[\(index)] has tls: on, but there is no certificate; write tls: {certificate: …, "
          + "key: …} next to listen")
    }
    guard let section = top.section("tls") else { return nil }
    let faultsBefore = section.faults.list.count
    var settings = TLSSettings(.server)
    section.pair(into: &settings, isRequired: true)
    settings.authorities = section.certificates("client_ca")
    section.finish()
    let secure = listeners.indices.filter { listeners[$0].isSecure }
    if secure.isEmpty {
      section.faults.add(
        section.location, section.path,
        "no listener uses it; leave it out, or listen on a TCP port "
          + "without tls: off")
    }
    guard section.faults.list.count == faultsBefore else { return nil }
    section.faults.add(LocatedTLSSettings(settings, section, authorities: "client_ca"))
    self.init(settings: settings, listeners: Set(secure))
  }
}
