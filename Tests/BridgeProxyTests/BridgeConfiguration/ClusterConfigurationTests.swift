import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import Upstream

/// `endpoint` of a service and the keys beside it.
@Suite struct ClusterConfigurationTests {
  private func cluster(_ lines: String) throws -> Configuration.Cluster {
    let folder = try TemporaryFolder()
    try folder.write("a.proto", "")
    let text =
      "services:\n  s:\n    schemas: a.proto\n"
      + lines.split(separator: "\n").map { "    \($0)\n" }.joined()
    let configuration = try ConfigurationReader(environment: { _ in nil })
      .read(text: text, file: "bridge.yaml", folder: folder.path)
    return try #require(configuration.services.first?.cluster)
  }

  @Test func `one address is a list of one, with defaults for the rest`() throws {
    let cluster = try self.cluster("endpoint: 127.0.0.1:50051")
    #expect(cluster.only == Configuration.Endpoint(host: "127.0.0.1", port: 50051))
    #expect(cluster.authority == nil && cluster.retry == nil)
    #expect(cluster.balance == Configuration.Balance())
    #expect(cluster.health == Configuration.Health())
    #expect(cluster.connections == Configuration.Connections())
  }

  @Test(arguments: [
    ("endpoint: unix:/run/a.sock", "unix:/run/a.sock", "localhost"),
    ("endpoint: {static: \"[::1]:5\"}", "[::1]:5", "[::1]:5"),
  ])
  func `a cluster of one endpoint has its description and authority`(
    lines: String, description: String, authority: String
  ) throws {
    let only = try #require(try self.cluster(lines).only)
    #expect(only.description == description && only.authority == authority)
  }

  @Test func `a list of endpoints has weights`() throws {
    let cluster = try self.cluster("endpoint: {static: [a:1, {address: \"b:2\", weight: 3}]}")
    guard case .static(let endpoints) = cluster.kind else {
      Issue.record("not a list")
      return
    }
    #expect(
      endpoints == [
        .init(.init(host: "a", port: 1)), .init(.init(host: "b", port: 2), weight: 3),
      ])
    #expect(cluster.only == nil && cluster.kind.description == "a:1 or b:2")
  }

  @Test func `a host name is resolved by DNS`() throws {
    for lines in ["endpoint: {dns: bench:5}", "endpoint: {dns: {address: bench:5, interval: 2s}}"] {
      let cluster = try self.cluster(lines)
      guard case .dns(let dns) = cluster.kind else {
        Issue.record("not a name")
        return
      }
      #expect(dns.name == .host("bench", port: 5))
      #expect(cluster.authority == "bench:5")
      #expect(dns.interval == (lines.contains("2s") ? .seconds(2) : .seconds(30)))
      #expect(cluster.kind.description == "the addresses of bench:5")
    }
  }

  @Test func `an SRV name is resolved to records`() throws {
    let cluster = try self.cluster(
      "endpoint: {dns: {srv: _grpc._tcp.bench.internal, interval: 5s}}")
    guard case .dns(let dns) = cluster.kind else {
      Issue.record("not a name")
      return
    }
    #expect(dns.name == .service("_grpc._tcp.bench.internal") && dns.interval == .seconds(5))
    #expect(cluster.kind.serverName == "bench.internal" && cluster.authority == "bench.internal")
    #expect(cluster.kind.description == "the SRV records of _grpc._tcp.bench.internal")
  }

  @Test func `every section of a cluster is read`() throws {
    let cluster = try self.cluster(
      """
      endpoint: 127.0.0.1:50051
      authority: bench.internal
      balance: {policy: ring_hash, header: X-User, subset: 20}
      connections: {count: 3, idle_timeout: off, max_age: 5m, keepalive: 1m, keepalive_timeout: 5s, keepalive_without_calls: true}
      retry: {attempts: 4, on: [UNAVAILABLE, ABORTED], backoff: 10ms, backoff_max: 2s, per_try_timeout: 3s, budget: {tokens: 50, ratio: 0.5}}
      health: {check: on, service: bench.v1.Notes, panic_threshold: 30%, consecutive_failures: 7, success_rate: off, interval: 5s, ejection_time: 10s, ejection_time_max: 1m, ejected_max: 20%}
      """)
    #expect(cluster.authority == "bench.internal")
    #expect(cluster.balance.policy == .ringHash(header: "x-user") && cluster.balance.subset == 20)
    var connections = Configuration.Connections()
    connections.count = 3
    connections.idleTimeout = nil
    connections.maxAge = .seconds(300)
    connections.keepaliveTime = .seconds(60)
    connections.keepaliveTimeout = .seconds(5)
    connections.keepaliveWithoutCalls = true
    #expect(cluster.connections == connections)
    var retry = Configuration.Retry()
    retry.attempts = 4
    retry.codes = [.unavailable, .aborted]
    retry.backoff = .milliseconds(10)
    retry.longestBackoff = .seconds(2)
    retry.timeout = .seconds(3)
    retry.budget.tokens = 50
    retry.budget.ratio = 0.5
    #expect(cluster.retry == retry)
    var health = Configuration.Health()
    health.check = true
    health.service = "bench.v1.Notes"
    health.panicThreshold = 0.3
    health.outliers.consecutiveFailures = 7
    health.outliers.usesSuccessRate = false
    health.outliers.interval = .seconds(5)
    health.outliers.ejectionTime = .seconds(10)
    health.outliers.longestEjection = .seconds(60)
    health.outliers.mostEjected = 0.2
    #expect(cluster.health == health)
    // A policy needs a cluster even before one endpoint.
    #expect(cluster.only == nil)
  }

  @Test(arguments: ["least_requests", "pick_first", "round_robin"])
  func `a balancing policy is chosen by its name`(name: String) throws {
    let cluster = try self.cluster("endpoint: a:1\nbalance: \(name)")
    let policies: [String: Configuration.Balance.Policy] = [
      "least_requests": .leastRequests, "pick_first": .pickFirst, "round_robin": .roundRobin,
    ]
    #expect(cluster.balance.policy == policies[name])
  }
}
