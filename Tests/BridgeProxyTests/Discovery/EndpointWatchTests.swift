import Testing

@testable import BridgeProxy

@Suite struct EndpointWatchTests {
  private func list(_ hosts: String..., weight: Int = 1) -> [Configuration.WeightedEndpoint] {
    hosts.map { .init(.init(host: $0, port: 1), weight: weight) }
  }

  @Test func aListIsTakenOnceAndFailuresLeaveIt() {
    var watch = EndpointWatch()
    #expect(watch.receive(.failure("down")) == .failed("down"))
    #expect(watch.receive(.endpoints(self.list("a", "b"))) == .update(self.list("a", "b")))
    #expect(watch.receive(.endpoints(self.list("a", "b"))) == .nothing)
    #expect(watch.receive(.failure("down again")) == .failed("down again"))
    #expect(watch.receive(.endpoints(self.list("b"))) == .update(self.list("b")))
  }

  @Test func anEmptyListIsBelievedOnlyWhereNothingWasKnown() {
    var watch = EndpointWatch()
    #expect(watch.receive(.endpoints([])) == .update([]))
    #expect(watch.receive(.endpoints(self.list("a"))) == .update(self.list("a")))
    let kept = EndpointWatch.Action.failed("the list of endpoints is empty; the last one holds")
    #expect(watch.receive(.endpoints([])) == kept)
    #expect(watch.receive(.endpoints(self.list("a", weight: 0))) == kept)
    #expect(watch.receive(.endpoints(self.list("a"))) == .nothing)
  }
}

@Suite struct DNSEndpointsTests {
  /// Answers of a resolver, one after the other; then the source is told to end.
  private func updates(_ answers: [Result<[String], LookupError>]) async -> [EndpointUpdate] {
    let answers = Answers(answers)
    let source = DNSEndpoints(
      Configuration.DNS(host: "bench", port: 5),
      lookup: { _, _ in try await answers.next() }, sleep: { _ in })
    var updates: [EndpointUpdate] = []
    for await update in source.updates() {
      updates.append(update)
      if updates.count == answers.count { break }
    }
    return updates
  }

  private actor Answers {
    nonisolated let count: Int
    private var left: [Result<[String], LookupError>]

    init(_ answers: [Result<[String], LookupError>]) {
      self.count = answers.count
      self.left = answers
    }

    func next() throws -> [String] {
      guard !self.left.isEmpty else { throw LookupError(reason: "no more") }
      return try self.left.removeFirst().get()
    }
  }

  @Test func allAddressesAreEndpointsInAnOrderThatStays() async {
    let updates = await self.updates([
      .success(["10.0.0.2", "10.0.0.1", "::1"]), .failure(LookupError(reason: "no server")),
      .success(["10.0.0.1"]),
    ])
    let endpoint = { (host: String) in
      Configuration.WeightedEndpoint(.init(host: host, port: 5))
    }
    #expect(
      updates == [
        .endpoints(["10.0.0.1", "10.0.0.2", "::1"].map(endpoint)),
        .failure("can't look up bench: no server"), .endpoints([endpoint("10.0.0.1")]),
      ])
  }

  @Test func theSystemKnowsThisMachine() async throws {
    let addresses = try await DNSEndpoints.systemLookup("localhost", 1)
    #expect(addresses.contains("127.0.0.1") || addresses.contains("::1"))
    #expect(try await DNSEndpoints.systemLookup("10.1.2.3", 1) == ["10.1.2.3"])
    await #expect(throws: LookupError.self) {
      try await DNSEndpoints.systemLookup("nothing.invalid", 1)
    }
  }
}
