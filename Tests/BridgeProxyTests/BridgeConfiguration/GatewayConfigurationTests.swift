import Testing

@testable import BridgeConfiguration
@testable import GRPCWire

/// `eas-gateway`, `nlb`, `transport` and what goes with them.
@Suite struct GatewayConfigurationTests {
  private func read(_ lines: String) throws -> Configuration.Service {
    let folder = try TemporaryFolder()
    try folder.write("a.proto", "")
    let text =
      "services:\n  s_1:\n    schemas: a.proto\n"
      + lines.split(separator: "\n").map { "    \($0)\n" }.joined()
    let configuration = try ConfigurationReader(environment: { $0 == "TOKEN" ? "t" : nil })
      .read(text: text, file: "bridge.yaml", folder: folder.path)
    return try #require(configuration.services.first)
  }

  private func faults(_ lines: String) -> [String] {
    do {
      _ = try self.read(lines)
      return []
    } catch let errors as ConfigurationError {
      return errors.faults.map { "\($0.key.dropFirst("services.s_1.".count)): \($0.reason)" }
    } catch {
      return ["\(error)"]
    }
  }

  private static let types = "request_type: A, response_type: b.C"

  @Test(arguments: [
    ("{address: gw.internal}", "gw.internal", 443, "gw.internal"),
    ("{address: gw.internal:8443}", "gw.internal", 8443, "gw.internal:8443"),
    ("{address: gw.internal:80}", "gw.internal", 80, "gw.internal:80"),
    (
      "{uid: 12, region: cn-hangzhou, service: m}", "m.12.cn-hangzhou.pai-eas.aliyuncs.com", 443,
      "m.12.cn-hangzhou.pai-eas.aliyuncs.com"
    ),
  ])
  func `an eas-gateway endpoint with TLS has its host, port and authority`(
    gateway: String, host: String, port: Int, authority: String
  ) throws {
    // In an alternative TLS may be what the service has.
    let lines = "endpoint: {eas-gateway: \(gateway)}\ntls: {verify: off}"
    let other =
      "endpoint: 127.0.0.1:1\ntls: {verify: off}\nchoose: [{to: a}]\n"
      + "alternatives: {a: {endpoint: {eas-gateway: \(gateway)}}}"
    for cluster in [
      try self.read(lines).cluster, try #require(self.read(other).groups.last).cluster,
    ] {
      #expect(cluster.only == Configuration.Endpoint(host: host, port: port))
      #expect(cluster.authority == authority)
    }
  }

  @Test(arguments: [
    (
      "{uid: 12, region: cn-hangzhou, service: my_model}",
      "my-model.12.cn-hangzhou.pai-eas.aliyuncs.com", 80, nil
    ),
    (
      "{uid: 12, region: cn-hangzhou, service: a_b_c, vpc: on}",
      "a-b-c.12.vpc.cn-hangzhou.pai-eas.aliyuncs.com", 80, nil
    ),
    (
      "{uid: 12, region: cn-hangzhou, service: m, port: 8000}",
      "m.12.cn-hangzhou.pai-eas.aliyuncs.com", 8000, "m.12.cn-hangzhou.pai-eas.aliyuncs.com:8000"
    ),
    ("{address: gw.internal}", "gw.internal", 80, nil),
    ("{address: gw.internal:81}", "gw.internal", 81, "gw.internal:81"),
    ("{address: '[::1]:81'}", "::1", 81, "[::1]:81"),
    (
      "{gateway: gw-1, region: cn-hangzhou, service: m}", "m.gw-1.cn-hangzhou.pai-eas.aliyuncs.com",
      80, nil
    ),
  ])
  func `an eas-gateway endpoint for gRPC has its host and port`(
    gateway: String, host: String, port: Int, authority: String?
  ) throws {
    let service = try self.read("endpoint: {eas-gateway: \(gateway)}")
    #expect(service.transport == nil)
    #expect(service.cluster.only == Configuration.Endpoint(host: host, port: port))
    #expect(service.cluster.authority == authority ?? host)
    #expect(service.cluster.kind.messageByteLimit == 1 << 20)
    #expect(service.cluster.kind.statuses == .eas)
    #expect(service.cluster.connections == Configuration.Connections())
    #expect(service.cluster.kind.warnings.count == (gateway.contains("gw-1,") ? 1 : 0))
  }

  @Test(arguments: [
    (
      "{uid: 12, region: cn-hangzhou, service: my_model}", "12.cn-hangzhou.pai-eas.aliyuncs.com"
    ),
    (
      "{uid: 12, region: cn-hangzhou, service: my_model, vpc: on}",
      "12.vpc.cn-hangzhou.pai-eas.aliyuncs.com"
    ),
    (
      "{gateway: gw-1, region: cn-hangzhou, service: my_model}",
      "gw-1.cn-hangzhou.pai-eas.aliyuncs.com"
    ),
  ])
  func `an eas-gateway endpoint for HTTP has its host and path`(
    gateway: String, host: String
  ) throws {
    let service = try self.read(
      "endpoint: {eas-gateway: \(gateway)}\ntransport: {http-protobuf: {\(Self.types), path: /v1}}")
    #expect(service.cluster.only == Configuration.Endpoint(host: host, port: 80))
    #expect(service.cluster.authority == host)
    #expect(service.transport?.path == "/api/predict/my_model/v1")
    #expect(service.cluster.kind.warnings.isEmpty)
  }

  @Test func `a transport has its defaults`() throws {
    let service = try self.read(
      "endpoint: a:1\ntransport: {http-protobuf: {\(Self.types), path: /}}")
    let transport = try #require(service.transport)
    #expect(transport.requestType.name == "A" && transport.responseType.name == "b.C")
    #expect(transport.path == "/" && transport.route == "/s_1" && transport.name == "Predict")
    #expect(!transport.isIdempotent && transport.connectionLimit == 64)
    #expect(transport.callPath(service: "s_1") == "/s_1/Predict")
    #expect(service.cluster.health.check == false)
  }

