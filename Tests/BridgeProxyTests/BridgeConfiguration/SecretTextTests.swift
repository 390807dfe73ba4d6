import Testing

@testable import BridgeConfiguration

/// Secrets that were written in the wrong place, and variables in addresses: what messages show.
@Suite struct SecretTextTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
    try self.folder.write("a.proto", "syntax = \"proto3\";")
  }

  private func draft(
    _ service: String, readsSecrets: Bool = true, _ environment: [String: String] = [:]
  ) throws -> ConfigurationReader.Draft {
    let text = "services:\n  s:\n    schemas: a.proto\n" + service
    let path = try self.folder.write("bridge.yaml", text)
    return try ConfigurationReader(environment: { environment[$0] }, readsSecrets: readsSecrets)
      .draft(path: path, in: "/")
  }

  private static let tokens = [
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "AKIAIOSFODNN7EXAMPLE", "sk-proj-abcDEF123456789012345", "0123456789abcdef0123456789abcdef",
    "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "hunter 2 hunter",
    "c2VjcmV0LXRva2VuLW9mLWEtc2VydmljZQ==",
  ]

  @Test(arguments: tokens)
  func `a token in place of its variable or file is reported without showing it`(
    token: String
  ) throws {
    let quoted = "\"\(token)\""
    for setting in [
      "auth: {scheme: bearer, token_env: \(quoted)}",
      "auth: {scheme: bearer, token_file: \(quoted)}",
      "auth: {scheme: \(quoted), token_env: A}", "auth: \(quoted)",
      "auth: {scheme: raw, token_env: [\(quoted)]}",
      "tls: \(quoted)\n    balance: \(quoted)",
    ] where !(setting.contains("scheme: \"hunter") || setting.contains("tls: ")) {
      let faults = try self.draft("    endpoint: h:1\n    \(setting)\n").faults
      #expect(!faults.isEmpty)
      for fault in faults { #expect(!fault.description.contains(token.prefix(8)), "\(fault)") }
    }
    let nacos = """
          endpoint:
            nacos: {servers: "http://user:\(token)@registry:8848", service: x, username: u, \
      password_env: \(quoted), access_key_file: \(quoted)}

      """
    let faults = try self.draft(nacos).faults
    #expect(!faults.isEmpty)
    for fault in faults { #expect(!fault.description.contains(token.prefix(8)), "\(fault)") }
  }

  @Test func `names and paths are shown, so that the operator sees what is missing`() throws {
    let faults = try self.draft(
      "    endpoint: h:1\n    auth: {scheme: bearer, token_env: BENCH_TOKEN, token_file: run/secrets/bench-token.txt}\n"
    ).faults.map(\.description).joined(separator: "\n")
    #expect(faults.contains("the environment variable \"BENCH_TOKEN\" is not set"))
    #expect(faults.contains("\"run/secrets/bench-token.txt\": No such file or directory"))
  }

  @Test(arguments: [
    ("BENCH_TOKEN", true), ("TOKEN", true), ("A1", true), ("bench_token", true),
    ("MY_SERVICE_ACCOUNT_TOKEN_2", true), ("_X", true), ("", false), ("1A", false),
    ("a b", false),
    ("Token", false), ("A-B", false), ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", false),
    ("TOKEN_0123456789ABCDEF", false),
  ])
  func `text that looks like a variable name is recognized`(text: String, isName: Bool) {
    #expect(PlausibleText.isVariableName(text) == isName)
  }

  @Test func `without secrets, each one missing causes a warning`() throws {
    let draft = try self.draft(
      "    endpoint: h:1\n    auth: {scheme: bearer, token_env: GONE}\n", readsSecrets: false)
    #expect(draft.faults == [])
    #expect(draft.warnings.count == 1)
    #expect(
      draft.warnings[0].hasSuffix(
        "bridge.yaml:5:39: services.s.auth.token_env: the token isn't read (--no-secrets)"))
  }

  // MARK: Variables

  @Test func `variables are expanded in addresses and paths only`() throws {
    let environment = ["PEER": "10.0.0.1", "PORT": "50051", "NAME": "a", "EMPTY": ""]
    let draft = try self.draft(
      """
          endpoint: "${PEER}:${PORT}"
          hosts: ["${NAME}.internal${EMPTY}", "*.${NAME}"]
          prefix: /${NAME}
          import_paths: ./${EMPTY}
          authority: "${PEER}"
          metadata: {x-team: "${NAME}"}
          errors: {body: {code: "${code}"}}
          alternatives: {canary: "${PEER}:1"}
          choose: [{to: canary}]

      """, environment)
    #expect(draft.faults == [], "\(draft.faults)")
    let service = try #require(draft.configuration.services.first)
    #expect(service.cluster.kind.description == "10.0.0.1:50051")
    #expect(service.hosts == ["a.internal", "*.a"])
    #expect(service.prefix == "/a" && service.cluster.authority == "10.0.0.1")
    #expect(service.metadata.map(\.value) == ["${NAME}"])
    #expect(service.alternatives[0].cluster.kind.description == "10.0.0.1:1")
  }

  @Test(arguments: [
    ("${GONE}:1", "the environment variable GONE is not set"),
    ("${PEER:1", "a \"${\" without \"}\"; write ${NAME}"),
    ("${}:1", "the text in ${…} isn't the name of an environment variable"),
    ("${ghp_16C7e42F292c6912E7710c838347Ae178B4a}", "the text in ${…} isn't the name"),
    ("$${PEER}:1", "\"${PEER}\" is not a host name"),
    ("${SECRET}:1", "isn't valid here; write it such as 127.0.0.1:50051"),
    ("${WORD}", "\"${WORD}\" is not an address"),
  ])
  func `an error in a variable has its location`(text: String, fault: String) throws {
    let environment = [
      "SECRET": "s3cr3t s3cr3t " + String(repeating: "x", count: 90), "WORD": "words",
    ]
    let faults = try self.draft("    endpoint: \"\(text)\"\n", environment).faults
    #expect(faults.count == 1)
    let said = faults.map(\.description).joined()
    #expect(said.contains("bridge.yaml:4:15: services.s.endpoint: "), "\(said)")
    #expect(said.contains(fault), "\(said)")
    #expect(!said.contains("s3cr3t"))
  }

  @Test(arguments: [
    ("http://user:secret@host", "http://…@host"), ("user:secret@host:1", "…@host:1"),
    ("user@host", "user@host"), ("a:b", "a:b"), ("http://host/a@b", "http://host/a@b"),
  ])
  func `credentials in front of a host aren't shown`(text: String, shown: String) {
    #expect(ConfigurationValues.quoted(text) == "\"\(shown)\"")
  }
}
