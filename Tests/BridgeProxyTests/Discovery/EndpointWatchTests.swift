import Testing

@testable import BridgeConfiguration
@testable import Discovery

@Suite struct EndpointWatchTests {
  private func list(_ hosts: String..., weight: Int = 1) -> [Configuration.WeightedEndpoint] {
    hosts.map { .init(.init(host: $0, port: 1), weight: weight) }
  }

  @Test func `a list is emitted once, and failures keep it`() {
    var watch = EndpointWatch()
    #expect(watch.receive(.failure("down")) == .failed("down"))
    #expect(watch.receive(.endpoints(self.list("a", "b"))) == .update(self.list("a", "b")))
    #expect(watch.receive(.endpoints(self.list("a", "b"))) == .nothing)
    #expect(watch.receive(.failure("down again")) == .failed("down again"))
    #expect(watch.receive(.endpoints(self.list("b"))) == .update(self.list("b")))
  }

  @Test func `an empty list counts only if nothing was known before`() {
    var watch = EndpointWatch()
    #expect(watch.receive(.endpoints([])) == .update([]))
    #expect(watch.receive(.endpoints(self.list("a"))) == .update(self.list("a")))
    let kept = EndpointWatch.Action.failed(
      "the list of endpoints is empty; the previous one stays in effect")
    #expect(watch.receive(.endpoints([])) == kept)
    #expect(watch.receive(.endpoints(self.list("a", weight: 0))) == kept)
    #expect(watch.receive(.endpoints(self.list("a"))) == .nothing)
  }
}
