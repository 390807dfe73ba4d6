package import Addresses
internal import Glibc
internal import NIOCore
package import NIOPosix

/// A listening socket.
package struct BoundListener: Sendable {
  /// The bound address (not a name), with the assigned port.
  package let address: ListenAddress
  /// Index of the requested address in the list of listeners.
  package let index: Int
  let channel: any Channel
  /// The socket file of a UNIX socket.
  private let file: SocketFile?

  /// Stops listening and removes the file of a UNIX socket. Call it once.
  package func close() async {
    self.file?.remove()
    try? await self.channel.close()
  }
}

extension BoundListener {
  /// Binds all addresses in the given order. A name is bound at each of its addresses that this machine
  /// has, `*` on all interfaces of both families; with port 0, all addresses of a name get the same
  /// port.
  ///
  /// - Parameter bootstrap: returns the bootstrap for the address at an index of the list.
  /// - Throws: `ListenError` for the first address that can't be bound; none stays bound.
  package static func bind(
    _ listen: [ListenAddress], resolver: DNSResolver = .system(within: .seconds(5)),
    bootstrap: (_ index: Int) -> ServerBootstrap
  ) async throws -> [BoundListener] {
    var listeners: [BoundListener] = []
    do {
      // An address listed explicitly isn't also bound for a name.
      var taken = Set(listen.filter { !$0.takesAnyPort })
      for (index, address) in listen.enumerated() {
        let bound: [BoundListener]
        do {
          switch address {
          case .unix(let path):
            bound = [try await Self.bind(socket: path, index, bootstrap)]
          case .tcp(let host, let port):
            let targets = try await Target.all(of: host, resolver)
            bound = try await Self.bind(targets, port: port, index, besides: taken, bootstrap)
          }
        } catch let error as ListenError {
          throw error
        } catch {
          throw ListenError(address, cause: error)
        }
        listeners += bound
        taken.formUnion(bound.map(\.address))
      }
    } catch {
      for listener in listeners { await listener.close() }
      throw error
    }
    return listeners
  }

  // MARK: UNIX sockets

  private static func bind(
    socket path: String, _ index: Int, _ bootstrap: (Int) -> ServerBootstrap
  ) async throws -> BoundListener {
    let address = ListenAddress.unix(path: path)
    return try await SocketFile.locked(path) {
      switch SocketFile.occupant(of: path) {
      case .nothing:
        break
      case .dead:
        SocketFile(at: path)?.remove()
      case .live:
        throw ListenError(
          address: address.description,
          reason: "the address is in use; stop the process listening there, or choose another path")
      case .noSocket:
        throw ListenError(
          address: address.description,
          reason: "the path exists and isn't a socket; remove it, or choose another path")
      }
      let descriptor = try SocketFile.bindSocket(at: path)
      let file = SocketFile(at: path)
      do {
        let channel = try await bootstrap(index).withBoundSocket(descriptor).get()
        return BoundListener(address: address, index: index, channel: channel, file: file)
      } catch {
        file?.remove()
        throw error
      }
    }
  }

  // MARK: TCP

  /// One address of a host.
  private struct Target {
    var host: String
    /// Whether the host has other addresses, so that this machine may lack this one.
    var isOneOfSeveral = true
    /// For `::` beside `0.0.0.0`.
    var isIPv6Only = false

    static func all(of host: String, _ resolver: DNSResolver) async throws -> [Target] {
      if host == "*" { return [Target(host: "0.0.0.0"), Target(host: "::", isIPv6Only: true)] }
      if (try? SocketAddress(ipAddress: host, port: 0)) != nil {
        return [Target(host: host, isOneOfSeveral: false)]
      }
      let addresses = try await resolver.addresses(host)
        .filter { (try? SocketAddress(ipAddress: $0, port: 0)) != nil }
      let isAlone = addresses.count == 1
      // IPv4 first: most programs get their ports assigned there.
      let ordered = addresses.filter { !$0.contains(":") } + addresses.filter { $0.contains(":") }
      return ordered.map { Target(host: $0, isOneOfSeveral: !isAlone) }
    }
  }

  /// How many ports are tried to find one that is free in both families.
  private static let portAttempts = 16

  private static func bind(
    _ targets: [Target], port: Int, _ index: Int, besides taken: Set<ListenAddress>,
    _ bootstrap: (Int) -> ServerBootstrap
  ) async throws -> [BoundListener] {
    for attempt in 1... {
      var bound: [BoundListener] = []
      var missing: (any Error)?
      do {
        var chosen = port
        for target in targets {
          let address = ListenAddress.tcp(host: target.host, port: chosen)
          if target.isOneOfSeveral, taken.contains(address) { continue }
          do {
            let listener = try await Self.bind(target, port: chosen, index, bootstrap)
            bound.append(listener)
            chosen = listener.channel.localAddress?.port ?? chosen
          } catch let error as IOError where target.isOneOfSeveral && Self.isMissing(error) {
            missing = error
          }
        }
        if bound.isEmpty, let missing { throw missing }
        return bound
      } catch {
        for listener in bound { await listener.close() }
        let isTaken = (error as? IOError)?.errnoCode == EADDRINUSE
        guard port == 0, isTaken, attempt < Self.portAttempts else { throw error }
      }
    }
    return []
  }

  private static func bind(
    _ target: Target, port: Int, _ index: Int, _ bootstrap: (Int) -> ServerBootstrap
  ) async throws -> BoundListener {
    var bootstrap = bootstrap(index)
    if target.isIPv6Only {
      bootstrap = bootstrap.serverChannelOption(
        ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
    }
    let channel = try await bootstrap.bind(
      to: SocketAddress(ipAddress: target.host, port: port)
    ).get()
    let address = ListenAddress.tcp(host: target.host, port: channel.localAddress?.port ?? port)
    return BoundListener(address: address, index: index, channel: channel, file: nil)
  }

  /// Whether this machine lacks the address or the address family.
  private static func isMissing(_ error: IOError) -> Bool {
    [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.errnoCode)
  }
}