  @Test func `every key of a transport is read`() throws {
    let service = try self.read(
      """
      endpoint: {static: [a:1, b:1]}
      authority: eas.internal
      transport:
        http-protobuf:
          \(Self.types.replacing(", ", with: "\n    "))
          path: /api/predict/m
          route: /v1/score
          name: Score
          idempotent: true
          connections_max: 5
      auth: {scheme: eas, token_env: TOKEN, header: X-Token}
      """.replacing("    response_type", with: "    response_type"))
    let transport = try #require(service.transport)
    #expect(transport.path == "/api/predict/m" && transport.route == "/v1/score")
    #expect(transport.name == "Score" && transport.isIdempotent && transport.connectionLimit == 5)
    #expect(service.auth?.scheme == .eas && service.auth?.header == "x-token")
    #expect(service.cluster.authority == "eas.internal" && service.cluster.only == nil)
  }

  @Test(arguments: [
    ("{nlb: n.internal:9090}", 2, Duration.seconds(300), 0),
    ("{nlb: {address: n.internal:8080}}", 2, .seconds(300), 1),
    ("{nlb: n.internal:9090}\nconnections: {count: 5}", 5, .seconds(300), 0),
    ("{nlb: n.internal:9090}\nconnections: {max_age: off}", 2, nil, 0),
  ])
  func `a load balancer's endpoint gets two connections of limited age`(
    endpoint: String, count: Int, age: Duration?, warnings: Int
  ) throws {
    let cluster = try self.read("endpoint: \(endpoint)").cluster
    #expect(cluster.connections.count == count && cluster.connections.maxAge == age)
    #expect(cluster.kind.warnings.count == warnings)
    #expect(cluster.authority == nil && cluster.kind.messageByteLimit == nil)
    #expect(cluster.kind.description.hasPrefix("the balancer n.internal:"))
  }

  @Test(arguments: ["0", "off"])
  func `a body limit can be turned off`(text: String) throws {
    let service = try self.read("endpoint: {eas-gateway: {address: a, body_limit: \(text)}}")
    #expect(service.cluster.kind.messageByteLimit == nil)
  }

  @Test func `the auth scheme none disables authorization`() throws {
    #expect(try self.read("endpoint: a:1\nauth: {scheme: none}").auth == nil)
  }

  @Test(arguments: [
    ("{eas-gateway: {}}", ["service", "region", "uid"]),
    ("{eas-gateway: {uid: x, region: CN, service: a/b}}", ["service", "uid", "region"]),
    ("{eas-gateway: {address: a, uid: 1, vpc: on}}", ["uid", "vpc"]),
    ("{eas-gateway: {gateway: gw-1, uid: 1, vpc: on, region: cn, service: m}}", ["uid", "vpc"]),
    ("{eas-gateway: {gateway: a.b, region: cn, service: m}}", ["gateway"]),
    (
      "{eas-gateway: {address: 'http://a', body_limit: much, gate: 1}}",
      ["address", "body_limit", "gate"]
    ),
    ("{eas-gateway: {address: a, port: 80}}", ["port"]),
  ])
  func `the error for an invalid gateway names every wrong key`(endpoint: String, keys: [String]) {
    let found = self.faults("endpoint: \(endpoint)")
    #expect(
      Set(found.map { String($0.prefix { $0 != ":" }) })
        == Set(keys.map { "endpoint.eas-gateway.\($0)" }), "\(found)")
  }

  @Test(arguments: [
    ("endpoint: {nlb: unix:/a}", "endpoint.nlb"),
    ("endpoint: {nlb: {port: 1}}", "endpoint.nlb.address"),
    ("endpoint: a:1\ntransport: http", "transport"),
    ("endpoint: a:1\ntransport: {}", "transport.http-protobuf"),
    (
      "endpoint: a:1\ntransport: {http-protobuf: {path: /}}", "transport.http-protobuf.request_type"
    ),
    ("endpoint: a:1\ntransport: {http-protobuf: {T}}", "transport.http-protobuf.path"),
    ("endpoint: a:1\ntransport: {http-protobuf: {T, path: a}}", "transport.http-protobuf.path"),
    (
      "endpoint: a:1\ntransport: {http-protobuf: {T, path: /, route: a}}",
      "transport.http-protobuf.route"
    ),
    (
      "endpoint: a:1\ntransport: {http-protobuf: {T, path: /, name: a-b}}",
      "transport.http-protobuf.name"
    ),
    ("endpoint: a:1\ntransport: {http-protobuf: {T, path: /}}\nhealth: {check: on}", "health"),
    (
      "endpoint: a:1\ntransport: {http-protobuf: {T, path: /}}\ncompression: {requests: gzip}",
      "compression"
    ),
    ("endpoint: a:1\nauth: {scheme: eas, token_env: TOKEN}", "auth.scheme"),
    ("endpoint: a:1\nauth: {scheme: none, token_env: TOKEN}", "auth.token_env"),
    ("endpoint: a:1\nauth: {scheme: raw, token_env: TOKEN, header: Host}", "auth.header"),
    (
      "endpoint: a:1\nmetadata: {x-t: a}\nauth: {scheme: raw, token_env: TOKEN, header: X-T}",
      "metadata"
    ),
  ])
  func `unsupported combinations are refused with their key`(lines: String, key: String) {
    let found = self.faults(lines.replacing("{T", with: "{\(Self.types)"))
    #expect(found.contains { $0.hasPrefix("\(key): ") }, "\(found)")
  }
}
