import Testing

@testable import BridgeConfiguration
@testable import Upstream

@Suite struct OwnEndpointTests {
  private func own(_ listen: String, _ endpoint: String, admin: String? = nil) throws -> [String] {
    var configuration = Configuration(
      listen: [try ConfigurationValues.listenAddress(listen, folder: "/")],
      admin: try admin.map { text in try ConfigurationValues.listenAddress(text, folder: "/") },
      services: [
        Configuration.Service(
          name: "s", schemas: [], endpoint: try ConfigurationValues.endpoint(endpoint))
      ])
    configuration.services[0].alternatives = [
      Configuration.EndpointGroup(
        name: "other", cluster: Configuration.Cluster(.init(host: "10.0.0.1", port: 1)))
    ]
    return configuration.ownEndpoints.map(\.reason)
  }

  @Test(arguments: [
    ("127.0.0.1:8080", "127.0.0.1:8080"), ("127.0.0.1:8080", "localhost:8080"),
    ("127.0.0.1:8080", "LOCALHOST.:8080"), ("localhost:8080", "[::1]:8080"),
    ("localhost:8080", "127.0.0.1:8080"), ("[::1]:8080", "localhost:8080"),
    ("0.0.0.0:8080", "127.0.0.9:8080"), ("0.0.0.0:8080", "localhost:8080"),
    ("[::]:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("[::]:8080", "[0::0:1]:8080"),
    ("127.0.0.1:8080", "0.0.0.0:8080"), ("0.0.0.0:8080", "0.0.0.0:8080"),
    ("bench.internal:8080", "Bench.Internal:8080"), ("10.0.0.5:8080", "10.0.0.5:8080"),
    ("unix:/run/b.sock", "unix:/run/b.sock"),
  ])
  func `an endpoint that is the bridge itself is detected`(
    _ listen: String, _ endpoint: String
  ) throws {
    #expect(try self.own(listen, endpoint).count == 1)
  }

  @Test(arguments: [
    ("127.0.0.1:8080", "127.0.0.1:8081"), ("127.0.0.2:8080", "127.0.0.1:8080"),
    ("[::1]:8080", "127.0.0.1:8080"), ("127.0.0.1:8080", "[::1]:8080"),
    ("0.0.0.0:8080", "[::1]:8080"), ("0.0.0.0:8080", "10.0.0.5:8080"),
    ("127.0.0.1:0", "127.0.0.1:8080"), ("127.0.0.1:8080", "bench.internal:8080"),
    ("unix:/run/b.sock", "unix:/run/c.sock"), ("unix:/run/b.sock", "127.0.0.1:8080"),
  ])
  func `an endpoint that may be elsewhere isn't refused`(
    _ listen: String, _ endpoint: String
  ) throws {
    #expect(try self.own(listen, endpoint) == [])
  }

  @Test func `the message names both the endpoint and the listener`() throws {
    #expect(
      try self.own("127.0.0.1:1", "localhost:8081", admin: "127.0.0.1:8081") == [
        "localhost:8081 is an address of the bridge itself (admin, 127.0.0.1:8081), so its calls "
          + "would loop back; write the gRPC server's address"
      ])
  }

  @Test func `loops in files and arguments are refused with their location`() throws {
    let text = """
      listen: 127.0.0.1:9
      services:
        bench:
          schemas: reflection
          endpoint: 127.0.0.1:9
        name:
          hosts: [b]
          schemas: reflection
          endpoint: {dns: localhost:9}
      """
    let reader = ConfigurationReader { _ in nil }
    do throws(ConfigurationError) {
      _ = try reader.read(text: text, file: "b.yaml", folder: "/")
      Issue.record("it was taken")
    } catch {
      let lines = "\(error)".split(separator: "\n").map { $0.prefix(60) }
      #expect(
        lines == [
          "b.yaml:5:15: services.bench.endpoint: 127.0.0.1:9 is an addr",
          "b.yaml:9:15: services.name.endpoint: localhost:9 is an addre",
        ])
    }
    let settings = CommandLineSettings(schemas: [], endpoint: "127.0.0.1:8080")
    do throws(ConfigurationError) {
      _ = try settings.configuration(in: ReadContext(folder: "/"))
      Issue.record("it was taken")
    } catch {
      #expect("\(error)".contains("--endpoint: 127.0.0.1:8080 is an address of the bridge itself"))
    }
  }
}
