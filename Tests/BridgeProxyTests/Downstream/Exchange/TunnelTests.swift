import NIOCore
import Testing

@testable import Downstream

/// Where CONNECT leads.
struct TunnelTests {
  @Test(
    arguments: [
      ("bench.internal:50051", "bench.internal", 50051), ("BENCH.:80", "bench", 80),
      ("[::1]:443", "::1", 443), ("127.0.0.1:8080", "127.0.0.1", 8080),
      ("bench", nil, 0), ("bench:", nil, 0), ("bench:0", nil, 0), ("bench:65536", nil, 0),
      ("bench:http", nil, 0), (":80", nil, 0), ("::1:80", nil, 0), ("a b:80", nil, 0),
      ("http://a:80", nil, 0), ("", nil, 0),
    ] as [(String, String?, Int)])
  func `a CONNECT target has a host and a port`(_ text: String, _ host: String?, _ port: Int) {
    let target = TunnelTarget(text)
    #expect(target?.host == host)
    if host != nil { #expect(target?.port == port) }
  }

  @Test(arguments: [
    ("127.0.0.1:8080", "127.0.0.1", true), ("localhost:8080", "127.0.0.1", true),
    ("a.localhost:8080", "127.0.0.1", true), ("localhost:8080", "10.1.2.3", false),
    ("10.1.2.3:8080", "10.1.2.3", true), ("127.0.0.1:8081", "127.0.0.1", false),
    ("[::1]:8080", "::1", true), ("[0:0:0:0:0:0:0:1]:8080", "::1", true),
    ("127.0.0.2:8080", "127.0.0.1", false), ("bench:8080", "127.0.0.1", false),
  ])
  func `a target that is the listener itself is recognized`(
    _ text: String, _ address: String, _ isOwn: Bool
  ) throws {
    let target = try #require(TunnelTarget(text))
    #expect(target.isOwn(try SocketAddress(ipAddress: address, port: 8080)) == isOwn)
    #expect(!target.isOwn(nil))
    #expect(!target.isOwn(try SocketAddress(unixDomainSocketPath: "/a")))
  }

  @Test(arguments: [
    ("bench.internal", true), ("a.wild.example", true), ("other.internal", false),
    ("localhost", false), ("127.0.0.1", false), ("wild.example", false),
  ])
  func `only hosts that the configuration names are trusted`(_ host: String, _ isNamed: Bool) {
    let hosts = TrustedHosts([
      "bench.internal:8443", "*.wild.example", "localhost", "127.0.0.1", "*",
    ])
    #expect(hosts.lists(host) == isNamed)
  }
}
