internal import Addresses
package import BridgeConfiguration
package import NIOCore

/// An attempt to connect: the handler of its channel, which becomes the connection if it's the first
/// to succeed.
package protocol DialAttempt: ChannelHandler {
  var progress: DialProgress { get }

  /// The channel couldn't be opened. The attempt reports its failure to its dialer, unless it has
  /// already.
  func connectFailed(_ reason: String)

  /// Closes the channel without notifying the dialer: the attempt isn't needed any more.
  func giveUp()
}

/// Opens one connection to an endpoint: looks up its name and performs what `DialState` decides.
/// Confined to its event loop.
package final class Dialer<Attempt: DialAttempt> {
  package enum Outcome {
    case connected(Attempt, SocketAddress)
    case failed(String)
  }

  /// The endpoint to dial, and the parameters.
  package struct Target {
    var endpoint: Configuration.Endpoint
    var connector: any Connector
    /// For the whole process: lookup, connection, TLS and the protocol's first data.
    var timeout: TimeAmount
    /// The protocol's first data, for messages.
    var greeting: String
    /// The setting that controls the timeout, for messages; nil if there's none.
    var setting: String?
    /// The family to begin with.
    var family = AddressFamily.ipv6

    package init(
      endpoint: Configuration.Endpoint, connector: any Connector, timeout: TimeAmount,
      setting: String?, greeting: String
    ) {
      self.endpoint = endpoint
      self.connector = connector
      self.timeout = timeout
      self.setting = setting
      self.greeting = greeting
    }
  }

  /// The identifier of the connection.
  let id: ConnectionID
  private let target: Target
  private let eventLoop: any EventLoop
  private let make: (Dialer<Attempt>, _ attempt: Int) -> Attempt
  private let onEnd: (Outcome) -> Void
  private var state: DialState
  private var attempts: [Int: Attempt] = [:]
  private var lookups: [() -> Void] = []
  private var waking: Scheduled<Void>?
  private var limit: Scheduled<Void>?
  private var isOver = false

  /// - Parameters:
  ///   - make: creates the handler of an attempt.
  ///   - onEnd: called with the outcome once, never from within `start` or `cancel`.
  package init(
    id: ConnectionID, _ target: Target, on eventLoop: any EventLoop,
    make: @escaping (Dialer<Attempt>, _ attempt: Int) -> Attempt,
    onEnd: @escaping (Outcome) -> Void
  ) {
    self.id = id
    self.target = target
    self.eventLoop = eventLoop
    self.make = make
    self.onEnd = onEnd
    if let address = target.endpoint.literal {
      self.state = DialState(address)
    } else {
      self.state = DialState(lookingUp: AddressFamily.allCases, first: target.family)
    }
  }

  package func start() {
    self.limit = self.eventLoop.assumeIsolated().scheduleTask(in: self.target.timeout) {
      self.timeOut()
    }
    if self.target.endpoint.literal == nil { self.lookUp() }
    self.performPendingActions()
  }

  private func lookUp() {
    let host = self.target.endpoint.host
    for family in AddressFamily.allCases {
      let cancel = self.target.connector.lookUp(host, family, on: self.eventLoop) { outcome in
        guard !self.isOver else { return }
        switch outcome {
        case .success(let addresses):
          self.state.found(self.target.endpoint.with(addresses), family, now: self.eventLoop.now)
        case .failure(let error):
          self.state.lookupFailed(error, family)
        }
        self.performPendingActions()
      }
      self.lookups.append(cancel)
    }
  }

  // MARK: For attempts

  /// An attempt succeeded: it becomes the connection.
  package func succeeded(_ number: Int) {
    guard !self.isOver, let attempt = self.attempts.removeValue(forKey: number),
      let address = self.state.address(of: number)
    else { return }
    self.end(.connected(attempt, address))
  }

  package func failed(_ number: Int, _ reason: String, _ progress: DialProgress) {
    guard !self.isOver, self.attempts.removeValue(forKey: number) != nil else { return }
    self.state.failed(number, reason, progress)
    self.performPendingActions()
  }

  /// Gives up at once, as after its timeout: calls `onEnd` with what it waited for. For an owner that
  /// has a timer of its own.
  package func timeOut() {
    self.end(.failed(self.timeoutReason))
  }

  /// Gives up soon.
  package func cancel(_ reason: String) {
    self.eventLoop.assumeIsolated().execute { self.end(.failed(reason)) }
  }

  // MARK: Private

  private func performPendingActions() {
    while !self.isOver, let (number, address) = self.state.nextAttempt(now: self.eventLoop.now) {
      self.begin(number, to: address)
    }
    guard !self.isOver else { return }
    if let reason = self.state.failure(of: self.target.endpoint.host) {
      return self.end(.failed(reason))
    }
    self.waking?.cancel()
    self.waking = nil
    guard let wakeAt = self.state.wakeAt else { return }
    self.waking = self.eventLoop.assumeIsolated().scheduleTask(deadline: wakeAt) {
      self.performPendingActions()
    }
  }

  private func begin(_ number: Int, to address: SocketAddress) {
    let attempt = self.make(self, number)
    self.attempts[number] = attempt
    let loop = self.eventLoop.assumeIsolated()
    let connected = self.target.connector.connect(
      attempt, to: address, of: self.target.endpoint, timeout: self.target.timeout,
      on: self.eventLoop)
    connected.assumeIsolated().whenFailure { error in
      // Later, because the connector may have failed immediately, within a call's start.
      loop.execute { attempt.connectFailed(self.target.endpoint.describe(error)) }
    }
  }

  private func end(_ outcome: Outcome) {
    guard !self.isOver else { return }
    self.isOver = true
    self.waking?.cancel()
    self.limit?.cancel()
    self.waking = nil
    self.limit = nil
    for cancel in self.lookups { cancel() }
    self.lookups = []
    let others = self.attempts.values
    self.attempts = [:]
    for attempt in others { attempt.giveUp() }
    self.onEnd(outcome)
  }

  private var timeoutReason: String {
    let endpoint = self.target.endpoint
    let time = "\(self.target.timeout.nanoseconds / 1_000_000) ms"
    let setting = self.target.setting.map { " (\($0))" } ?? ""
    if self.state.isLookingUp {
      return LookupError(lateBy: time, setting: self.target.setting).sentence(about: endpoint.host)
    }
    switch self.attempts.values.map(\.progress).max() {
    case nil:
      return self.state.reason(of: endpoint.host)
    case .connecting:
      return "can't connect to \(endpoint): timed out after \(time)\(setting)"
    case .securing:
      return "can't connect to \(endpoint): TLS handshake timed out after \(time)\(setting)"
    case .greeting:
      return "can't connect to \(endpoint): no \(self.target.greeting) within \(time)\(setting)"
    }
  }
}

extension Configuration.Endpoint {
  /// The address, if it needs no lookup: a UNIX domain socket or an IP address. Nil for a name.
  var literal: SocketAddress? {
    switch self.address {
    case .tcp(let host, let port): try? SocketAddress(ipAddress: host, port: port)
    case .unix(let path): try? SocketAddress(unixDomainSocketPath: path)
    }
  }

  /// Returns looked-up addresses with the endpoint's port.
  fileprivate func with(_ addresses: [SocketAddress]) -> [SocketAddress] {
    guard case .tcp(_, let port) = self.address else { return addresses }
    return addresses.map { address in
      var address = address
      address.port = port
      return address
    }
  }
}
