import Codec
import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import Discovery

/// One connection to a registry, event by event.
@Suite struct NacosSessionTests {
  private static let settings = Configuration.Nacos(
    servers: [Configuration.Endpoint(host: "n", port: 8848)], service: "svc")

  private static func session() -> NacosSession {
    NacosSession(Self.settings, source: "n:9848", fields: [("accessToken", "t")])
  }

  private static func message(_ kind: String, _ json: String = "{}") throws -> NacosMessage {
    var message = NacosMessage(kind, [:])
    message.body = try JSONValue(parsing: Array(json.utf8))
    return message
  }

  /// What the actions are, in short.
  private static func short(_ actions: [NacosSession.Action]) -> [String] {
    actions.map { action in
      switch action {
      case .call(let call, let message): "call \(call) \(message.kind)"
      case .open(let message): "open \(message.kind)"
      case .send(let message): "say \(message.kind) \(message.body["requestId"]?.string ?? "-")"
      case .update(.endpoints(let endpoints)):
        "update " + endpoints.map { "\($0.endpoint)*\($0.weight)" }.joined(separator: " ")
      case .update(.failure(let reason)): "failure \(reason)"
      case .end(.failed(let reason)): "failed: \(reason)"
      case .end(.forbidden(let reason)): "forbidden: \(reason)"
      case .end(.moved(let host, let port)): "moved: \(host ?? "-") \(port ?? 0)"
      }
    }
  }

