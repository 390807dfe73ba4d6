internal import BridgeConfiguration
internal import Codec
internal import NIOCore
internal import Synchronization
internal import Upstream

/// What a person is told of endpoints that are lost and come back. Pure.
///
/// One line for each, whatever the number of loops and attempts: an endpoint is lost when something went
/// wrong on one loop and no loop has a connection. One that comes and goes is told of once in a while with
/// how often it was lost, and so are many endpoints that are lost at once.
struct ReachabilityState {
  struct Key: Hashable {
    var group: EndpointGroupID
    var endpoint: Configuration.Endpoint
  }

  private struct Entry {
    /// Loops that have a pool for it.
    var loops: Set<ObjectIdentifier> = []
    /// Loops with a connection.
    var connected: Set<ObjectIdentifier> = []
    /// When it was lost; nil: it isn't.
    var lostAt: NIODeadline?
    /// Whether a person knows that it's lost.
    var isReported = false
    /// How often it was lost since a person was last told.
    var unreported = 0
    /// No line before this.
    var quietUntil = NIODeadline.uptimeNanoseconds(0)
  }

  /// Between two lines about the loss of one endpoint.
  static let interval = TimeAmount.seconds(10)
  /// Lines in that time about all endpoints.
  static let lineLimit = 20

  private var entries: [Key: Entry] = [:]
  private var periodEnd = NIODeadline.uptimeNanoseconds(0)
  private var lines = 0
  private var droppedLines = 0

  /// - Parameters:
  ///   - name: the service's: `bench`, `bench.canary`.
  /// - Returns: what a person is told; nil: nothing.
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
          line = "is back after \(Self.text(now - lostAt))"
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
          entry.unreported > 1 ? " (\(entry.unreported) times since the last such line)" : ""
        line = "is lost\(often): \(ForeignText.shown(reason, limit: Self.reasonLimit))"
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
    let dropped = self.droppedLines > 0 ? " (\(self.droppedLines) such lines were left out)" : ""
    self.droppedLines = 0
    return line + dropped
  }

  /// Characters of a reason; what an endpoint says may be in it.
  private static let reasonLimit = 500

  private static func text(_ time: TimeAmount) -> String {
    let seconds = time.nanoseconds / 1_000_000_000
    return seconds > 0 ? "\(seconds)s" : "\(time.nanoseconds / 1_000_000)ms"
  }
}

/// Tells a person of endpoints that are lost and come back; for the pools of all loops.
package final class ReachabilityLog: Sendable {
  private let state = Mutex(ReachabilityState())
  private let report: @Sendable (String) -> Void

  /// - Parameter report: takes a line, from any thread.
  package init(report: @escaping @Sendable (String) -> Void) {
    self.report = report
  }

  /// From the loop `eventLoop`.
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
