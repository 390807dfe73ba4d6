internal import Addresses
internal import LocalFiles
internal import NIOCore
internal import TLS

/// The sections `tls`: towards endpoints, in a service, and on the listeners, at the top.
extension ConfigurationReader {
  /// `tls` of a service: a switch, or a section. Nil where it's off or wrong.
  ///
  /// - Parameter isHTTP: whether its endpoints are called by HTTP/1.1.
  func tls(_ service: SectionReader, folder: String, isHTTP: Bool) -> Configuration.TLS? {
    guard let node = service.node("tls") else { return nil }
    let speaks: TLSSettings.ApplicationProtocol = isHTTP ? .http1 : .http2
    var settings = TLSSettings(.client(verifies: true, speaks: speaks))
    guard case .mapping = node.value else {
      guard service.flag("tls") == true else { return nil }
      return self.load(settings, of: service, keys: [:]) { key, reason in
        service.fault("tls", "\(key): \(reason)")
      }.map { Configuration.TLS(settings: settings, loaded: $0) }
    }
    guard let section = service.section("tls") else { return nil }
    let faultsBefore = section.faults.list.count
    settings.authorities = self.certificates("ca", of: section, folder: folder)
    let serverName = section.value("server_name", example: "bench.internal", Self.serverName)
    self.pair(&settings, of: section, folder: folder, isRequired: false)
    let verifies = section.flag("verify") ?? true
    let namesProtocol = section.choice("alpn", ["required": true, "off": false]) ?? true
    section.finish()
    settings.role = .client(verifies: verifies, speaks: namesProtocol ? speaks : .unnamed)
    if !verifies, section.node("ca") != nil {
      section.fault("ca", "verify is off, so nothing is compared with it; keep one of them")
    }
    guard section.faults.list.count == faultsBefore else { return nil }
    let keys: [TLSSettingsError.Subject: String] = [
      .authorities: "ca", .certificate: "certificate", .key: "key",
    ]
    return self.load(settings, of: section, keys: keys) { key, reason in
      section.fault(key, reason)
    }.map { Configuration.TLS(serverName: serverName, settings: settings, loaded: $0) }
  }

  /// `tls` at the top, for all TCP listeners that don't say otherwise. Nil where it isn't there, is
  /// wrong, or is for none.
  func listenerTLS(
    _ top: SectionReader, _ listeners: [Listener]?, folder: String
  ) -> Configuration.ListenerTLS? {
    let listeners = listeners ?? [Listener(address: Self.defaultListen)]
    let hasSection = top.node("tls") != nil
    for (index, listener) in listeners.enumerated() where listener.wantsTLS == true && !hasSection {
      top.fault(
        "listen",
        "listen[\(index)] wants TLS, but there is no certificate; write tls: {certificate: …, "
          + "key: …} beside listen")
    }
    guard let section = top.section("tls") else { return nil }
    let faultsBefore = section.faults.list.count
    var settings = TLSSettings(.server)
    self.pair(&settings, of: section, folder: folder, isRequired: true)
    settings.authorities = self.certificates("client_ca", of: section, folder: folder)
    section.finish()
    let secure = listeners.indices.filter { listeners[$0].isSecure }
    if secure.isEmpty {
      section.faults.add(
        section.location, section.path,
        "no listener speaks it; leave it out, or listen on a TCP port "
          + "without tls: off")
    }
    guard section.faults.list.count == faultsBefore else { return nil }
    let keys: [TLSSettingsError.Subject: String] = [
      .authorities: "client_ca", .certificate: "certificate", .key: "key",
    ]
    return self.load(settings, of: section, keys: keys) { key, reason in
      section.fault(key, reason)
    }.map {
      Configuration.ListenerTLS(settings: settings, loaded: $0, listeners: Set(secure))
    }
  }

  // MARK: Parts

  /// Reads all files together; what is wrong with the pair of certificate and key shows then.
  private func load(
    _ settings: TLSSettings, of section: SectionReader, keys: [TLSSettingsError.Subject: String],
    _ fault: (_ key: String, _ reason: String) -> Void
  ) -> TLSContext? {
    do throws(TLSSettingsError) {
      return try settings.load()
    } catch {
      fault(keys[error.subject] ?? "ca", error.reason)
      return nil
    }
  }