  private static func info(_ hosts: [String], at time: Int, name: String = "pai-eas@@svc") -> String
  {
    let hosts = hosts.map { #"{"ip":"\#($0)","port":1,"weight":1.0}"# }.joined(separator: ",")
    return #"{"name":"\#(name)","groupName":"pai-eas","hosts":[\#(hosts)],"lastRefTime":\#(time)}"#
  }

  private static let checked = #"{"resultCode":200,"supportAbilityNegotiation":true}"#

  /// A session that has subscribed at second 1 to a list of `a:1`, made at 100.
  private static func live() throws -> NacosSession {
    var session = Self.session()
    _ = session.handle(.start, now: .zero)
    _ = session.handle(
      .responded(.check, .success(try Self.message("ServerCheckResponse", Self.checked))),
      now: .zero)
    _ = session.handle(.pushed(try Self.message("SetupAckRequest")), now: .zero)
    _ = session.handle(
      .responded(
        .subscribe,
        .success(
          try Self.message(
            "SubscribeServiceResponse", #"{"serviceInfo":\#(Self.info(["a"], at: 100))}"#))),
      now: .seconds(1))
    return session
  }

  private static func notice(
    _ hosts: [String], at time: Int, name: String = "pai-eas@@svc"
  ) throws -> NacosSession.Event {
    .pushed(
      try Self.message(
        "NotifySubscriberRequest",
        #"{"requestId":"7","serviceInfo":\#(Self.info(hosts, at: time, name: name))}"#))
  }

  @Test func `a session checks the server, sets up the connection and subscribes`() throws {
    var session = Self.session()
    #expect(Self.short(session.handle(.start, now: .zero)) == ["call check ServerCheckRequest"])
    let opening = session.handle(
      .responded(.check, .success(try Self.message("ServerCheckResponse", Self.checked))),
      now: .zero)
    #expect(Self.short(opening) == ["open ConnectionSetupRequest"])
    #expect(session.wakeAt == .seconds(5))
    guard case .open(let setup) = opening[0] else { return }
    #expect(setup.body["labels"]?["source"]?.string == "sdk")
    #expect(setup.body["labels"]?["module"]?.string == "naming")
    let subscribing = session.handle(.pushed(try Self.message("SetupAckRequest")), now: .zero)
    #expect(Self.short(subscribing) == ["call subscribe SubscribeServiceRequest"])
    #expect(session.wakeAt == nil)
    guard case .call(_, let subscription) = subscribing[0] else { return }
    #expect(subscription.fields == ["app": "", "accessToken": "t"])
    #expect(
      String(decoding: subscription.body.text, as: UTF8.self)
        == #"{"clusters":"","groupName":"pai-eas","namespace":"public","serviceName":"svc","#
        + #""subscribe":true}"#)
    #expect(!session.isLive)
    let list = #"{"resultCode":200,"serviceInfo":\#(Self.info(["a", "b"], at: 5))}"#
    #expect(
      Self.short(
        session.handle(
          .responded(.subscribe, .success(try Self.message("SubscribeServiceResponse", list))),
          now: .zero)) == ["update a:1*1 b:1*1"])
    #expect(session.isLive)
  }

  @Test func `an older server gets a delay instead of a response`() throws {
    var session = Self.session()
    _ = session.handle(.start, now: .zero)
    _ = session.handle(
      .responded(.check, .success(try Self.message("ServerCheckResponse"))), now: .zero)
    #expect(session.wakeAt == .milliseconds(100))
    #expect(session.handle(.woken, now: .milliseconds(99)) == [])
    #expect(
      Self.short(session.handle(.woken, now: .milliseconds(100)))
        == ["call subscribe SubscribeServiceRequest"])
  }

  @Test(arguments: [
    (300, "failed: n:9848 returned code 300, \"no\""),
    (403, "forbidden: n:9848 returned code 403, \"no\""),
    (500, "failed: n:9848 returned code 500, \"no\""),
  ]) func `a server that refuses ends the session`(_ code: Int, ending: String) throws {
    let refusal = try Self.message(
      "ErrorResponse", #"{"resultCode":500,"errorCode":\#(code),"message":"no","success":false}"#)
    var session = Self.session()
    _ = session.handle(.start, now: .zero)
    #expect(
      Self.short(session.handle(.responded(.check, .success(refusal)), now: .zero)) == [ending])
    #expect(session.handle(.responded(.check, .success(refusal)), now: .zero) == [])
    var live = try Self.live()
    _ = live.handle(.woken, now: .seconds(6))
    #expect(Self.short(live.handle(.responded(.health, .success(refusal)), now: .zero)) == [ending])
  }

  @Test
  func `a server that doesn't know the client yet is asked a limited number of times`() throws {
    let unknown = try Self.message("ErrorResponse", #"{"resultCode":500,"errorCode":301}"#)
    var session = Self.session()
    _ = session.handle(.start, now: .zero)
    _ = session.handle(
      .responded(.check, .success(try Self.message("ServerCheckResponse"))), now: .zero)
    _ = session.handle(.woken, now: .seconds(1))
    for attempt in 1...2 {
      #expect(session.handle(.responded(.subscribe, .success(unknown)), now: .seconds(1)) == [])
      #expect(session.wakeAt == .milliseconds(1100))
      #expect(
        Self.short(session.handle(.woken, now: .seconds(2)))
          == ["call subscribe SubscribeServiceRequest"], "attempt \(attempt)")
    }
    #expect(
      Self.short(session.handle(.responded(.subscribe, .success(unknown)), now: .seconds(1)))
        == ["failed: n:9848 returned code 301, \"\""])
  }

  @Test func `a call without a response ends the session`() {
    for call in [NacosSession.Call.check, .subscribe] {
      var session = Self.session()
      _ = session.handle(.start, now: .zero)
      let failure = HTTPFetchError("n:9848: gone")
      #expect(
        Self.short(session.handle(.responded(call, .failure(failure)), now: .zero))
          == ["failed: n:9848: gone"])
    }
  }

  @Test func `a subscription without a list ends the session`() throws {
    for body in ["{}", #"{"serviceInfo":[]}"#, #"{"serviceInfo":{"hosts":5}}"#, "[]"] {
      var session = Self.session()
      _ = session.handle(.start, now: .zero)
      _ = session.handle(
        .responded(.check, .success(try Self.message("ServerCheckResponse"))), now: .zero)
      _ = session.handle(.woken, now: .seconds(1))
      #expect(
        Self.short(
          session.handle(
            .responded(.subscribe, .success(try Self.message("SubscribeServiceResponse", body))),
            now: .zero)) == ["failed: n:9848 returned no list for the subscription"])
    }
  }

  @Test func `a change is acknowledged and passed on`() throws {
    var session = try Self.live()
    let acknowledged = "say NotifySubscriberResponse 7"
    let says = { (event: NacosSession.Event) in Self.short(session.handle(event, now: .zero)) }
    #expect(says(try Self.notice(["b"], at: 101)) == [acknowledged, "update b:1*1"])
    // The same moment may bring another list.
    #expect(says(try Self.notice(["c"], at: 101)) == [acknowledged, "update c:1*1"])
    #expect(says(try Self.notice(["old"], at: 100)) == [acknowledged])
    #expect(says(try Self.notice([], at: 102)) == [acknowledged, "update "])
    #expect(says(try Self.notice(["x"], at: 103, name: "pai-eas@@other")) == [acknowledged])
    #expect(says(try Self.notice(["x"], at: 103, name: "svc")) == [acknowledged, "update x:1*1"])
    #expect(
      says(.pushed(try Self.message("NotifySubscriberRequest", #"{"requestId":"7"}"#)))
        == [acknowledged])
    #expect(
      says(.pushed(try Self.message("NotifySubscriberRequest", "[1]")))
        == ["say NotifySubscriberResponse -"])
    #expect(says(.pushed(try Self.message("SomethingNewRequest"))) == [])
  }

  @Test func `a reply carries the number of its request`() throws {
    var session = try Self.live()
    let actions = session.handle(
      .pushed(try Self.message("ClientDetectionRequest", #"{"requestId":"42"}"#)), now: .zero)
    #expect(Self.short(actions) == ["say ClientDetectionResponse 42"])
    guard case .send(let reply) = actions[0] else { return }
    #expect(
      String(decoding: reply.body.text, as: UTF8.self)
        == #"{"errorCode":0,"requestId":"42","resultCode":200}"#)
  }

  @Test func `an idle server is sent a health check`() throws {
    var session = try Self.live()
    #expect(session.wakeAt == .seconds(6))
    // Whatever it sends is one.
    _ = session.handle(try Self.notice(["a"], at: 101), now: .seconds(3))
    #expect(session.wakeAt == .seconds(8))
    #expect(session.handle(.woken, now: .seconds(7)) == [])
    #expect(
      Self.short(session.handle(.woken, now: .seconds(8))) == ["call health HealthCheckRequest"])
    #expect(session.wakeAt == nil)
    let well = try Self.message("HealthCheckResponse", #"{"resultCode":200,"success":true}"#)
    #expect(session.handle(.responded(.health, .success(well)), now: .seconds(9)) == [])
    #expect(session.wakeAt == .seconds(14))
  }

  @Test func `a session ends after three unanswered health checks`() throws {
    var session = try Self.live()
    _ = session.handle(.woken, now: .seconds(6))
    let failure = HTTPFetchError("the deadline passed")
    for _ in 1...2 {
      #expect(
        Self.short(session.handle(.responded(.health, .failure(failure)), now: .seconds(9)))
          == ["call health HealthCheckRequest"])
    }
    #expect(
      Self.short(session.handle(.responded(.health, .failure(failure)), now: .seconds(9)))
        == ["failed: the deadline passed"])
    #expect(session.handle(try Self.notice(["a"], at: 999), now: .seconds(9)) == [])
    #expect(session.wakeAt == nil)
  }

  @Test(arguments: [
    (#"{"requestId":"1","serverIp":"n2","serverPort":"8848"}"#, "moved: n2 8848"),
    (#"{"requestId":"1","serverIp":"n2","serverPort":8848}"#, "moved: n2 8848"),
    (#"{"requestId":"1"}"#, "moved: - 0"),
  ]) func `a server can redirect its client`(_ body: String, ending: String) throws {
    var session = try Self.live()
    #expect(
      Self.short(
        session.handle(.pushed(try Self.message("ConnectResetRequest", body)), now: .zero))
        == ["say ConnectResetResponse 1", ending])
    #expect(session.handle(.streamEnded("x"), now: .zero) == [])
  }

  @Test func `the end of the stream ends the session`() throws {
    var session = try Self.live()
    #expect(Self.short(session.handle(.streamEnded("gone"), now: .zero)) == ["failed: gone"])
    #expect(session.wakeAt == nil)
  }

  @Test func `random events neither block a session nor revive one that ended`() throws {
    let events: [NacosSession.Event] = [
      .start, .woken, .streamEnded("gone"), try Self.notice(["a"], at: 5),
      .pushed(try Self.message("SetupAckRequest")),
      .pushed(try Self.message("ConnectResetRequest")),
      .pushed(try Self.message("ClientDetectionRequest")),
      .responded(.check, .success(try Self.message("ServerCheckResponse"))),
      .responded(
        .subscribe,
        .success(
          try Self.message("S", #"{"serviceInfo":\#(Self.info(["a"], at: 1))}"#))),
      .responded(.health, .success(try Self.message("HealthCheckResponse"))),
      .responded(.health, .failure(HTTPFetchError("x"))),
      .responded(.subscribe, .success(try Self.message("E", #"{"resultCode":5,"errorCode":301}"#))),
    ]
    for seed in 0..<200 {
      var generator = SeededGenerator(seed: UInt64(seed))
      var session = Self.session()
      var now = Duration.zero
      var endings = 0
      _ = session.handle(.start, now: now)
      for _ in 0..<60 {
        now += .seconds(Int.random(in: 0...6, using: &generator))
        // Only the first event begins a session.
        let event = events[Int.random(in: 1..<events.count, using: &generator)]
        let actions = session.handle(event, now: now)
        let ends = actions.filter { if case .end = $0 { true } else { false } }.count
        #expect(endings == 0 || actions.isEmpty)
        endings += ends
      }
      #expect(endings <= 1)
    }
  }
}
