internal import BridgeConfiguration
internal import NIOCore
internal import Time

/// Which server of a registry is connected to next, and after which wait. Pure.
struct NacosServers {
  private let servers: [Configuration.Endpoint]
  private var index = 0
  /// Sessions in a row that were over soon.
  private var failures = 0
  /// Whether the token was refused just now.
  private var wasForbidden = false

  /// A session that has lived this long says that the server is well.
  private static let longEnough: Duration = .seconds(10)

  init(_ servers: [Configuration.Endpoint]) {
    self.servers = servers
  }

  var current: Configuration.Endpoint { self.servers[self.index] }

  /// What follows a session's end.
  struct Next: Equatable {
    /// Before the next attempt.
    var wait: TimeAmount
    /// Told to whoever consumes the updates; nil: it's not worth a word, as long as another server may
    /// know better.
    var report: String?
  }

  /// A session is over.
  ///
  /// - Parameters:
  ///   - liveFor: how long it had been subscribed.
  ///   - canLogIn: whether a new token could be had.
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
      // Tokens end when a registry is restarted: once again with a new one.
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

  /// To the server that's named, if it's one of ours: a registry can't send its clients just anywhere.
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
