internal import BridgeConfiguration
internal import Codec

/// State of one gRPC connection to a registry, from the first request to its end. Pure.
///
/// Checks that the server accepts clients, opens the stream and introduces itself, subscribes, and then
/// receives what the server pushes. Sends a keepalive after a period of silence, and replies to the
/// server's own. Everything uses one connection, by which the server identifies its clients.
struct NacosSession {
  /// The purpose of a call.
  enum Call: Equatable {
    case check
    case subscribe
    case health
  }

  enum Event {
    case start
    /// The response to a call, or why there's none.
    case responded(Call, Result<NacosMessage, HTTPFetchError>)
    /// A message on the stream.
    case pushed(NacosMessage)
    /// The stream has ended, and with it the server's registration of this client.
    case streamEnded(String)
    /// `wakeAt` has passed.
    case woken
  }

  enum Action: Equatable {
    case call(Call, NacosMessage)
    /// Opens the stream with its first message.
    case open(NacosMessage)
    /// Sends a message on the stream.
    case send(NacosMessage)
    case update(EndpointUpdate)
    /// The session is over; no action follows.
    case end(Ending)
  }

  /// Reason for the end of a session.
  enum Ending: Equatable {
    case failed(String)
    /// The token was refused, or is missing.
    case forbidden(String)
    /// The server redirects its client, to the given address if there is one.
    case moved(host: String?, port: Int?)
  }

  private enum State {
    case idle
    case checking
    /// The stream is open; the server may be about to announce its abilities.
    case introducing
    case subscribing(attempts: Int, isWaiting: Bool)
    case live(Live)
    case ended
  }

  private struct Live {
    var receivedAt: Duration
    var attempts = 0
    var isAsking = false
    /// The server's timestamp of the current list, in its own clock.
    var madeAt: Int
  }

  private let settings: Configuration.Nacos
  private let source: String
  /// Sent with each request: a token or a signature.
  private let fields: [(name: String, value: String)]
  private var state = State.idle
  /// When to send `woken`; nil: not at all.
  private(set) var wakeAt: Duration?

  /// Time limit for a server to announce its abilities, if it has said that it does so.
  private static let abilityWait: Duration = .seconds(5)
  /// Time that other servers get to register their new client.
  private static let introductionWait: Duration = .milliseconds(100)
  /// Silence after which a keepalive is sent.
  private static let quietTime: Duration = .seconds(5)
  private static let attemptLimit = 3

  /// - Parameter source: the server's name in messages.
  init(
    _ settings: Configuration.Nacos, source: String, fields: [(name: String, value: String)] = []
  ) {
    self.settings = settings
    self.source = source
    self.fields = fields
  }

  /// Whether it has subscribed.
  var isLive: Bool {
    if case .live = self.state { return true }
    return false
  }

  mutating func handle(_ event: Event, now: Duration) -> [Action] {
    switch event {
    case .start:
      self.state = .checking
      return [.call(.check, self.message("ServerCheckRequest", [:]))]
    case .responded(let call, .success(let message)):
      return self.responded(call, message, now)
    case .responded(let call, .failure(let failure)):
      return self.failed(call, failure, now)
    case .pushed(let message):
      return self.pushed(message, now)
    case .streamEnded(let reason):
      return self.end(.failed(reason))
    case .woken:
      return self.woken(now)
    }
  }

  // MARK: Responses

  private mutating func responded(
    _ call: Call, _ message: NacosMessage, _ now: Duration
  ) -> [Action] {
    if let error = message.fault { return self.refused(call, error, now) }
    switch (call, self.state) {
    case (.check, .checking):
      let negotiates = message.body["supportAbilityNegotiation"]?.bool ?? false
      self.state = .introducing
      self.wakeAt = now + (negotiates ? Self.abilityWait : Self.introductionWait)
      return [.open(self.introduction)]
    case (.subscribe, .subscribing):
      guard let info = message.body["serviceInfo"],
        let instances = NacosInstances(serviceInfo: info, self.settings, source: self.source)
      else {
        return self.end(.failed("\(self.source) returned no list for the subscription"))
      }
      self.state = .live(Live(receivedAt: now, madeAt: instances.madeAt ?? 0))
      self.wakeAt = now + Self.quietTime
      return [.update(instances.update)]
    case (.health, .live(var live)):
      live.isAsking = false
      live.attempts = 0
      self.didReceive(&live, now)
      return []
    default:
      return []
    }
  }

  /// Error codes of the registry: 300 still starting, 301 unknown connection, 403 no permission.
  private mutating func refused(
    _ call: Call, _ error: (code: Int, message: String), _ now: Duration
  ) -> [Action] {
    let reason = "\(self.source) returned code \(error.code), \(error.message)"
    switch (error.code, self.state) {
    case (401, _), (403, _):
      return self.end(.forbidden(reason))
    case (301, .subscribing(let attempts, _)) where attempts < Self.attemptLimit:
      // The stream's first message may still be in flight.
      self.state = .subscribing(attempts: attempts, isWaiting: true)
      self.wakeAt = now + Self.introductionWait
      return []
    default:
      return self.end(.failed(reason))
    }
  }

