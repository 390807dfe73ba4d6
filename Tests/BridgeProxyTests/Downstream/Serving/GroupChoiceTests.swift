import Codec
import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import Upstream

@Suite struct GroupChoiceTests {
  private func choice(_ rules: [Configuration.GroupRule]) throws -> GroupChoice {
    var service = Configuration.Service(
      name: "s", schemas: [], endpoint: Configuration.Endpoint(host: "a", port: 1))
    service.alternatives = ["canary", "next"].map {
      Configuration.EndpointGroup(
        name: $0, cluster: Configuration.Cluster(Configuration.Endpoint(host: $0, port: 1)))
    }
    service.choose = rules
    return try #require(GroupChoice(service))
  }

  private func group(
    _ choice: GroupChoice, _ path: String = "/v1/echo", _ headers: [String: String] = [:],
    seed: UInt64 = 1
  ) throws(UnknownGroupError) -> Int {
    var generator = SeededGenerator(seed: seed)
    return try unsafe choice.group(path: path.utf8.span.bytes, using: &generator) { headers[$0] }
  }

  @Test func `a service without groups needs no choice`() {
    let service = Configuration.Service(
      name: "s", schemas: [], endpoint: Configuration.Endpoint(host: "a", port: 1))
    #expect(GroupChoice(service) == nil)
  }

  @Test(
    arguments: [
      ("/v1/echo", [:], 0),
      ("/v2", [:], 1),
      ("/v2/echo", [:], 1),
      ("/v20", [:], 0),
      ("/v", [:], 0),
      ("/v1/echo", ["x-group": "two"], 2),
      // To the byte.
      ("/v1/echo", ["x-group": "Two"], 0),
      // The first rule that fits.
      ("/v2/echo", ["x-group": "two"], 2),
      ("/v1/echo", ["x-any": ""], 1),
      ("/v3/x", [:], 0),
      ("/v3/x", ["x-both": "1"], 2),
      ("/v1/x", ["x-both": "1"], 0),
    ] as [(String, [String: String], Int)])
  func `the first rule that matches applies`(
    path: String, headers: [String: String], expected: Int
  ) throws {
    let choice = try self.choice([
      .init(header: "x-group", value: "two", .group(2)),
      .init(pathPrefix: "/v2", .group(1)),
      .init(header: "x-any", .group(1)),
      .init(header: "x-both", pathPrefix: "/v3", .group(2)),
    ])
    #expect(try self.group(choice, path, headers) == expected)
  }

  @Test func `weights are shares`() throws {
    let choice = try self.choice([.init(.weights([70, 30, 0]))])
    var generator = SeededGenerator(seed: 7)
    var counts = [0, 0, 0]
    for _ in 0..<10_000 {
      let path = "/x"
      let index = try unsafe choice.group(path: path.utf8.span.bytes, using: &generator) { _ in nil
      }
      counts[index] += 1
    }
    #expect((6_800...7_200).contains(counts[0]) && counts[2] == 0)
  }

  @Test func `a header field names the group`() throws {
    let choice = try self.choice([.init(header: "x-endpoint", .named)])
    #expect(try self.group(choice) == 0)
    #expect(try self.group(choice, "/", ["x-endpoint": "default"]) == 0)
    #expect(try self.group(choice, "/", ["x-endpoint": "next"]) == 2)
    #expect(
      throws: UnknownGroupError(
        header: "x-endpoint", value: "prod", names: ["default", "canary", "next"])
    ) {
      try self.group(choice, "/", ["x-endpoint": "prod"])
    }
  }
}
