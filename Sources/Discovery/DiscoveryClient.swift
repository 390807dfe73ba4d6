package import Addresses
internal import BridgeConfiguration
internal import NIOCore
package import NIOPosix
internal import Synchronization
internal import TLS
internal import Upstream

/// The HTTP client shared by all sources of a process. Shut it down after the sources have ended.
///
/// It opens connections as the bridge does for calls (`Dialer`: names of both families, looked up off the
/// event loops, addresses tried in parallel), on one event loop of the group.
package final class DiscoveryClient: Sendable {
  private let eventLoop: any EventLoop
  private let lookups: Lookups
  private let connections: NIOLoopBoundBox<FetchConnections>
  private let requestCount = Atomic<Int>(0)
  /// For `https`, loaded by the first request.
  private let tls = Mutex<ReloadableTLSContext?>(nil)

  /// - Parameters:
  ///   - group: one of its event loops carries the connections.
  ///   - lookups: resolves hosts.
  package init(group: MultiThreadedEventLoopGroup, lookups: Lookups = .system) {
    self.eventLoop = group.next()
    self.lookups = lookups
    self.connections = .makeBoxSendingValue(
      FetchConnections(eventLoop: self.eventLoop), eventLoop: self.eventLoop)
  }

  /// Closes all connections; requests in flight fail.
  package func shutDown() async {
    let connections = self.connections
    // It fails only if the event loop has shut down, which has closed its connections.
    try? await self.eventLoop.submit { connections.value.shutDown() }.get()
  }

  package var fetch: HTTPFetch {
    HTTPFetch { request in await self.send(request) }
  }

  private func send(_ request: HTTPFetch.Request) async -> HTTPFetch.Outcome {
    guard let target = HTTPTarget(request.url) else {
      return .failure(HTTPFetchError("\(request.url) is not an http or https URL"))
    }
    let connector: SocketConnector
    do throws(TLSSettingsError) {
      let tls = target.origin.isSecure ? try self.secure() : nil
      connector = SocketConnector(tls: tls, lookups: self.lookups)
    } catch {
      return .failure(HTTPFetchError("\(request.url): TLS \(error.reason)"))
    }
    let number = self.requestCount.wrappingAdd(1, ordering: .relaxed).newValue
    let promise = self.eventLoop.makePromise(of: HTTPFetch.Outcome.self)
    let connections = self.connections
    self.eventLoop.execute {
      connections.value.start(number, request, to: target, by: connector) { promise.succeed($0) }
    }
    return await withTaskCancellationHandler {
      do {
        return try await promise.futureResult.get()
      } catch {
        return .failure(HTTPFetchError("\(request.url): \(error)"))
      }
    } onCancel: {
      self.eventLoop.execute { connections.value.cancel(number) }
    }
  }

  private func secure() throws(TLSSettingsError) -> ReloadableTLSContext {
    if let loaded = self.tls.withLock({ $0 }) { return loaded }
    let settings = TLSSettings(.client(verifies: true, speaks: .http1))
    let loaded = ReloadableTLSContext(
      key: "discovery", settings: settings, loaded: try settings.load())
    self.tls.withLock { $0 = loaded }
    return loaded
  }
}
