internal import BridgeConfiguration
internal import NIOCore
internal import Time

/// Selects the registry server to connect to next, and the wait before that. Pure.
struct NacosServers {
  private let servers: [Configuration.Endpoint]
  private var index = 0
  /// Consecutive sessions that ended soon.
  private var failures = 0
  /// Whether the previous session ended because the token was refused.
  private var wasForbidden = false

  /// A session that lasts this long resets the failure count.
  private static let longEnough: Duration = .seconds(10)

  init(_ servers: [Configuration.Endpoint]) {
    self.servers = servers
  }

  var current: Configuration.Endpoint { self.servers[self.index] }

  /// What to do after a session's end.
  struct Next: Equatable {
    /// Before the next attempt.
    var wait: TimeAmount
    /// Error to publish; nil while other servers have not been tried.
    var report: String?
  }

  /// Handles the end of a session.
  ///
  /// - Parameters:
  ///   - liveFor: how long the subscription lasted.
  ///   - canLogIn: whether a new token can be requested.
  mutating func ended(
    _ ending: NacosSession.Ending, liveFor: Duration?, canLogIn: Bool,
    using generator: inout some RandomNumberGenerator
  ) -> Next {
    if let liveFor, liveFor >= Self.longEnough { self.failures = 0 }
    let isFirstRefusal = !self.wasForbidden
    self.wasForbidden = false
    var report: String?
    switch ending {
    case .forbidden where canLogIn && isFirstRefusal:
      // Tokens become invalid when a registry restarts: try once more with a new one.
      self.wasForbidden = true
      return Next(wait: .zero, report: nil)
    case .forbidden(let reason), .failed(let reason):
      self.index = (self.index + 1) % self.servers.count
      report = reason
    case .moved(let host, let port):
      self.move(host: host, port: port)
    }
    self.failures += 1
    guard self.failures >= self.servers.count else { return Next(wait: .zero, report: nil) }
    let rounds = self.failures - self.servers.count + 1
    return Next(
      wait: Backoff.standard.delay(afterFailures: rounds, using: &generator), report: report)
  }

  /// Switches to the named server if it's one of the configured ones: a registry can't redirect its
  /// clients to arbitrary addresses.
  private mutating func move(host: String?, port: Int?) {
    if let host, let port,
      let index = self.servers.firstIndex(of: Configuration.Endpoint(host: host, port: port))
    {
      self.index = index
    } else {
      self.index = (self.index + 1) % self.servers.count
    }
  }
}