  private mutating func failed(
    _ call: Call, _ failure: HTTPFetchError, _ now: Duration
  ) -> [Action] {
    if call == .health, case .live(var live) = self.state, live.attempts < Self.attemptLimit {
      live.attempts += 1
      self.state = .live(live)
      return [.call(.health, self.message("HealthCheckRequest", [:]))]
    }
    return self.end(.failed("\(failure)"))
  }

  // MARK: The stream

  private mutating func pushed(_ message: NacosMessage, _ now: Duration) -> [Action] {
    if case .live(var live) = self.state { self.didReceive(&live, now) }
    switch (message.kind, self.state) {
    case (_, .idle), (_, .ended):
      return []
    case ("SetupAckRequest", .introducing):
      return self.subscribe(attempts: 1)
    case ("ClientDetectionRequest", _):
      return [.send(.reply("ClientDetectionResponse", to: message))]
    case ("ConnectResetRequest", _):
      let host = message.body["serverIp"]?.string
      let port = message.body["serverPort"]?.int
      let reply = NacosMessage.reply("ConnectResetResponse", to: message)
      return [.send(reply)] + self.end(.moved(host: host, port: port))
    case ("NotifySubscriberRequest", _):
      // Without a reply the server sends it repeatedly.
      return [.send(.reply("NotifySubscriberResponse", to: message))] + self.notified(message)
    default:
      return []
    }
  }

  /// Handles a changed list. One that is older than the current list is a late delivery and is ignored.
  private mutating func notified(_ message: NacosMessage) -> [Action] {
    guard case .live(var live) = self.state, let info = message.body["serviceInfo"],
      self.isOurs(info),
      let instances = NacosInstances(serviceInfo: info, self.settings, source: self.source)
    else { return [] }
    if let madeAt = instances.madeAt {
      guard madeAt >= live.madeAt else { return [] }
      live.madeAt = madeAt
    }
    self.state = .live(live)
    return [.update(instances.update)]
  }

  /// Whether a list is for the subscribed service: `group@@name`, or name and group.
  private func isOurs(_ info: JSONValue) -> Bool {
    guard let name = info["name"]?.string else { return false }
    let group = info["groupName"]?.string ?? self.settings.group
    return name == "\(self.settings.group)@@\(self.settings.service)"
      || (name == self.settings.service && group == self.settings.group)
  }

  // MARK: Time

  private mutating func woken(_ now: Duration) -> [Action] {
    guard let wakeAt = self.wakeAt, wakeAt <= now else { return [] }
    self.wakeAt = nil
    switch self.state {
    case .introducing:
      return self.subscribe(attempts: 1)
    case .subscribing(let attempts, isWaiting: true):
      return self.subscribe(attempts: attempts + 1)
    case .live(var live) where !live.isAsking:
      live.isAsking = true
      live.attempts = 1
      self.state = .live(live)
      return [.call(.health, self.message("HealthCheckRequest", [:]))]
    case .idle, .checking, .subscribing, .live, .ended:
      return []
    }
  }

  private mutating func didReceive(_ live: inout Live, _ now: Duration) {
    live.receivedAt = now
    self.state = .live(live)
    if !live.isAsking { self.wakeAt = now + Self.quietTime }
  }

  private mutating func subscribe(attempts: Int) -> [Action] {
    self.wakeAt = nil
    self.state = .subscribing(attempts: attempts, isWaiting: false)
    let body: [String: JSONValue] = [
      "namespace": .string(self.settings.namespace), "groupName": .string(self.settings.group),
      "serviceName": .string(self.settings.service), "subscribe": .bool(true),
      "clusters": .string(self.settings.clusters.joined(separator: ",")),
    ]
    return [.call(.subscribe, self.message("SubscribeServiceRequest", body))]
  }

  private mutating func end(_ ending: Ending) -> [Action] {
    if case .ended = self.state { return [] }
    self.state = .ended
    self.wakeAt = nil
    return [.end(ending)]
  }

  // MARK: Messages

  private var introduction: NacosMessage {
    let labels: [String: JSONValue] = ["source": .string("sdk"), "module": .string("naming")]
    return self.message(
      "ConnectionSetupRequest",
      [
        "clientVersion": .string("Bridge-Proxy:v1"), "tenant": .string(self.settings.namespace),
        "labels": .object(labels), "abilityTable": .object([:]),
      ])
  }

  private func message(_ kind: String, _ body: [String: JSONValue]) -> NacosMessage {
    NacosMessage(kind, fields: [("app", "")] + self.fields, body)
  }
}
