package import LocalFiles
internal import NIOCore
package import NIOSSL

/// Reads certificates and keys from PEM files (RFC 7468). Blocking; never on an event loop.
package enum TLSFiles {
  /// Maximum size of a file: a system's whole CA bundle is a quarter of it.
  private static let byteLimit = 1 << 20

  /// All certificates of a file; at least one.
  package static func certificates(
    _ path: String, as subject: TLSSettingsError.Subject, in files: FileAccess = .local
  ) throws(TLSSettingsError) -> [NIOSSLCertificate] {
    let bytes = try Self.bytes(path, as: subject, files)
    guard
      Self.contains("-----BEGIN CERTIFICATE-----", bytes)
        || Self.contains("-----BEGIN TRUSTED CERTIFICATE-----", bytes)
    else {
      throw TLSSettingsError(
        subject, "\(path) contains no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)")
    }
    do {
      return try NIOSSLCertificate.fromPEMBytes(bytes)
    } catch {
      throw TLSSettingsError(
        subject, "\(path) contains an unreadable certificate; it's truncated or damaged")
    }
  }

  /// The private key of a file. Errors never quote its contents.
  package static func privateKey(
    _ path: String, in files: FileAccess = .local
  ) throws(TLSSettingsError) -> NIOSSLPrivateKey {
    let bytes = try Self.bytes(path, as: .key, files)
    // A prompt for a passphrase would need an operator at the terminal.
    if Self.contains("BEGIN ENCRYPTED PRIVATE KEY", bytes)
      || Self.contains("Proc-Type: 4,ENCRYPTED", bytes)
    {
      throw TLSSettingsError(
        .key,
        "the key in \(path) is encrypted; decrypt it (openssl pkey -in … -out …) and restrict "
          + "the file's permissions")
    }
    guard Self.contains("PRIVATE KEY-----", bytes) else {
      throw TLSSettingsError(
        .key, "\(path) contains no private key; it must be PEM (-----BEGIN PRIVATE KEY-----)")
    }
    do {
      return try NIOSSLPrivateKey(bytes: bytes, format: .pem)
    } catch {
      throw TLSSettingsError(
        .key, "\(path) contains an unreadable private key; it's truncated or damaged")
    }
  }

  private static func bytes(
    _ path: String, as subject: TLSSettingsError.Subject, _ files: FileAccess
  ) throws(TLSSettingsError) -> [UInt8] {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try files.read(path, Self.byteLimit)
    } catch {
      throw TLSSettingsError(subject, "\(path): \(error)")
    }
    guard !bytes.isEmpty else { throw TLSSettingsError(subject, "\(path) is empty") }
    return bytes
  }

  private static func contains(_ text: StaticString, _ bytes: [UInt8]) -> Bool {
    let text = Array("\(text)".utf8)
    guard bytes.count >= text.count else { return false }
    return (0...bytes.count - text.count).contains { start in
      bytes[start] == text[0] && bytes[start..<start + text.count].elementsEqual(text)
    }
  }
}

extension TLSSettings {
  /// Reads the files and creates a TLS context.
  ///
  /// Takes some milliseconds if the system's CA store is read. Blocking; never on an event loop.
  ///
  /// - Throws: the first error.
  package func load() throws(TLSSettingsError) -> TLSContext {
    // Taken before anything is read, so that a change in the meantime is detected later.
    let fingerprint = TLSFingerprint(of: self)
    var configuration = try self.base()
    configuration.minimumTLSVersion = self.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
    configuration.shutdownTimeout = .milliseconds(Self.shutdownMilliseconds)
    if let path = self.authorities {
      let authorities = try TLSFiles.certificates(path, as: .authorities)
      configuration.trustRoots = .certificates(authorities)
    }
    if let path = self.certificate {
      let chain = try TLSFiles.certificates(path, as: .certificate)
      configuration.certificateChain = chain.map { .certificate($0) }
    }
    if let path = self.key {
      let key = try TLSFiles.privateKey(path)
      configuration.privateKey = .privateKey(key)
    }
    do {
      return TLSContext(
        fingerprint: fingerprint, ssl: try NIOSSLContext(configuration: configuration))
    } catch NIOSSLError.failedToLoadPrivateKey {
      // The key could be parsed, so it's the pair that doesn't match.
      throw TLSSettingsError(
        .key,
        "the key in \(self.key ?? "") doesn't match the certificate in \(self.certificate ?? "")")
    } catch NIOSSLError.failedToLoadCertificate {
      throw TLSSettingsError(
        .certificate, "\(self.certificate ?? "") contains a certificate that can't be used")
    } catch {
      throw TLSSettingsError(
        self.certificate == nil ? .authorities : .certificate,
        "can't be used: \(TLSHandshakeError.words(for: error))")
    }
  }

  /// The settings that don't come from files.
  private func base() throws(TLSSettingsError) -> TLSConfiguration {
    switch self.role {
    case .client(let verifies, let speaks):
      var configuration = TLSConfiguration.makeClientConfiguration()
      // `PeerVerificationHandler` checks the host name, against the endpoint's name only.
      configuration.certificateVerification = verifies ? .noHostnameVerification : .none
      switch speaks {
      case .http2: configuration.applicationProtocols = ["h2"]
      case .http1: configuration.applicationProtocols = ["http/1.1"]
      case .unnamed: break
      }
      if verifies, self.authorities == nil, !Self.systemHasAuthorities {
        throw TLSSettingsError(
          .authorities,
          "missing; this system has no CA certificates (package ca-certificates), so give a "
            + "file with those that sign the endpoint's certificate")
      }
      return configuration
    case .server:
      // NIOSSL's client and server configurations differ only in what is set here.
      var configuration = TLSConfiguration.makeClientConfiguration()
      configuration.applicationProtocols = ["h2", "http/1.1"]
      configuration.certificateVerification =
        self.authorities == nil ? .none : .noHostnameVerification
      // Lets a client with several certificates choose one.
      configuration.sendCANameList = self.authorities != nil
      return configuration
    }
  }

  /// Whether one of the paths exists that NIOSSL uses as the system's store on Linux.
  private static var systemHasAuthorities: Bool {
    Self.systemStores.contains { (try? Files.kind(of: $0)) != nil }
  }

  private static let systemStores = [
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs",
  ]

  /// How long closing waits for the peer's close_notify (RFC 8446 §6.1), which the bridge no longer
  /// needs.
  private static let shutdownMilliseconds: Int64 = 1000
}
