import NIOCore
import NIOPosix
import Testing

@testable import Addresses
@testable import Downstream
@testable import LocalFiles

/// What addresses become listeners, and whose the files of sockets are.
struct BoundListenerTests {
  private static let group = MultiThreadedEventLoopGroup.singleton

  /// Knows `both`, of which this machine has one of three addresses, and `elsewhere`.
  private static let resolver = DNSResolver(
    addresses: { host async throws(LookupError) in
      switch host {
      case "both": ["127.0.0.2", "192.0.2.1", "127.0.0.1"]
      case "elsewhere": ["192.0.2.1"]
      default: throw LookupError(reason: "Name or service not known")
      }
    },
    services: { _ async throws(LookupError) in throw LookupError(reason: "none") })

  private static func bind(_ listen: [ListenAddress]) async throws -> [BoundListener] {
    try await BoundListener.bind(listen, resolver: Self.resolver) { _ in
      ServerBootstrap(group: Self.group)
    }
  }

  private static func close(_ listeners: [BoundListener]) async {
    for listener in listeners { await listener.close() }
  }

  @Test func `a name is bound at each of its local addresses, with one port`() async throws {
    let listeners = try await Self.bind([.tcp(host: "both", port: 0)])
    let port = try #require(listeners.first?.channel.localAddress?.port)
    #expect(
      listeners.map(\.address) == [
        .tcp(host: "127.0.0.2", port: port), .tcp(host: "127.0.0.1", port: port),
      ])
    #expect(listeners.map(\.index) == [0, 0])
    await Self.close(listeners)
  }

  @Test func `an address listed by itself isn't bound a second time for its name`() async throws {
    let probe = try await Self.bind([.tcp(host: "127.0.0.1", port: 0)])
    let port = try #require(probe.first?.channel.localAddress?.port)
    await Self.close(probe)
    let listeners = try await Self.bind([
      .tcp(host: "both", port: port), .tcp(host: "127.0.0.1", port: port),
    ])
    #expect(
      listeners.map(\.address) == [
        .tcp(host: "127.0.0.2", port: port), .tcp(host: "127.0.0.1", port: port),
      ])
    #expect(listeners.map(\.index) == [0, 1])
    await Self.close(listeners)
  }

  @Test func `* binds all interfaces`() async throws {
    let listeners = try await Self.bind([.tcp(host: "*", port: 0)])
    let hosts = listeners.map {
      "\($0.address)".split(separator: ":").dropLast().joined(separator: ":")
    }
    #expect(hosts.first == "0.0.0.0")
    #expect(Set(listeners.compactMap(\.channel.localAddress?.port)).count == 1)
    await Self.close(listeners)
  }

  @Test(arguments: [
    (ListenAddress.tcp(host: "elsewhere", port: 0), "this machine doesn't have that address"),
    (.tcp(host: "nowhere", port: 1), "the name can't be looked up: Name or service not known"),
    (.unix(path: "/nowhere/at/all.sock"), "the folder of the socket doesn't exist"),
  ])
  func `the error for an unavailable address has a reason`(
    _ address: ListenAddress, _ reason: String
  ) async throws {
    let error = await #expect(throws: ListenError.self) { try await Self.bind([address]) }
    #expect(error?.reason == reason)
  }

  @Test func `a socket in use is refused, and a stale one replaced`() async throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let path = folder.path + "/a.sock"
    #expect(SocketFile.occupant(of: path) == .nothing)
    let first = try await Self.bind([.unix(path: path)])
    #expect(SocketFile.occupant(of: path) == .live)
    let error = await #expect(throws: ListenError.self) {
      try await Self.bind([.tcp(host: "127.0.0.1", port: 0), .unix(path: path)])
    }
    #expect(error?.reason.contains("in use") == true)
    #expect(SocketFile.occupant(of: path) == .live)
    // Stale: its process ended without removing it.
    for listener in first { try await listener.channel.close() }
    #expect(SocketFile.occupant(of: path) == .dead)
    let second = try await Self.bind([.unix(path: path)])
    #expect(SocketFile.occupant(of: path) == .live)
    await Self.close(second)
    #expect(SocketFile.occupant(of: path) == .nothing)
  }

  @Test func `another process's socket file is left alone`() async throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let path = folder.path + "/a.sock"
    let old = try await Self.bind([.unix(path: path)])
    try #require(SocketFile(at: path)).remove()
    let new = try await Self.bind([.unix(path: path)])
    await Self.close(old)
    #expect(SocketFile.occupant(of: path) == .live)
    await Self.close(new)
  }

  @Test func `a file that isn't a socket is never removed`() async throws {
    let folder = try TemporaryFolder()
    defer { withExtendedLifetime(folder) {} }
    let path = try folder.write("a.sock", "text")
    let error = await #expect(throws: ListenError.self) { try await Self.bind([.unix(path: path)]) }
    #expect(error?.reason.contains("isn't a socket") == true)
    #expect(try Files.kind(of: path) == .file)
  }
}
