internal import BridgeConfiguration
internal import NIOCore
internal import Time

/// HTTP/2 keepalive of a connection to an endpoint: when a PING is sent, and when the connection is abandoned.
/// Pure.
///
/// It reads no clock when bytes are received, because that happens for every response: it's checked
/// periodically (`check`), and only knows whether anything was received since the last check.
struct KeepaliveState {
  struct Options {
    /// A connection that received nothing for this long gets a PING; nil: only after a missed deadline.
    var time: TimeAmount?
    /// How long the acknowledgement may take.
    var timeout: TimeAmount
    /// Whether to send PINGs on a connection without calls as well.
    var withoutCalls: Bool

    init(time: TimeAmount?, timeout: TimeAmount, withoutCalls: Bool = false) {
      self.time = time
      self.timeout = timeout
      self.withoutCalls = withoutCalls
    }

    init(_ connections: Configuration.Connections) {
      self.init(
        time: connections.keepaliveTime.map { TimeAmount(clamping: $0) },
        timeout: TimeAmount(clamping: connections.keepaliveTimeout),
        withoutCalls: connections.keepaliveWithoutCalls)
    }
  }

  enum Action: Equatable {
    /// Check again after this time; nil: no more.
    case wait(TimeAmount?)
    /// Send a PING, and check again after this time.
    case ping(TimeAmount)
    /// Nothing was received: the connection is dead.
    case giveUp
  }

  private let options: Options
  private var hasReceived = false
  private var isAsked = false
  private var lastSuspicion: NIODeadline?

  init(_ options: Options) {
    self.options = options
  }

  /// Data of any kind was received.
  mutating func didReceive() {
    self.hasReceived = true
  }

  /// The connection is ready.
  mutating func start() -> Action {
    self.hasReceived = false
    return .wait(self.options.time)
  }

  /// The time of the last action has passed.
  mutating func check(hasCalls: Bool) -> Action {
    if self.isAsked {
      guard self.hasReceived else { return .giveUp }
      self.isAsked = false
      self.hasReceived = false
      return .wait(self.options.time)
    }
    guard !self.hasReceived, hasCalls || self.options.withoutCalls else {
      self.hasReceived = false
      return .wait(self.options.time)
    }
    return self.ping()
  }

  /// A call ended at its deadline, and nothing had been received on the connection since it began.
  /// gRPC servers treat more than two PINGs in five minutes as abuse, so only one suspicion is acted
  /// on in that time.
  mutating func probeNow(now: NIODeadline) -> Action? {
    guard !self.isAsked, self.lastSuspicion.map({ now - $0 >= Self.suspicionInterval }) ?? true
    else { return nil }
    self.lastSuspicion = now
    return self.ping()
  }

  private mutating func ping() -> Action {
    self.isAsked = true
    self.hasReceived = false
    return .ping(self.options.timeout)
  }

  /// gRPC's default for the least time between PINGs (grpc.http2.min_recv_ping_interval_without_data_ms).
  private static let suspicionInterval = TimeAmount.minutes(5)
}
