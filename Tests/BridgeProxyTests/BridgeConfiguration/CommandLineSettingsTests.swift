import BridgeProxy
import Testing

@testable import Addresses
@testable import BridgeConfiguration

@Suite struct CommandLineSettingsTests {
  @Test func `arguments define one service for any host`() throws {
    let settings = CommandLineSettings(
      schemas: ["tmp", "/tmp"], importPaths: ["."], endpoint: "127.0.0.1:50051",
      listen: ["127.0.0.1:0", "unix:b.sock"], admin: "localhost:8081", prefix: "/p",
      writesAccessLog: false)
    let configuration = try settings.configuration(in: ReadContext(folder: "/"))
    #expect(
      configuration.listen == [.tcp(host: "127.0.0.1", port: 0), .unix(path: "/b.sock")])
    #expect(configuration.admin == .tcp(host: "localhost", port: 8081))
    #expect(configuration.writesAccessLog == false)
    let service = try #require(configuration.services.first)
    #expect(service.name == "default" && service.hosts.isEmpty && service.prefix == "/p")
    #expect(service.schemas == ["/tmp", "/tmp"] && service.importPaths == ["/"])
    #expect(service.cluster.only == Configuration.Endpoint(host: "127.0.0.1", port: 50051))
  }

  @Test func `the default listen address is used if none is given`() throws {
    let settings = CommandLineSettings(schemas: ["tmp"], endpoint: "a:1")
    #expect(
      try settings.configuration(in: ReadContext(folder: "/")).listen == [
        .tcp(host: "127.0.0.1", port: 8080)
      ])
  }

  @Test func `all wrong arguments are reported`() {
    let settings = CommandLineSettings(
      schemas: ["gone.proto"], importPaths: ["gone"], endpoint: "a", listen: ["b"], admin: "c",
      prefix: "d")
    do {
      _ = try settings.configuration(in: ReadContext(folder: "/tmp"))
      Issue.record("accepted")
    } catch {
      #expect(
        error.description == """
          --schema: "gone.proto": No such file or directory
          --import-path: "gone": No such file or directory
          --endpoint: "a" is not an address; write host:port, such as 127.0.0.1:50051
          --listen: "b" is not an address; write host:port, such as 127.0.0.1:8080
          --admin: "c" is not an address; write host:port, such as 127.0.0.1:8080
          --prefix: "d" does not start with /; write "/d"
          """)
    }
  }
}
