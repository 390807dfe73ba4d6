internal import BridgeConfiguration
internal import Codec
internal import NIOCore
internal import Synchronization
internal import Upstream

/// State of the log of endpoints that become unreachable or reachable again. Pure.
///
/// One line for each change, regardless of the number of loops and attempts: an endpoint is unreachable
/// when a connection failed on one loop and no loop has one. Repeated losses of one endpoint, and losses
/// of many endpoints at once, are rate-limited, with a count of those not reported.
struct ReachabilityState {
  struct Key: Hashable {
    var group: EndpointGroupID
    var endpoint: Configuration.Endpoint
  }

  private struct Entry {
    /// Event loops that have a pool for it.
    var loops: Set<ObjectIdentifier> = []
    /// Event loops with a connection.
    var connected: Set<ObjectIdentifier> = []
    /// When it became unreachable; nil: it's reachable.
    var lostAt: NIODeadline?
    /// Whether the loss was reported.
    var isReported = false
    /// Number of losses since the last report.
    var unreported = 0
    /// No report before this time.
    var quietUntil = NIODeadline.uptimeNanoseconds(0)
  }

  /// Minimum time between two reports about one endpoint.
  static let interval = TimeAmount.seconds(10)
  /// Maximum number of lines in that time about all endpoints.
  static let lineLimit = 20

  private var entries: [Key: Entry] = [:]
  private var periodEnd = NIODeadline.uptimeNanoseconds(0)
  private var lines = 0
  private var droppedLines = 0

  /// - Parameters:
  ///   - name: the name of the service: `bench`, `bench.canary`.
  /// - Returns: the line to log; nil: none.
  mutating func note(
    _ reachability: Reachability, of key: Key, name: String, on loop: ObjectIdentifier,
    now: NIODeadline
  ) -> String? {
    var entry = self.entries[key] ?? Entry()
    entry.loops.insert(loop)
    var line: String?
    switch reachability {
    case .reached:
      entry.connected.insert(loop)
      if let lostAt = entry.lostAt {
        entry.lostAt = nil
        if entry.isReported {
          entry.isReported = false
          line = "is reachable again after \(Self.text(now - lostAt))"
        }
      }
    case .idle:
      entry.connected.remove(loop)
    case .lost(let reason):
      entry.connected.remove(loop)
      guard entry.connected.isEmpty else { break }
      if entry.lostAt == nil {
        entry.lostAt = now
        entry.unreported += 1
      }
      if !entry.isReported, now >= entry.quietUntil {
        let often =
          entry.unreported > 1 ? " (\(entry.unreported) times since the last report)" : ""
        line = "is unreachable\(often): \(ForeignText.shown(reason, limit: Self.reasonLimit))"
        entry.isReported = true
        entry.unreported = 0
        entry.quietUntil = now + Self.interval
      }
    case .left:
      entry.loops.remove(loop)
      entry.connected.remove(loop)
    }
    self.entries[key] = entry.loops.isEmpty ? nil : entry
    return line.flatMap { self.allow("service \(name): \(key.endpoint) \($0)", now: now) }
  }

  private mutating func allow(_ line: String, now: NIODeadline) -> String? {
    if now >= self.periodEnd {
      self.periodEnd = now + Self.interval
      self.lines = 0
    }
    self.lines += 1
    guard self.lines <= Self.lineLimit else {
      self.droppedLines += 1
      return nil
    }
    let dropped = self.droppedLines > 0 ? " (\(self.droppedLines) similar lines suppressed)" : ""
    self.droppedLines = 0
    return line + dropped
  }

  /// Maximum characters of a reason, which may contain text of the endpoint.
  private static let reasonLimit = 500

  private static func text(_ time: TimeAmount) -> String {
    let seconds = time.nanoseconds / 1_000_000_000
    return seconds > 0 ? "\(seconds)s" : "\(time.nanoseconds / 1_000_000)ms"
  }
}

/// Logs endpoints that become unreachable or reachable again; shared by the pools of all loops.
package final class ReachabilityLog: Sendable {
  private let state = Mutex(ReachabilityState())
  private let report: @Sendable (String) -> Void

  /// - Parameter report: called with a line, from any thread.
  package init(report: @escaping @Sendable (String) -> Void) {
    self.report = report
  }

  /// Called on `eventLoop`.
  func note(
    _ reachability: Reachability, of endpoint: Configuration.Endpoint, at group: EndpointGroupID,
    name: String, on eventLoop: any EventLoop
  ) {
    let line = self.state.withLock {
      $0.note(
        reachability, of: .init(group: group, endpoint: endpoint), name: name,
        on: ObjectIdentifier(eventLoop), now: .now())
    }
    if let line { self.report(line) }
  }
}
