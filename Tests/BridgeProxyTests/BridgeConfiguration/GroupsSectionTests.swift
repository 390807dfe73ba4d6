import Codec
import Testing

@testable import BridgeConfiguration

/// `alternatives` and `choose`.
@Suite struct GroupsSectionTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
    try self.folder.write("a.proto", "syntax = \"proto3\";")
  }

  private func read(_ text: String) throws -> Configuration.Service {
    let environment = ["ONE": "one", "TWO": "two"]
    let configuration = try ConfigurationReader { environment[$0] }.read(
      text: "services:\n  s:\n    schemas: a.proto\n" + text, file: "b.yaml",
      folder: self.folder.path)
    return try #require(configuration.services.first)
  }

  @Test func `a group inherits the service's settings unless it overrides them`() throws {
    let service = try self.read(
      """
          endpoint: 127.0.0.1:1
          auth: {scheme: bearer, token_env: ONE}
          retry: {attempts: 4}
          balance: least_requests
          alternatives:
            short: 127.0.0.1:2
            long:
              endpoint: {static: [127.0.0.1:3, 127.0.0.1:4]}
              auth: {scheme: raw, token_env: TWO}
              retry: {attempts: 2}
              balance: pick_first
            open:
              endpoint: {nlb: 127.0.0.1:5}
              auth: {scheme: none}
          choose:
            - {header: X-Group, value: long, to: long}
            - {path_prefix: /v2, header: x-any, to: short}
            - {header: x-endpoint, by_name: on}
            - weights: {default: 90, short: 10}
      """)
    let groups = service.groups
    #expect(groups.map(\.name) == ["default", "short", "long", "open"])
    #expect(
      groups.map { "\($0.cluster.kind)" } == [
        "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3 or 127.0.0.1:4", "the balancer 127.0.0.1:5",
      ])
    #expect(groups.map { $0.cluster.retry?.attempts } == [4, 4, 2, 4])
    #expect(
      groups.map(\.cluster.balance.policy) == [
        .leastRequests, .leastRequests, .pickFirst, .leastRequests,
      ])
    #expect(groups.map { $0.auth?.token.revealed } == ["one", "one", "two", nil])
    #expect(groups.map(\.cluster.connections.count) == [1, 1, 1, 2])
    #expect(service.path(ofGroup: 2) == "services.s.alternatives.long")
    #expect(
      service.choose == [
        .init(header: "x-group", value: "long", .group(2)),
        .init(header: "x-any", pathPrefix: "/v2", .group(1)),
        .init(header: "x-endpoint", .named),
        .init(.weights([90, 10, 0, 0])),
      ])
  }

  @Test func `the path of http-protobuf is per gateway`() throws {
    let service = try self.read(
      """
          endpoint: {eas-gateway: {service: one, address: 127.0.0.1:1}}
          transport: {http-protobuf: {request_type: A, response_type: B, path: /x}}
          alternatives:
            canary: {endpoint: {eas-gateway: {service: two, address: 127.0.0.1:2}}}
          choose: [{to: canary}]
      """)
    #expect(
      service.groups.map { $0.transport?.path } == [
        "/api/predict/one/x", "/api/predict/two/x",
      ])
    #expect(service.groups.map { $0.transport?.route } == ["/s", "/s"])
  }

  @Test(arguments: [
    ("alternatives: {a: 'h:1'}", "services.s.alternatives: no rule selects them; write rules"),
    ("choose: []", "services.s.choose: expected a list of rules"),
    (
      "choose: [{header: x, to: b}]",
      "services.s.choose[0].to: \"b\" is not one of the alternatives"
    ),
    ("choose: [{header: x}]", "services.s.choose[0].to: missing; write one of default, or weights"),
    ("choose: [{value: x, to: default}]", "services.s.choose[0].value: requires a header"),
    ("choose: [{to: default}, {header: x, to: default}]", "matches every request"),
    ("choose: [{by_name: on}]", "services.s.choose[0].header: missing; by_name uses"),
    ("choose: [{header: x, value: y, by_name: on}]", "by_name takes the name of any"),
    ("choose: [{header: x, by_name: off}]", "services.s.choose[0].by_name: leave it out"),
    ("choose: [{header: 'a b', to: default}]", "\"a b\" is not a header field name"),
    ("choose: [{path_prefix: v2, to: default}]", "\"v2\" does not start with /"),
    ("choose: [{header: x, to: default, by_name: on}]", "by_name: to is set too"),
    ("choose: [{weights: {default: 0}}]", "choose[0].weights: all are 0"),
    ("choose: [{weights: {other: 1}}]", "choose[0].weights.other: \"other\" is not one of"),
    ("choose: [{headr: x, to: default}]", "choose[0].headr: unknown key; did you mean header?"),
    (
      "alternatives: {default: 'h:1'}\n    choose: [{to: default}]",
      "services.s.alternatives.default: is the name of the service's own endpoint"
    ),
    (
      "alternatives: {a: {endpoint: 'h:1', hosts: [x]}}\n    choose: [{to: a}]",
      "services.s.alternatives.a.hosts: unknown key"
    ),
    (
      "alternatives: {a: {retry: {}}}\n    choose: [{to: default}]",
      "alternatives.a.endpoint: missing"
    ),
  ])
  func `errors are reported with their location`(text: String, expected: String) {
    do {
      _ = try self.read("    endpoint: 127.0.0.1:1\n    \(text)\n")
      Issue.record("taken: \(text)")
    } catch {
      #expect("\(error)".contains(expected), "\(error)")
    }
  }
}
