import Testing

@testable import BridgeConfiguration

/// `endpoint: {eas-direct: …}` and `endpoint: {nacos: …}`.
@Suite struct DiscoverySectionTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
    try self.folder.write("a.proto", "syntax = \"proto3\";")
    try self.folder.write("password.txt", "from a file\n")
    try self.folder.write("empty.txt", "\n")
  }

  private func kind(_ endpoint: String) throws -> Configuration.EndpointKind {
    let environment = [
      "PASSWORD": "p&ss w0rd", "AK": "key", "SK": "s3cret", "EMPTY": "", "BAD": "a\nb",
    ]
    let text = "services:\n  s:\n    schemas: a.proto\n    endpoint: \(endpoint)\n"
    return try ConfigurationReader { environment[$0] }
      .read(text: text, file: "b.yaml", folder: self.folder.path).services[0].cluster.kind
  }

  /// The faults, without file and place.
  private func faults(_ endpoint: String) -> [String] {
    do {
      return ["read as \(try self.kind(endpoint))"]
    } catch let errors as ConfigurationError {
      return errors.faults.map {
        "\($0.key.replacing("services.s.endpoint", with: "")): \($0.reason)"
      }
    } catch {
      return ["\(error)"]
    }
  }

  @Test func `every key of eas-direct is read`() throws {
    guard
      case .easDirect(let eas) = try self.kind(
        """
        {eas-direct: {service: group.my_svc, discovery: [d1, 'd2:81', "https://D3/x"],
          path: "/y/{service}", internal: true, interval: 1500ms, timeout: 1s, port: 9, default_weight: 7}}
        """)
    else {
      Issue.record("another kind")
      return
    }
    var expected = Configuration.EASDirect(
      service: "group.my_svc", bases: ["http://d1", "http://d2:81", "https://d3/x"])
    expected.paths = ["/y/{service}"]
    expected.isInternal = true
    expected.interval = .milliseconds(1500)
    expected.timeout = .seconds(1)
    expected.port = 9
    expected.defaultWeight = 7
    #expect(eas == expected)
  }

  @Test func `account and region determine the default discovery address`() throws {
    guard
      case .easDirect(let eas) = try self.kind(
        "{eas-direct: {service: svc, uid: 1234, region: cn-hangzhou}}")
    else {
      Issue.record("another kind")
      return
    }
    #expect(
      eas
        == Configuration.EASDirect(
          service: "svc", bases: ["http://1234.vpc.cn-hangzhou.pai-eas.aliyuncs.com"]))
    #expect(eas.interval == .seconds(5) && eas.timeout == .seconds(3) && eas.defaultWeight == 100)
    #expect(eas.paths.count == 2)
  }

  @Test func `every key of nacos is read`() throws {
    guard
      case .nacos(let nacos) = try self.kind(
        """
        {nacos: {servers: [n1, 'n2:18848', "[::1]"], service: svc, namespace: prod, group: g, clusters: [A, B],
          protocol: http-v2, grpc_port_offset: 7, context_path: /, username: me, password_env: PASSWORD,
          poll_interval: 2s, port: 9}}
        """)
    else {
      Issue.record("another kind")
      return
    }
    #expect(nacos.servers.map(\.description) == ["n1:8848", "n2:18848", "[::1]:8848"])
    #expect(nacos.service == "svc" && nacos.namespace == "prod" && nacos.group == "g")
    #expect(nacos.clusters == ["A", "B"] && nacos.access == .httpV2)
    #expect(nacos.grpcPortOffset == 7 && nacos.contextPath == "" && nacos.port == 9)
    #expect(nacos.pollInterval == .seconds(2))
    guard case .password("me", let password) = nacos.credentials else {
      Issue.record("no password")
      return
    }
    #expect(password.secret.revealed == "p&ss w0rd")
    #expect(!"\(nacos) \(nacos.credentials)".contains("w0rd"))
  }

  @Test(arguments: [
    ("port_metadata: grpc.port", "grpc.port"), ("port_metadata: off", nil),
    ("port: 9, port_metadata: off", nil),
  ])
  func `the metadata key of the port is read`(_ text: String, _ entry: String?) throws {
    guard case .nacos(let nacos) = try self.kind("{nacos: {servers: n1, service: svc, \(text)}}")
    else {
      Issue.record("another kind")
      return
    }
    #expect(nacos.portMetadata == entry)
  }

  @Test func `nacos has defaults, and its secrets can come from files`() throws {
    guard
      case .nacos(let plain) = try self.kind("{nacos: {servers: n1, service: svc}}"),
      case .nacos(let filed) = try self.kind(
        "{nacos: {servers: n1, service: svc, username: me, password_file: password.txt}}"),
      case .password(_, let password) = filed.credentials,
      case .nacos(let keyed) = try self.kind(
        "{nacos: {servers: n1, service: svc, access_key_env: AK, secret_key_env: SK}}"),
      case .key(let access, let secret) = keyed.credentials
    else {
      Issue.record("another kind")
      return
    }
    #expect(plain.namespace == "public" && plain.group == "pai-eas" && plain.access == .grpc)
    #expect(plain.grpcPortOffset == 1000 && plain.contextPath == "/nacos" && plain.clusters == [])
    #expect(plain.portMetadata == "gRPC_port")
    #expect("\(plain)" == "nacos pai-eas/svc (n1:8848)")
    #expect(password.secret.revealed == "from a file")
    #expect(access.secret.revealed == "key" && secret.secret.revealed == "s3cret")
  }

  struct Wrong: Sendable, CustomTestStringConvertible {
    let endpoint: String
    let faults: [String]
    var testDescription: String { self.endpoint }

    init(_ endpoint: String, _ faults: String...) {
      self.endpoint = endpoint
      self.faults = faults
    }
  }

  private static let wrong: [Wrong] = [
    Wrong(
      "{eas-direct: {}}", ".eas-direct.service: missing; write the service's name in PAI-EAS",
      ".eas-direct.discovery: missing; write the host that lists endpoints, or uid and region, "
        + "for the default one"),
    Wrong(
      "{eas-direct: {service: svc, uid: 12}}",
      ".eas-direct.region: missing; write the service's region, such as cn-hangzhou"),
    Wrong(
      "{eas-direct: {service: svc, region: cn-a}}",
      ".eas-direct.uid: missing; write the number of the account that the service is in"),
    Wrong(
      "{eas-direct: {service: svc, uid: 12, region: cn-a, discovery: d}}",
      ".eas-direct.discovery: uid or region is set too; keep discovery, or the two of them"),
    Wrong(
      "{eas-direct: {service: svc/v1, uid: x1, region: Cn}}",
      ".eas-direct.service: \"svc/v1\" is not a service of PAI-EAS; write letters, digits, _, - or "
        + "., without a path",
      ".eas-direct.uid: \"x1\" is not an account's number; write digits",
      ".eas-direct.region: \"Cn\" is not a region; write one such as cn-hangzhou"),
    Wrong(
      "{eas-direct: {service: svc, discovery: [\"ftp://d\", \"http://u:s3cret@d\", \"d?x\"]}}",
      ".eas-direct.discovery[0]: \"ftp://d\" is not an address of discovery; write host, "
        + "host:port or a URL such as http://discovery.internal:8080",
      ".eas-direct.discovery[1]: the address contains an @; discovery takes no user name and no "
        + "password",
      ".eas-direct.discovery[2]: \"d?x\" is not an address of discovery; write host, "
        + "host:port or a URL such as http://discovery.internal:8080"),
    Wrong(
      "{eas-direct: {service: svc, discovery: d, path: /x, interval: 1ms, port: 0, intervall: 5s}}",
      ".eas-direct.path: \"/x\" has no {service}, which is replaced by the service's name",
      ".eas-direct.interval: \"1ms\" is too short; the minimum is 100ms",
      ".eas-direct.port: \"0\" is not a number from 1 to 65535",
      ".eas-direct.intervall: unknown key; did you mean interval?"),
    Wrong(
      "{nacos: {}}",
      ".nacos.servers: missing; write the registry's servers, such as nacos.internal:8848",
      ".nacos.service: missing; write the service's name in the registry"),
    Wrong(
      "{nacos: {servers: [\"http://n\"], service: g@@svc, clusters: \"a,b\", protocol: http}}",
      ".nacos.servers[0]: \"http://n\": write it without http://, such as nacos.internal:8848",
      ".nacos.service: \"g@@svc\": write the part before @@ as group, and the rest as service",
      ".nacos.clusters: \"a,b\" is not a name in a registry; blanks and commas aren't allowed",
      ".nacos.protocol: \"http\" is not a choice; write grpc or http-v1 or http-v2 or http-v3"),
    Wrong(
      "{nacos: {servers: 'n:65000', service: svc, poll_interval: 5s}}",
      ".nacos.servers: the gRPC port would be 66000; see grpc_port_offset",
      ".nacos.poll_interval: over gRPC the registry pushes changes; leave it out, or set protocol"
    ),
    Wrong(
      "{nacos: {servers: n, service: svc, username: me}}",
      ".nacos.password_env: missing; name the environment variable that holds the password"),
    Wrong(
      "{nacos: {servers: n, service: svc, password_env: PASSWORD}}",
      ".nacos.username: missing; write the user of the password"),
    Wrong(
      "{nacos: {servers: n, service: svc, username: me, password_env: EMPTY, password_file: empty.txt}}",
      ".nacos.password_env: the environment variable \"EMPTY\" is not set; set it, or use password_file",
      ".nacos.password_file: the file empty.txt is empty",
      ".nacos.password_file: password_env is set too; keep one of them"),
    Wrong(
      "{nacos: {servers: n, service: svc, username: me, password_env: PASSWORD, access_key_env: AK, "
        + "secret_key_env: SK}}",
      ".nacos.username: a key is set too; keep one of them"),
    Wrong(
      "{nacos: {servers: n, service: svc, access_key_env: BAD, secret_key_env: SK}}",
      ".nacos.access_key_env: the environment variable BAD contains characters that aren't allowed in a header (or blanks at an end)"
    ),
    Wrong(
      "{nacos: {servers: n, service: svc, secret_key_env: SK}}",
      ".nacos.access_key_env: missing; name the environment variable that holds the key's name"),
    Wrong(
      "{nacos: {servers: n, service: svc}, eas-direct: {service: svc, discovery: d}}",
      ".nacos: eas-direct is set too; keep one kind of endpoint"),
  ]

  @Test(arguments: Self.wrong) func `every error is reported`(_ wrong: Wrong) {
    #expect(self.faults(wrong.endpoint).sorted() == wrong.faults.sorted())
  }
}
