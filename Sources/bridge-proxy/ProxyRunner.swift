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

/// Runs a proxy as the process's one service: signals, ready lines, exit codes.
enum ProxyRunner {
  private static let signals: [UnixSignal] = [.sigterm, .sigint, .sigquit]
  /// What other programs read their files again at.
  private static let survived: [UnixSignal] = [.sighup, .sigusr1, .sigusr2]

  /// Serves until SIGTERM, SIGINT or SIGQUIT and drains; a second signal ends the drain.
  ///
  /// - Parameter whenReady: called once it listens, with the addresses.
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
  /// Says of signals that aren't for an end that they do nothing, until it's cancelled.
  private static func noteSurvivedSignals() async -> Task<Void, Never> {
    let signals = await UnixSignalsSequence(trapping: Self.survived)
    return Task {
      for await signal in signals {
        Console.note(
          "bridge-proxy \(signal) does nothing: files are read at the start; to read them again, end "
            + "the process with SIGTERM and start it anew")
      }
    }
  }
}

/// A proxy as swift-service-lifecycle wants it.
private struct ProxyService: Service {
  let proxy: Proxy

  func run() async throws {
    try await self.proxy.run {
      // Ends with the signal, or when the task is cancelled: either way it's time to drain.
      try? await gracefulShutdown()
    }
  }
}
