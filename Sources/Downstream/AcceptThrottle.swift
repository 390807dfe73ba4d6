internal import NIOCore
internal import ProcessResources
internal import Synchronization

/// Pauses accepting while the system lacks resources for connections, and logs it.
///
/// Connections that arrive meanwhile wait in the listener's backlog. The admin server's listener
/// continues, with the descriptors of the reserve.
package final class AcceptThrottle: Sendable {
  private struct Inner {
    var state = AcceptState()
    var reserve: DescriptorReserve
    var listeners: [any Channel] = []
  }

  private let inner: Mutex<Inner>
  private let timer = Mutex<RepeatedTask?>(nil)
  private let report: @Sendable (String) -> Void

  /// How often descriptors are probed; each probe costs two system calls.
  private static let interval = TimeAmount.milliseconds(250)

  /// - Parameter report: receives log lines for the operator.
  package init(report: @escaping @Sendable (String) -> Void) {
    self.inner = Mutex(Inner(reserve: DescriptorReserve(limit: OpenFiles.limit)))
    self.report = report
  }

  /// Fills the reserve and starts probing for descriptors periodically.
  func start(_ listeners: [any Channel], on eventLoop: any EventLoop) {
    self.inner.withLock { inner in
      inner.listeners = listeners
      _ = inner.reserve.fill()
    }
    self.timer.withLock { timer in
      timer = eventLoop.scheduleRepeatedTask(
        initialDelay: Self.interval, delay: Self.interval
      ) { [weak self] _ in self?.check() }
    }
  }

  func stop() {
    self.timer.withLock { timer in
      timer?.cancel()
      timer = nil
    }
    self.inner.withLock { inner in
      inner.reserve.release()
      inner.listeners = []
    }
  }

  /// Handles a listener's failure to accept: pauses all listeners.
  func ranOut(_ shortage: Shortage) {
    self.act { $0.state.ranOut(shortage, at: .now()) }
  }

  private func check() {
    self.act { inner in
      if inner.state.isPaused || inner.reserve.isReleased {
        let isThere = inner.reserve.fill()
        if !isThere { inner.reserve.release() }
        return inner.state.checked(isThere: isThere, at: .now())
      }
      guard let shortage = DescriptorReserve.probe() else { return .init() }
      return inner.state.ranOut(shortage, at: .now())
    }
  }

  private func act(_ decide: (inout Inner) -> AcceptState.Action) {
    let (action, listeners) = self.inner.withLock { inner in
      let action = decide(&inner)
      if action.accepts == false { inner.reserve.release() }
      return (action, inner.listeners)
    }
    if let accepts = action.accepts {
      for listener in listeners {
        listener.setOption(.autoRead, value: accepts).whenFailure { _ in
          // It's closed.
        }
      }
    }
    if let note = action.note { self.report(note) }
  }
}

/// State machine that decides whether connections are accepted. Pure.
struct AcceptState {
  /// What to do; nothing if both are nil.
  struct Action: Equatable {
    /// Whether the listeners are to accept; nil: unchanged.
    var accepts: Bool?
    var note: String?
  }

  private(set) var isPaused = false
  private var lastNote: NIODeadline?
  /// Whether the current pause has been logged.
  private var isNoted = false

  /// A recurring shortage is logged at most once in this time.
  private static let noteInterval = TimeAmount.seconds(60)

  mutating func ranOut(_ shortage: Shortage, at now: NIODeadline) -> Action {
    guard !self.isPaused else { return Action() }
    self.isPaused = true
    self.isNoted = self.lastNote.map { now - $0 >= Self.noteInterval } ?? true
    guard self.isNoted else { return Action(accepts: false) }
    self.lastNote = now
    return Action(accepts: false, note: "\(shortage); no connections are accepted until some close")
  }

  /// - Parameter isThere: whether descriptors are available again.
  mutating func checked(isThere: Bool, at now: NIODeadline) -> Action {
    guard self.isPaused, isThere else { return Action() }
    self.isPaused = false
    return Action(accepts: true, note: self.isNoted ? "accepting connections again" : nil)
  }
}

/// Handles a listener's errors: reports a resource shortage to the gate and turns off reading, because
/// the event loop would otherwise retry accept in a busy loop.
package final class AcceptErrorHandler: ChannelInboundHandler {
  typealias InboundIn = any Channel

  private let throttle: AcceptThrottle
  /// Whether this listener resumes on its own, after `pause`.
  private let goesOn: Bool

  /// Time for the reserve to be released.
  private static let pause = TimeAmount.milliseconds(50)

  package init(_ throttle: AcceptThrottle, goesOn: Bool = false) {
    self.throttle = throttle
    self.goesOn = goesOn
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let shortage = (error as? IOError).flatMap({ Shortage(errno: $0.errnoCode) }) else {
      context.fireErrorCaught(error)
      return
    }
    // At once, before the loop tries to accept again.
    try? context.channel.syncOptions?.setOption(.autoRead, value: false)
    if self.goesOn {
      let channel = context.channel
      context.eventLoop.scheduleTask(in: Self.pause) {
        channel.setOption(.autoRead, value: true).whenFailure { _ in
          // It's closed.
        }
      }
    }
    self.throttle.ranOut(shortage)
  }
}
