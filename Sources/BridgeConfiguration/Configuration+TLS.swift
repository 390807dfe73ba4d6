internal import LocalFiles
internal import NIOCore
package import TLS

extension Configuration {
  /// TLS to the endpoints of a service.
  package struct TLS: Sendable {
    /// The name that an endpoint's certificate must be valid for, also sent as SNI; nil: the host of each
    /// endpoint, or the name that was resolved. An IP address is compared with the certificate's addresses.
    package var serverName: String?
    package var settings: TLSSettings

    package init(serverName: String? = nil, settings: TLSSettings) {
      self.serverName = serverName
      self.settings = settings
    }
  }
}

extension Configuration.TLS {
  /// Reads `tls` of a service: a switch or a section. Nil if it's off or invalid.
  ///
  /// - Parameter isHTTP: whether its endpoints are called over HTTP/1.1.
  init?(of service: SectionReader, isHTTP: Bool) {
    guard let node = service.node("tls") else { return nil }
    let speaks: TLSSettings.ApplicationProtocol = isHTTP ? .http1 : .http2
    var settings = TLSSettings(.client(verifies: true, speaks: speaks))
    guard case .mapping = node.value else {
      guard service.flag("tls") == true else { return nil }
      service.faults.add(LocatedTLSSettings(settings, switchOf: service))
      self.init(settings: settings)
      return
    }
    guard let section = service.section("tls") else { return nil }
    let faultsBefore = section.faults.list.count
    settings.authorities = section.certificates("ca")
    let serverName = section.value("server_name", example: "bench.internal", Self.serverName)
    section.pair(into: &settings, isRequired: false)
    let verifies = section.flag("verify") ?? true
    let namesProtocol = section.choice("alpn", ["required": true, "off": false]) ?? true
    section.finish()
    settings.role = .client(verifies: verifies, speaks: namesProtocol ? speaks : .unnamed)
    if !verifies, section.node("ca") != nil {
      section.fault("ca", "verify is off, so it isn't used; keep one of them")
    }
    guard section.faults.list.count == faultsBefore else { return nil }
    section.faults.add(LocatedTLSSettings(settings, section, authorities: "ca"))
    self.init(serverName: serverName, settings: settings)
  }

  /// Parses a host name or an IP address, without a port.
  private static func serverName(_ text: String) throws(ValueError) -> String {
    if (try? SocketAddress(ipAddress: text, port: 0)) != nil { return text }
    let name = try ConfigurationValues.host(text)
    guard !name.contains(":") else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) has a port or brackets; write only the name or the "
          + "address, such as bench.internal")
    }
    return name
  }
}

// MARK: - Parts

extension SectionReader {
  /// Reads `certificate`, `key` and `minimum_version`.
  func pair(into settings: inout TLSSettings, isRequired: Bool) {
    settings.certificate = self.certificates("certificate")
    settings.key = self.value("key", example: "tls.key") { text throws(ValueError) in
      let path = self.context.absolute(text)
      do throws(TLSSettingsError) {
        _ = try TLSFiles.privateKey(path, in: self.context.files)
      } catch {
        throw ValueError(error.reason)
      }
      return path
    }
    let hasCertificate = self.node("certificate") != nil
    let hasKey = self.node("key") != nil
    if !hasCertificate, isRequired || hasKey {
      self.missing("certificate", "name the PEM file with the certificate (and its chain)")
    }
    if !hasKey, isRequired || hasCertificate {
      self.missing("key", "name the PEM file with the certificate's private key")
    }
    let version = self.choice(
      "minimum_version", ["1.2": TLSSettings.Version.tls12, "1.3": .tls13])
    if let version { settings.minimumVersion = version }
  }

  /// Reads the path of a file with certificates.
  func certificates(_ key: String) -> String? {
    self.value(key, example: "ca.pem") { text throws(ValueError) in
      let path = self.context.absolute(text)
      do throws(TLSSettingsError) {
        _ = try TLSFiles.certificates(
          path, as: .certificate, in: self.context.files)
      } catch {
        throw ValueError(error.reason)
      }
      return path
    }
  }
}
