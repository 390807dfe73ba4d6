package import BridgeConfiguration
internal import Codec
package import Downstream
internal import LocalFiles
internal import NIOCore
internal import Routing
internal import Time

/// A change of a service's schema.
package enum SchemaChange: Sendable, Equatable {
  /// A new or changed schema is served.
  case served(routes: Int)
  /// Still unavailable, and why.
  case missing(String)
  /// The endpoint's new schema can't be served, or it provides none; the previous one stays in use.
  case kept(String)
  /// A part of it isn't served, or it can't be cached for the next start.
  case warning(String)
}

extension SchemaChange: CustomStringConvertible {
  package var description: String {
    switch self {
    case .served(let routes):
      "serves the endpoint's current schema, \(routes) route\(routes == 1 ? "" : "s")"
    case .missing(let reason): "has no schema yet: \(reason)"
    case .kept(let reason): "keeps its current schema: \(reason)"
    case .warning(let text): text
    }
  }
}

/// Follows the schema of one service while the process serves: requests it according to the schedule, and
/// swaps in the new schema when it has changed.
package final class ReflectionWatch: Sendable {
  package typealias Request = @Sendable () async -> Result<ReflectionResult, ReflectionError>
  package typealias Sleep = @Sendable (Duration) async throws -> Void

  private let service: Configuration.Service
  private let index: Int
  private let known: ReflectedFiles?
  private let serving: ServingSwitch
  private let request: Request
  private let sleep: Sleep
  private let report: @Sendable (SchemaChange) -> Void
  private let events: AsyncStream<ReflectionSchedule.Event>
  private let continuation: AsyncStream<ReflectionSchedule.Event>.Continuation

  /// - Parameters:
  ///   - index: the service's index in the table.
  ///   - known: the schema already served; nil: none.
  ///   - request: queries the endpoint, bounded in time.
  ///   - report: called from any thread.
  package init(
    _ service: Configuration.Service, at index: Int, known: ReflectedFiles?,
    in serving: ServingSwitch, request: @escaping Request,
    sleep: @escaping Sleep = { try await Task.sleep(for: $0) },
    report: @escaping @Sendable (SchemaChange) -> Void
  ) {
    self.service = service
    self.index = index
    self.known = known
    self.serving = serving
    self.request = request
    self.sleep = sleep
    self.report = report
    // Unbounded, because no event may be dropped, least of all the end of a wait. At most as many are
    // buffered as connections change during a request, and both are bounded in time.
    (self.events, self.continuation) = AsyncStream.makeStream()
  }

  /// Reports that a loop has its first connection to the endpoint, or lost its last one. From any thread.
  package func connectionChanged(isThere: Bool) {
    self.continuation.yield(isThere ? .connected : .disconnected)
  }

  /// Runs until the task is cancelled. Call once.
  package func run() async {
    var generator = SystemRandomNumberGenerator()
    var schedule = ReflectionSchedule(
      refresh: self.service.reflection?.refresh.map { TimeAmount(clamping: $0) })
    var follower = Follower(watch: self, known: self.known)
    var timer: Task<Void, Never>?
    self.continuation.yield(.started)
    for await event in self.events {
      var action = schedule.receive(event, now: .now(), using: &generator)
      if action == .request {
        timer?.cancel()
        timer = nil
        let response = await self.request()
        guard !Task.isCancelled else { break }
        await follower.take(response)
        action = schedule.receive(Self.event(of: response), now: .now(), using: &generator)
      }
      guard case .wait(let time) = action else { continue }
      timer?.cancel()
      timer = Task { [sleep, continuation] in
        guard (try? await sleep(.nanoseconds(time.nanoseconds))) != nil else { return }
        continuation.yield(.timePassed)
      }
    }
    timer?.cancel()
  }

  private static func event(
    of response: Result<ReflectionResult, ReflectionError>
  ) -> ReflectionSchedule.Event {
    switch response {
    case .success: .responded
    case .failure(let error): .failed(isReachable: error.code != .unreachable)
    }
  }
}

// MARK: - Responses

