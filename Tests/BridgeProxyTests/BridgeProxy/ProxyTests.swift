import BridgeProxy
import Synchronization
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import LocalFiles

/// From start to end, on real loopback ports, without an endpoint.
@Suite struct ProxyTests {
  private static func plan(
    listen: [ListenAddress], admin: ListenAddress? = nil
  ) async throws -> ServingPlan {
    let folder = try TemporaryFolder()
    let schema = try folder.write(
      "a.proto", "syntax = \"proto3\";\nmessage E {}\nservice S { rpc M(E) returns (E); }\n")
    var configuration = Configuration(
      listen: listen, admin: admin,
      services: [
        Configuration.Service(
          name: "a", schemas: [schema],
          endpoint: Configuration.Endpoint(host: "127.0.0.1", port: 1))
      ])
    configuration.writesAccessLog = false
    configuration.threads = 2
    return try await ServingPlan.load(configuration, file: "")
  }

  private static let loopback = ListenAddress.tcp(host: "127.0.0.1", port: 0)

  @Test func `it logs its addresses and ends when stopped`() async throws {
    let folder = try TemporaryFolder()
    let socket = folder.path + "/b.sock"
    let plan = try await Self.plan(
      listen: [Self.loopback, .unix(path: socket)], admin: Self.loopback)
    let events = Mutex<[Proxy.Event]>([])
    let proxy = Proxy(plan, onEvent: { event in events.withLock { $0.append(event) } })
    try await proxy.run {
      let soFar = events.withLock { $0 }
      #expect(soFar.last == .ready)
      #expect((try? Files.kind(of: socket)) == .other)
    }
    let all = events.withLock { $0 }
    try #require(all.count == 5)
    guard case .listening(.tcp("127.0.0.1", let port), isSecure: false) = all[0],
      case .adminListening(.tcp("127.0.0.1", let adminPort)) = all[2]
    else {
      Issue.record("\(all)")
      return
    }
    #expect(port != 0 && adminPort != 0 && port != adminPort)
    #expect(all[0].description == "listening on http://127.0.0.1:\(port)")
    #expect(all[2].description == "admin on http://127.0.0.1:\(adminPort)")
    #expect(all[1] == .listening(.unix(path: socket)))
    #expect(all[3] == .ready)
    #expect(all[4] == .draining(limit: .seconds(30)))
    #expect((try? Files.kind(of: socket)) == nil)
  }

  @Test func `an address in use is named, for listeners and the admin server`()
    async throws
  {
    let address = Mutex<ListenAddress?>(nil)
    let holder = Proxy(
      try await Self.plan(listen: [Self.loopback]),
      onEvent: { event in
        if case .listening(let bound, _) = event { address.withLock { $0 = bound } }
      })
    try await holder.run {
      guard let taken = address.withLock({ $0 }) else {
        Issue.record("no address")
        return
      }
      for plan in [
        try? await Self.plan(listen: [taken]),
        try? await Self.plan(listen: [Self.loopback], admin: taken),
      ] {
        guard let plan else {
          Issue.record("no plan")
          continue
        }
        await #expect {
          try await Proxy(plan).run { Issue.record("it listens") }
        } throws: { error in
          "\(error)".hasPrefix("cannot listen on \(taken): the address is in use")
        }
      }
    }
  }
}
