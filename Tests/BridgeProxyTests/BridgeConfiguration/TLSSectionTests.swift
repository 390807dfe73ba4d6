import BridgeProxy
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import TLS

/// The sections `tls` of a configuration file.
@Suite struct TLSSectionTests {
  private let certificates: TestCertificates

  init() throws {
    self.certificates = try TestCertificates()
    try self.certificates.make("one")
    try self.certificates.make("two")
    try self.certificates.encrypt("one", as: "locked")
    try self.certificates.folder.write("a.proto", "syntax = \"proto3\";")
    try self.certificates.folder.write("empty.pem", "")
    try self.certificates.folder.write("text.pem", "not a certificate")
    try self.certificates.folder.write(
      "cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    try self.certificates.folder.write(
      "cut.key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n")
  }

  private func read(_ text: String) throws -> Configuration {
    try ConfigurationReader { _ in nil }
      .read(text: text, file: "b.yaml", folder: self.certificates.folder.path)
  }

  private func service(_ tls: String) -> String {
    "services: {a: {schemas: a.proto, endpoint: 'h:1', tls: \(tls)}}"
  }

  private func listeners(_ listen: String, _ tls: String) -> String {
    "listen: \(listen)\ntls: \(tls)\nservices: {a: {schemas: a.proto, endpoint: 'h:1'}}"
  }

  /// The faults of a file, with those of its TLS contexts.
  private func faults(_ text: String) throws -> String {
    try self.certificates.folder.write("b.yaml", text)
    var draft = try ConfigurationReader { _ in nil }
      .draft(path: "b.yaml", in: self.certificates.folder.path)
    _ = TLSContexts(of: &draft)
    return "\(ConfigurationError(draft.faults))"
      .replacing(self.certificates.folder.path + "/", with: "")
  }

  @Test func `off is the same as no section`() throws {
    #expect(try self.read(self.service("off")).services[0].cluster.tls == nil)
  }

  @Test func `every key of a service has its location`() throws {
    let text = self.service(
      "{ca: one.pem, server_name: Bench.internal, certificate: one.pem, key: one.key, "
        + "minimum_version: '1.3', verify: on, alpn: off}")
    let tls = try #require(try self.read(text).services[0].cluster.tls)
    #expect(tls.serverName == "bench.internal")
    var expected = TLSSettings(.client(verifies: true, speaks: .unnamed))
    expected.authorities = self.certificates.path("one.pem")
    expected.certificate = self.certificates.path("one.pem")
    expected.key = self.certificates.path("one.key")
    expected.minimumVersion = .tls13
    #expect(tls.settings == expected)
  }

