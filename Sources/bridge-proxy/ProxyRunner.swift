internal import Addresses
internal import ArgumentParser
internal import BridgeConfiguration
internal import BridgeProxy
internal import Logging
internal import NIOCore
internal import ProcessResources
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

/// Runs a proxy as the process's only service: signals, ready lines, exit codes.
enum ProxyRunner {
  private static let signals: [UnixSignal] = [.sigterm, .sigint, .sigquit]
  /// Signals at which other programs reload their files.
  private static let survived: [UnixSignal] = [.sighup, .sigusr1, .sigusr2]

  /// Serves until SIGTERM, SIGINT or SIGQUIT and drains; a second signal ends the drain.
  ///
  /// - Parameter whenReady: called once it's listening, with the addresses.
  static func run(
    _ plan: ServingPlan, whenReady: @escaping @Sendable ([ListenAddress]) -> Void = { _ in }
  ) async throws {
    ProcessSetup.ignoreBrokenPipes()
    ProcessSetup.raiseOpenFileLimit()
    ProcessSetup.keepLargeBuffers()
    let configuration = plan.configuration
    let warning = OpenFiles.warning(
      limit: OpenFiles.limit, perLoop: configuration.limits.clientConnections,
      loops: configuration.threads ?? System.coreCount)
    if let warning { Console.note("bridge-proxy warning: \(warning)") }
    let survived = await Self.noteSurvivedSignals()
    defer { survived.cancel() }
    let listening = Mutex<[ListenAddress]>([])
    let proxy = Proxy(
      plan,
      onEvent: { event in
        switch event {
        case .listening(let address, _):
          listening.withLock { $0.append(address) }
        case .ready:
          whenReady(listening.withLock { $0 })
          return
        case .adminListening, .schema, .tlsReplaced, .tlsKept, .drainDelayed, .draining,
          .interrupted,
          .note:
          break
        }
        Console.note("bridge-proxy \(event)")
      },
      interruption: {
        for await _ in await UnixSignalsSequence(trapping: Self.signals) { return }
      })
    var logger = Logger(
      label: "bridge-proxy", factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = .warning
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(
            service: ProxyService(proxy: proxy),
            successTerminationBehavior: .gracefullyShutdownGroup)
        ],
        gracefulShutdownSignals: Self.signals, logger: logger))
    do {
      try await group.run()
    } catch let failure as ListenError {
      Console.note("bridge-proxy \(failure)")
      throw ExitCode(1)
    }
  }
}

extension ProxyRunner {
  /// Logs that signals which don't end the process are ignored, until cancelled.
  private static func noteSurvivedSignals() async -> Task<Void, Never> {
    let signals = await UnixSignalsSequence(trapping: Self.survived)
    return Task {
      for await signal in signals {
        Console.note(
          "bridge-proxy \(signal) is ignored: files are read at startup; to reload them, stop the "
            + "process with SIGTERM and restart it")
      }
    }
  }
}

/// Adapts a proxy to swift-service-lifecycle.
private struct ProxyService: Service {
  let proxy: Proxy

  func run() async throws {
    try await self.proxy.run {
      // Returns on the signal or on cancellation: both start the drain.
      try? await gracefulShutdown()
    }
  }
}
