import Glibc
import Testing

@testable import TLS

@Suite struct TLSReloaderTests {
  private let certificates: TestCertificates
  private let settings: TLSSettings

  init() throws {
    self.certificates = try TestCertificates()
    try self.certificates.make("one")
    try self.certificates.make("two")
    try self.certificates.run("mkdir v1 v2; cp one.pem v1/tls.pem; cp one.key v1/tls.key")
    try self.certificates.run("cp two.pem v2/tls.pem; cp two.key v2/tls.key; ln -s v1 data")
    var settings = TLSSettings(.server)
    settings.certificate = self.certificates.path("data/tls.pem")
    settings.key = self.certificates.path("data/tls.key")
    self.settings = settings
  }

  private func contexts() throws -> ReloadableTLSContext {
    ReloadableTLSContext(key: "tls", settings: self.settings, loaded: try self.settings.load())
  }

  private static func check(_ reloader: inout TLSContextReloader) -> [TLSContextReloader.Outcome] {
    reloader.check()
  }

  @Test func `a change is read once, when it has settled`() throws {
    var reload = FileChangeDetector(loaded: TLSFingerprint(of: self.settings))
    let unchanged = reload.check(TLSFingerprint(of: self.settings))
    #expect(!unchanged)
    try self.certificates.run("rm data; ln -s v2 data")
    let changed = TLSFingerprint(of: self.settings)
    let first = reload.check(changed)
    let second = reload.check(changed)
    let third = reload.check(changed)
    #expect((first, second, third) == (false, true, false))
  }

  @Test func `a change in progress is waited for`() throws {
    var reload = FileChangeDetector(loaded: TLSFingerprint(of: self.settings))
    try self.certificates.run("cp two.pem v1/tls.pem")
    let first = reload.check(TLSFingerprint(of: self.settings))
    try self.certificates.run("cp two.key v1/new; mv v1/new v1/tls.key")
    let second = reload.check(TLSFingerprint(of: self.settings))
    let third = reload.check(TLSFingerprint(of: self.settings))
    #expect((first, second, third) == (false, false, true))
  }

  @Test func `a swapped link is a change, and its files are used`() throws {
    let contexts = try self.contexts()
    var reloader = TLSContextReloader([contexts])
    let before = contexts.current.fingerprint
    #expect(Self.check(&reloader) == [])
    try self.certificates.run("ln -s v2 new; mv -T new data")
    #expect(Self.check(&reloader) == [])
    #expect(Self.check(&reloader) == [.replaced(key: "tls")])
    #expect(contexts.current.fingerprint != before)
    #expect(Self.check(&reloader) == [])
  }

  @Test func `an error is logged once, and the old files stay in use`() throws {
    let contexts = try self.contexts()
    var reloader = TLSContextReloader([contexts])
    let before = contexts.current.fingerprint
    try self.certificates.run("cp two.key v1/new; mv v1/new v1/tls.key")
    let folder = self.certificates.path("data")
    #expect(Self.check(&reloader) == [])
    #expect(
      Self.check(&reloader) == [
        .kept(
          key: "tls",
          reason: "the key in \(folder)/tls.key doesn't match the certificate in \(folder)/tls.pem")
      ])
    #expect(Self.check(&reloader) == [])
    #expect(contexts.current.fingerprint == before)
    try self.certificates.run("rm v1/tls.key")
    #expect(Self.check(&reloader) == [])
    #expect(
      Self.check(&reloader) == [
        .kept(key: "tls", reason: "\(folder)/tls.key: No such file or directory")
      ])
    try self.certificates.run("cp one.key v1/tls.key")
    #expect(Self.check(&reloader) == [])
    #expect(Self.check(&reloader) == [.replaced(key: "tls")])
  }
}