  @Test func `a TLS section has defaults`() throws {
    let tls = try #require(
      try self.read(self.service("{ca: one.pem}")).services[0].cluster.tls)
    var expected = TLSSettings(.client(verifies: true, speaks: .http2))
    expected.authorities = self.certificates.path("one.pem")
    #expect(tls.settings == expected)
    #expect(tls.serverName == nil)
    #expect(tls.settings.minimumVersion == .tls12)
  }

  @Test func `disabled verification causes a warning`() throws {
    let cluster = try self.read(self.service("{verify: off}")).services[0].cluster
    #expect(
      cluster.warnings == [
        "tls.verify is off: any server at h:1 is accepted as the endpoint, and can read and change "
          + "all calls"
      ])
    #expect(try self.read(self.service("{ca: one.pem}")).services[0].cluster.warnings == [])
  }

  @Test(arguments: [
    ("maybe", #"tls: expected true or false, found "maybe""#),
    ("[on]", "tls: expected true or false, found a list"),
    ("{ca: gone.pem}", "tls.ca: gone.pem: No such file or directory"),
    ("{ca: empty.pem}", "tls.ca: empty.pem is empty"),
    (
      "{ca: text.pem}",
      "tls.ca: text.pem contains no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)"
    ),
    (
      "{ca: one.key}",
      "tls.ca: one.key contains no certificate; it must be PEM (-----BEGIN CERTIFICATE-----)"
    ),
    (
      "{ca: cut.pem}",
      "tls.ca: cut.pem contains an unreadable certificate; it's truncated or damaged"
    ),
    (
      "{ca: one.pem, certificate: one.pem}",
      "tls.key: missing; name the PEM file with the certificate's private key"
    ),
    (
      "{ca: one.pem, key: one.key}",
      "tls.certificate: missing; name the PEM file with the certificate (and its chain)"
    ),
    (
      "{ca: one.pem, certificate: one.pem, key: two.key}",
      "tls.key: the key in two.key doesn't match the certificate in one.pem"
    ),
    (
      "{ca: one.pem, certificate: one.pem, key: one.pem}",
      "tls.key: one.pem contains no private key; it must be PEM (-----BEGIN PRIVATE KEY-----)"
    ),
    (
      "{ca: one.pem, certificate: one.pem, key: cut.key}",
      "tls.key: cut.key contains an unreadable private key; it's truncated or damaged"
    ),
    (
      "{ca: one.pem, certificate: one.pem, key: locked.key}",
      "tls.key: the key in locked.key is encrypted; decrypt it (openssl pkey -in … -out …) and "
        + "restrict the file's permissions"
    ),
    (
      "{ca: one.pem, server_name: 'h:1'}",
      #"tls.server_name: "h:1" has a port or brackets; write only the name or the address, such as "#
        + "bench.internal"
    ),
    (
      "{ca: one.pem, minimum_version: '1.1'}",
      #"tls.minimum_version: "1.1" is not a choice; write 1.2 or 1.3"#
    ),
    (
      "{ca: one.pem, alpn: on}", #"tls.alpn: "on" is not a choice; write required or off"#
    ),
    (
      "{ca: one.pem, verify: off}",
      "tls.ca: verify is off, so it isn't used; keep one of them"
    ),
    (
      "{ca: one.pem, certifcate: one.pem}", "tls.certifcate: unknown key; did you mean certificate?"
    ),
  ])
  func `errors in a service's TLS section name the key`(section: String, fault: String) throws {
    let found = try self.faults(self.service(section))
    // Behind the place.
    #expect(found.drop { $0 != " " }.dropFirst() == "services.a.\(fault)")
  }

  @Test func `an IP address is valid as server_name`() throws {
    for name in ["10.0.0.1", "::1"] {
      let text = self.service("{ca: one.pem, server_name: '\(name)'}")
      #expect(try self.read(text).services[0].cluster.tls?.serverName == name)
    }
  }

  @Test func `TLS covers all listeners that don't opt out, and UNIX sockets`() throws {
    let section = "{certificate: one.pem, key: one.key, client_ca: two.pem}"
    let text = self.listeners(
      "['127.0.0.1:1', {address: '127.0.0.1:2', tls: off}, {address: '127.0.0.1:3'}, 'unix:a', "
        + "{address: '127.0.0.1:4', tls: on}]", section)
    let configuration = try self.read(text)
    let tls = try #require(configuration.tls)
    #expect(tls.listeners == [0, 2, 4])
    #expect(configuration.listen.map(\.description)[1...2] == ["127.0.0.1:2", "127.0.0.1:3"])
    #expect(tls.settings.role == .server)
    #expect(tls.settings.authorities == self.certificates.path("two.pem"))
    #expect(try self.read(self.listeners("'127.0.0.1:1'", section)).tls?.listeners == [0])
  }

  @Test(arguments: [
    ("['127.0.0.1:1']", "{}", "tls.certificate: missing; name the PEM file with"),
    (
      "['127.0.0.1:1']", "on",
      "tls: expected a mapping of keys to values, found a single value"
    ),
    (
      "['127.0.0.1:1']", "{certificate: one.pem, key: two.key}",
      "tls.key: the key in two.key doesn't match the certificate in one.pem"
    ),
    (
      "['127.0.0.1:1']", "{certificate: one.pem, key: one.key, ca: one.pem}",
      "tls.ca: unknown key;"
    ),
    (
      "['unix:a']", "{certificate: one.pem, key: one.key}",
      "tls: no listener uses it; leave it out, or listen on a TCP port without tls: off"
    ),
    (
      "['127.0.0.1:1', {address: 'unix:a', tls: on}]", "{certificate: one.pem, key: one.key}",
      "listen[1].tls: TLS isn't supported on a UNIX socket; leave this out"
    ),
    (
      "[{address: '127.0.0.1:1', tls: on}]", "~",
      "tls: expected a mapping of keys to values, found nothing"
    ),
  ])
  func `errors in the listeners' TLS section name the key`(
    listen: String, section: String, fault: String
  ) throws {
    let found = try self.faults(self.listeners(listen, section))
    #expect(found.drop { $0 != " " }.dropFirst().hasPrefix(fault), "\(found)")
  }

  @Test func `errors in TLS files are reported together with all others`() throws {
    let text = """
      tls: {certificate: one.pem, key: two.key}
      listen: 127.0.0.1:1
      services:
        a:
          schemas: a.proto
          endpoint: nowhere
          tls: {ca: one.pem, certificate: two.pem, key: one.key}
          timeout: 1
        b:
          endpoint: h:1
          tls: {certificate: one.pem, key: two.key}
          alternatives: {c: h:2}
      """
    let lines = try self.faults(text).split(separator: "\n").map { $0.prefix { $0 != ";" } }
    #expect(
      lines == [
        "b.yaml:1:34: tls.key: the key in two.key doesn't match the certificate in one.pem",
        #"b.yaml:6:15: services.a.endpoint: "nowhere" is not an address"#,
        "b.yaml:7:51: services.a.tls.key: the key in one.key doesn't match the certificate in two.pem",
        #"b.yaml:8:14: services.a.timeout: "1" is not a duration"#,
        "b.yaml:9:3: services.b.schemas: missing",
        "b.yaml:11:38: services.b.tls.key: the key in two.key doesn't match the certificate in one.pem",
        "b.yaml:12:19: services.b.alternatives: no rule selects them",
      ])
  }

  @Test func `a listener with TLS requires a certificate`() throws {
    let text =
      "listen: [{address: '127.0.0.1:1', tls: on}]\n"
      + "services: {a: {schemas: a.proto, endpoint: 'h:1'}}"
    #expect(
      try self.faults(text)
        == "b.yaml:1:9: listen: listen[0] has tls: on, but there is no certificate; write "
        + "tls: {certificate: …, key: …} next to listen")
  }
}
