import Testing

@testable import BridgeConfiguration
@testable import Discovery
@testable import Upstream

/// Passwords and keys of a registry whose files change while the bridge runs.
@Suite struct NacosSecretsTests {
  private func source(
    _ folder: borrowing TemporaryFolder, _ name: String, _ text: String
  ) throws
    -> Configuration.SecretSource
  {
    Configuration.SecretSource(.init(text), file: try folder.write(name, text))
  }

  private func shown(_ credentials: Configuration.Nacos.Credentials) -> String {
    switch credentials {
    case .none: "-"
    case .password(_, let password): password.secret.revealed
    case .key(let access, let secret): "\(access.secret.revealed) \(secret.secret.revealed)"
    }
  }

  @Test func `the last valid content of a file is used`() async throws {
    let folder = try TemporaryFolder()
    let password = try self.source(folder, "p", "one")
    var secrets = NacosSecrets(.password(username: "me", password: password))
    #expect(await secrets.renew() == nil)
    _ = try folder.write("p", "two\n")
    #expect(await secrets.renew() == nil)
    #expect(self.shown(secrets.credentials) == "two")
    _ = try folder.write("p", "")
    let notice = await secrets.renew()
    #expect(notice?.hasSuffix("p is empty; its previous value stays in use") == true)
    #expect(await secrets.renew() == nil)
    #expect(self.shown(secrets.credentials) == "two")
    _ = try folder.write("p", "three")
    #expect(await secrets.renew() == nil)
    #expect(self.shown(secrets.credentials) == "three")
    _ = try folder.write("p", "")
    #expect(await secrets.renew() != nil)
  }

  @Test func `both parts of an access key are renewed`() async throws {
    let folder = try TemporaryFolder()
    var secrets = NacosSecrets(
      .key(access: try self.source(folder, "a", "ak"), secret: try self.source(folder, "s", "sk")))
    _ = try folder.write("a", "ak2")
    _ = try folder.write("s", "sk2")
    #expect(await secrets.renew() == nil)
    #expect(self.shown(secrets.credentials) == "ak2 sk2")
    _ = try folder.write("a", "a\nb")
    #expect(await secrets.renew()?.contains("aren't allowed in a header") == true)
    #expect(self.shown(secrets.credentials) == "ak2 sk2")
  }

  @Test func `secrets from the environment don't change`() async {
    var secrets = NacosSecrets(.password(username: "me", password: .init(.init("one"))))
    #expect(await secrets.renew() == nil)
    #expect(self.shown(secrets.credentials) == "one")
  }
}