  /// `certificate`, `key` and `minimum_version`.
  private func pair(
    _ settings: inout TLSSettings, of section: SectionReader, folder: String, isRequired: Bool
  ) {
    settings.certificate = self.certificates("certificate", of: section, folder: folder)
    settings.key = section.value("key", example: "tls.key") { text throws(ValueError) in
      let path = FilePaths.absolute(text, in: folder)
      do throws(TLSSettingsError) {
        _ = try TLSFiles.privateKey(path)
      } catch {
        throw ValueError(error.reason)
      }
      return path
    }
    let hasCertificate = section.node("certificate") != nil
    let hasKey = section.node("key") != nil
    if !hasCertificate, isRequired || hasKey {
      section.missing("certificate", "name the PEM file with the certificate (and its chain)")
    }
    if !hasKey, isRequired || hasCertificate {
      section.missing("key", "name the PEM file with the certificate's private key")
    }
    let version = section.choice(
      "minimum_version", ["1.2": TLSSettings.Version.tls12, "1.3": .tls13])
    if let version { settings.minimumVersion = version }
  }

  /// The path of a file with certificates.
  private func certificates(
    _ key: String, of section: SectionReader, folder: String
  ) -> String? {
    section.value(key, example: "ca.pem") { text throws(ValueError) in
      let path = FilePaths.absolute(text, in: folder)
      do throws(TLSSettingsError) {
        _ = try TLSFiles.certificates(path, as: .certificate)
      } catch {
        throw ValueError(error.reason)
      }
      return path
    }
  }

  /// A host name or an IP address, without a port.
  private static func serverName(_ text: String) throws(ValueError) -> String {
    if (try? SocketAddress(ipAddress: text, port: 0)) != nil { return text }
    let name = try ConfigurationValues.host(text)
    guard !name.contains(":") else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) has a port or brackets; write the name or the address "
          + "alone, such as bench.internal")
    }
    return name
  }
}

// MARK: - Listeners

extension ConfigurationReader {
  /// An element of `listen`.
  struct Listener {
    var address: ListenAddress
    /// As it's written beside the address; nil: not at all.
    var wantsTLS: Bool?

    /// Whether it speaks TLS where there is a certificate.
    var isSecure: Bool {
      if case .unix = self.address { return false }
      return self.wantsTLS ?? true
    }
  }

  /// `listen`: an address, or a list of addresses, each alone or as `{address: …, tls: off}`. Nil when
  /// the key isn't there.
  func listeners(
    _ top: SectionReader, _ address: (String) throws(ValueError) -> ListenAddress
  ) -> [Listener]? {
    let example = "127.0.0.1:8080"
    guard let node = top.node("listen") else { return nil }
    guard case .list(let nodes) = node.value,
      nodes.contains(where: { if case .mapping = $0.value { true } else { false } })
    else {
      return top.list("listen", example: example, address)?.map { Listener(address: $0) }
    }
    return nodes.enumerated().compactMap { index, node in
      let path = "listen[\(index)]"
      guard case .mapping = node.value else {
        return top.value(of: node, path: path, example: example, address).map {
          Listener(address: $0)
        }
      }
      guard
        let section = SectionReader(node, path: path, location: node.location, faults: top.faults)
      else { return nil }
      let found = section.value("address", example: example, address)
      if section.node("address") == nil {
        section.missing("address", "write where clients connect, such as \(example)")
      }
      let wantsTLS = section.flag("tls")
      section.finish()
      guard let found else { return nil }
      if wantsTLS == true, case .unix = found {
        section.fault("tls", "a UNIX socket is in the clear; leave this out")
      }
      return Listener(address: found, wantsTLS: wantsTLS)
    }
  }
}

extension Configuration.Cluster {
  /// What a person should be told of although it's allowed; each begins with a key of the service.
  package var warnings: [String] {
    guard case .client(verifies: false, _)? = self.tls?.settings.role else { return [] }
    return [
      "tls.verify is off: whoever answers at \(self.kind) is taken for the endpoint, and can read and "
        + "change all calls"
    ]
  }
}
