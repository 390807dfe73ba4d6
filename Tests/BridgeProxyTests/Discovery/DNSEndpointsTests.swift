import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import Discovery

@Suite struct DNSEndpointsTests {
  /// What a source says, as many times as the resolver has addresses for the name itself, or records.
  private func updates(
    _ name: Configuration.DNS.Name, _ answers: [Result<[String], LookupError>],
    records: [Result<[ServiceRecord], LookupError>] = []
  ) async -> [EndpointUpdate] {
    let addresses = Answers(answers)
    let services = Answers(records)
    let source = DNSEndpoints(
      Configuration.DNS(name),
      resolver: DNSResolver(
        addresses: { _ async throws(LookupError) in try await addresses.next().get() },
        services: { _ async throws(LookupError) in try await services.next().get() }),
      clock: DiscoveryClock(
        now: { .zero }, wallMilliseconds: { 0 },
        // Not at once: a source that never waits would leave no thread to the others.
        sleep: { _ in try? await Task.sleep(for: .milliseconds(1)) }))
    var updates: [EndpointUpdate] = []
    for await update in source.updates() {
      updates.append(update)
      if updates.count == max(records.count, records.isEmpty ? answers.count : 0) { break }
    }
    return updates
  }

  /// Answers of a resolver, one after the other.
  private actor Answers<Answer: Sendable> {
    private var left: [Result<Answer, LookupError>]

    init(_ answers: [Result<Answer, LookupError>]) {
      self.left = answers
    }

    func next() -> Result<Answer, LookupError> {
      self.left.isEmpty ? .failure(LookupError(reason: "no more")) : self.left.removeFirst()
    }
  }

  private func endpoint(
    _ host: String, port: Int = 5, weight: Int = 1
  ) -> Configuration.WeightedEndpoint {
    .init(.init(host: host, port: port), weight: weight)
  }

  @Test func `all addresses become endpoints in a stable order`() async {
    let updates = await self.updates(
      .host("bench", port: 5),
      [
        .success(["10.0.0.2", "10.0.0.1", "::1"]), .failure(LookupError(reason: "no server")),
        .success(["10.0.0.1"]),
      ])
    #expect(
      updates == [
        .endpoints(["10.0.0.1", "10.0.0.2", "::1"].map { self.endpoint($0) }),
        .failure("can't look up bench: no server"), .endpoints([self.endpoint("10.0.0.1")]),
      ])
  }

  @Test func `SRV records give hosts, ports and weights`() async {
    // Targets are looked up in the order of their names.
    let updates = await self.updates(
      .service("_grpc._tcp.bench"),
      [.success(["10.0.0.2", "10.0.0.1"]), .success(["10.0.0.3"])],
      records: [
        .success([
          ServiceRecord(priority: 1, weight: 0, port: 7, target: "b"),
          ServiceRecord(priority: 1, weight: 30, port: 6, target: "a"),
          ServiceRecord(priority: 2, weight: 1, port: 8, target: "c"),
        ])
      ])
    #expect(
      updates == [
        .endpoints([
          self.endpoint("10.0.0.1", port: 6, weight: 150),
          self.endpoint("10.0.0.2", port: 6, weight: 150), self.endpoint("10.0.0.3", port: 7),
        ])
      ])
  }

  @Test func `the next priority is used if the first can't be resolved`() async {
    let updates = await self.updates(
      .service("_grpc._tcp.bench"),
      [.failure(LookupError(reason: "gone")), .success(["10.0.0.3"])],
      records: [
        .success([
          ServiceRecord(priority: 20, weight: 0, port: 8, target: "c"),
          ServiceRecord(priority: 10, weight: 0, port: 6, target: "a"),
        ])
      ])
    #expect(updates == [.endpoints([self.endpoint("10.0.0.3", port: 8)])])
  }

  @Test func `errors in records are reported`() async {
    let updates = await self.updates(
      .service("_grpc._tcp.bench"), [.failure(LookupError(reason: "gone"))],
      records: [
        .failure(LookupError(reason: "no server")),
        .success([ServiceRecord(priority: 0, weight: 0, port: 0, target: ".")]),
        .success([ServiceRecord(priority: 0, weight: 0, port: 6, target: "a")]),
      ])
    #expect(
      updates == [
        .failure("can't look up the SRV records of _grpc._tcp.bench: no server"),
        .failure("the SRV records of _grpc._tcp.bench declare the service unavailable"),
        .failure("can't look up a: gone (target of an SRV record of _grpc._tcp.bench)"),
      ])
  }

  @Test func `the weights of records with the same address are added`() async {
    let updates = await self.updates(
      .service("_grpc._tcp.bench"), [.success(["10.0.0.1"]), .success(["10.0.0.1"])],
      records: [
        .success([
          ServiceRecord(priority: 0, weight: 1, port: 6, target: "a"),
          ServiceRecord(priority: 0, weight: 2, port: 6, target: "b"),
        ])
      ])
    #expect(updates == [.endpoints([self.endpoint("10.0.0.1", port: 6, weight: 30)])])
  }

  @Test func `the system resolves localhost`() async throws {
    let system = DNSResolver.system(within: .seconds(60), setting: "timeout")
    let addresses = try await system.addresses("localhost")
    #expect(addresses.contains("127.0.0.1") || addresses.contains("::1"))
    #expect(try await system.addresses("10.1.2.3") == ["10.1.2.3"])
    await #expect(throws: LookupError.self) {
      try await system.addresses("nothing.invalid")
    }
  }
}
