import Testing

@testable import BridgeConfiguration
@testable import Discovery

@Suite struct EndpointWatchTests {
  private func list(_ hosts: String..., weight: Int = 1) -> [Configuration.WeightedEndpoint] {
    hosts.map { .init(.init(host: $0, port: 1), weight: weight) }
  }

  @Test func `lists and failures are passed on`() {
    var watch = EndpointWatch()
    let updates: [EndpointUpdate] = [
      .failure("down"), .endpoints(self.list("a", "b")), .failure("down again"),
      .endpoints(self.list("a", "b")), .endpoints(self.list("b")),
    ]
    for update in updates { #expect(watch.receive(update) == update) }
  }

  @Test func `an empty list counts only if nothing was known before`() {
    var watch = EndpointWatch()
    #expect(watch.receive(.endpoints([])) == .endpoints([]))
    #expect(watch.receive(.endpoints(self.list("a"))) == .endpoints(self.list("a")))
    let kept = EndpointUpdate.failure(
      "the list of endpoints is empty; the previous one stays in effect")
    #expect(watch.receive(.endpoints([])) == kept)
    #expect(watch.receive(.endpoints(self.list("a", weight: 0))) == kept)
    #expect(watch.receive(.endpoints(self.list("a"))) == .endpoints(self.list("a")))
  }
}