extension ReflectionWatch {
  /// Compares responses with the schema that is served.
  private struct Follower {
    let watch: ReflectionWatch
    /// The served schema; nil: none yet.
    var known: ReflectedFiles?
    /// The last schema that couldn't be served: reported once.
    var refused: ReflectedFiles?
    /// The reason for the last failure.
    var lastReason: String?
    /// Whether the last request failed though the endpoint was reachable.
    var hasFailed = false
    var isKept = false

    mutating func take(_ response: Result<ReflectionResult, ReflectionError>) async {
      switch response {
      case .success(let result):
        self.lastReason = nil
        self.hasFailed = false
        if result.files == self.known {
          self.keep()
        } else if result.files != self.refused {
          await self.serve(result)
        }
      case .failure(let error):
        // While there's a schema to serve, an unreachable endpoint isn't worth logging; failing calls
        // report it.
        if self.known != nil, error.code == .unreachable { return }
        // Nor is one that is shutting down, which can end calls in many ways.
        if self.known != nil, error.code == .failed, !self.hasFailed {
          self.hasFailed = true
          return
        }
        await self.report(error.sentence(about: self.watch.service.cluster.kind.server))
      }
    }

    private mutating func serve(_ result: ReflectionResult) async {
      let watch = self.watch
      do throws(SchemaLoadError) {
        let (served, warnings) = try result.files.service(watch.service)
        do throws(RouteConflictError) {
          try await watch.serving.replace(watch.index, by: served)
        } catch {
          throw SchemaLoadError(error.clashes.map(\.description))
        }
        self.known = result.files
        self.refused = nil
        self.isKept = false
        watch.report(.served(routes: served.routes.routes.count))
        let table = await watch.serving.table
        let unreached = table.warnings.filter { $0.service == watch.index }.map(\.text)
        for warning in result.warnings + warnings + unreached { watch.report(.warning(warning)) }
        self.keep()
      } catch {
        self.refused = result.files
        await self.report(error.faults.joined(separator: "; "))
      }
    }

    /// Reports once why the schema didn't change, and to clients why there's none.
    private mutating func report(_ reason: String) async {
      guard reason != self.lastReason else { return }
      self.lastReason = reason
      guard self.known == nil else { return self.watch.report(.kept(reason)) }
      self.watch.report(.missing(reason))
      if let waiting = try? ServedService(missing: reason, self.watch.service) {
        try? await self.watch.serving.replace(self.watch.index, by: waiting)
      }
    }

    /// Writes the served schema to the cache, once.
    private mutating func keep() {
      guard !self.isKept, let known, let path = self.watch.service.reflection?.cache else { return }
      self.isKept = true
      do throws(FileError) {
        try DescriptorCache(path: path).write(known)
      } catch {
        self.watch.report(
          .warning("can't cache its schema in \(path) for the next start: \(error)"))
      }
    }
  }
}

extension ReflectedFiles {
  /// The service with the schema of these files.
  ///
  /// - Throws: why it can't be served.
  func service(
    _ configuration: Configuration.Service
  ) throws(SchemaLoadError) -> (ServedService, warnings: [String]) {
    let (schema, warnings) = try self.schema(source: ReflectionLoader.source(of: configuration))
    let served: ServedService
    do throws(RouteConflictError) {
      served = try ServedService(configuration, schema: schema)
    } catch {
      throw SchemaLoadError(error.clashes.map(\.description))
    }
    let faults = served.routes.faults.map { configuration.httpRules[$0.rule].fault($0).description }
    guard faults.isEmpty else { throw SchemaLoadError(faults) }
    guard !served.routes.routes.isEmpty else {
      throw SchemaLoadError(["none of the endpoint's services has a method that can be served"])
    }
    return (served, warnings + schema.warnings + served.routes.warnings)
  }
}

extension ServedService {
  /// A service whose schema isn't available yet.
  ///
  /// - Parameter reason: why it isn't available.
  convenience init(
    missing reason: String, _ configuration: Configuration.Service
  ) throws {
    try self.init(configuration, schema: SchemaBuilder().build(), missingSchema: reason)
  }
}
