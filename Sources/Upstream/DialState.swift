internal import Addresses
internal import DequeModule
internal import NIOCore

/// The progress of an attempt to connect.
package enum DialProgress: Int, Comparable {
  /// No connection yet.
  case connecting
  /// Connected, and no TLS yet.
  case securing
  /// Secured as configured; the protocol's first data is missing.
  case greeting

  package static func < (left: DialProgress, right: DialProgress) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// Decides which addresses of an endpoint are tried, and when: Happy Eyeballs (RFC 8305). Pure.
///
/// Each family is looked up independently. Attempts begin at intervals while previous ones continue,
/// or immediately when one fails, alternating between the families. The first that reaches the
/// protocol becomes the connection; the owner ends the others. Events are reported by the mutating
/// functions; the resulting actions are pulled by `nextAttempt`, `wakeAt` and `failure` after each.
struct DialState {
  /// An attempt that failed.
  private struct Failure {
    var address: SocketAddress
    var reason: String
    var progress: DialProgress
  }

  /// RFC 8305 §5, Connection Attempt Delay.
  static let attemptDelay = TimeAmount.milliseconds(250)
  /// RFC 8305 §3, Resolution Delay: how long to wait for the preferred family's addresses.
  static let resolutionDelay = TimeAmount.milliseconds(50)
  /// The most addresses of a name to try for one connection. Stops a name server from causing endless
  /// attempts.
  static let addressLimit = 64

  private var ipv4: Deque<SocketAddress> = []
  private var ipv6: Deque<SocketAddress> = []
  private var lookups: Set<AddressFamily> = []
  private var lookupErrors: [AddressFamily: LookupError] = [:]
  private var nextFamily: AddressFamily
  private var underWay: [(number: Int, address: SocketAddress)] = []
  private var failures: [Failure] = []
  private var startCount = 0
  /// No attempt before this; nil: any time.
  private var notBefore: NIODeadline?

  /// Creates the state for one address, which needs no lookup.
  init(_ address: SocketAddress) {
    self.nextFamily = .ipv4
    self.ipv4 = [address]
  }

  /// Creates the state for a name; each family's lookup has been started.
  ///
  /// - Parameter family: the one to begin with: that of the last connection, otherwise IPv6.
  init(lookingUp families: [AddressFamily], first family: AddressFamily) {
    self.lookups = Set(families)
    self.nextFamily = family
  }

  // MARK: Lookups

  mutating func found(_ addresses: [SocketAddress], _ family: AddressFamily, now: NIODeadline) {
    self.lookups.remove(family)
    guard !addresses.isEmpty else { return self.lookupFailed(.empty, family) }
    switch family {
    case .ipv4: self.ipv4 = Deque(addresses.prefix(Self.addressLimit / 2))
    case .ipv6: self.ipv6 = Deque(addresses.prefix(Self.addressLimit / 2))
    }
    if self.startCount == 0 {
      let waits = family != self.nextFamily && self.lookups.contains(self.nextFamily)
      self.notBefore = waits ? now + Self.resolutionDelay : nil
    }
  }

  mutating func lookupFailed(_ error: LookupError, _ family: AddressFamily) {
    self.lookups.remove(family)
    self.lookupErrors[family] = error
    if self.startCount == 0 { self.notBefore = nil }
  }

  // MARK: Attempts

  /// An attempt to begin now.
  mutating func nextAttempt(now: NIODeadline) -> (number: Int, address: SocketAddress)? {
    if let notBefore = self.notBefore, notBefore > now { return nil }
    guard let address = self.takeAddress() else { return nil }
    self.startCount += 1
    self.underWay.append((self.startCount, address))
    self.notBefore = now + Self.attemptDelay
    return (self.startCount, address)
  }

  private mutating func takeAddress() -> SocketAddress? {
    let isSix = self.nextFamily == .ipv6
    let address =
      isSix
      ? self.ipv6.popFirst() ?? self.ipv4.popFirst()
      : self.ipv4.popFirst() ?? self.ipv6.popFirst()
    // Without an address, before the lookups have completed, the turn doesn't change.
    if address != nil { self.nextFamily = isSix ? .ipv4 : .ipv6 }
    return address
  }

  mutating func failed(_ number: Int, _ reason: String, _ progress: DialProgress) {
    guard let index = self.underWay.firstIndex(where: { $0.number == number }) else { return }
    let address = self.underWay.remove(at: index).address
    self.failures.append(Failure(address: address, reason: reason, progress: progress))
    self.notBefore = nil
  }

  // MARK: Reading

  /// When to call `nextAttempt` again; nil: after the next event.
  var wakeAt: NIODeadline? {
    self.ipv4.isEmpty && self.ipv6.isEmpty ? nil : self.notBefore
  }

  /// The address of an attempt in progress.
  func address(of number: Int) -> SocketAddress? {
    self.underWay.first { $0.number == number }?.address
  }

  /// Whether only lookups are in progress.
  var isLookingUp: Bool {
    self.failures.isEmpty && self.underWay.isEmpty && !self.lookups.isEmpty
  }

  /// The reason that there's no connection, once nothing is left to try.
  ///
  /// - Parameter host: the name that was looked up.
  func failure(of host: String) -> String? {
    guard self.underWay.isEmpty, self.lookups.isEmpty, self.ipv4.isEmpty, self.ipv6.isEmpty else {
      return nil
    }
    return self.reason(of: host)
  }

  /// The reason that there's no connection, as far as known: the error of the attempt that got
  /// furthest.
  func reason(of host: String) -> String {
    guard let furthest = self.failures.map(\.progress).max(),
      let failure = self.failures.first(where: { $0.progress == furthest })
    else {
      let errors = [self.lookupErrors[.ipv4], self.lookupErrors[.ipv6]].compactMap { $0 }
      let error = errors.first(where: \.isLate) ?? errors.first ?? .empty
      return error.sentence(about: host)
    }
    guard self.failures.count > 1 else { return failure.reason }
    let addresses = self.failures.compactMap(\.address.ipAddress)
    let tried =
      addresses.count > Self.namedAddresses
      ? "\(addresses.count) addresses" : addresses.joined(separator: " and ")
    return "\(failure.reason) (tried \(tried))"
  }

  /// How many addresses a message names.
  private static let namedAddresses = 3
}
