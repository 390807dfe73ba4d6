internal import Addresses
internal import BridgeConfiguration
internal import NIOCore
internal import NIOHTTP1
internal import Time
internal import Upstream

/// The requests of discovery in progress, and an idle connection per server. Confined to its event loop.
final class FetchConnections {
  /// A request in progress.
  private struct Exchange {
    var request: HTTPFetch.Request
    var target: HTTPTarget
    var connector: any Connector
    var timeout: Scheduled<Void>
    var way: Way
    var done: (HTTPFetch.Outcome) -> Void

    var head: HTTPRequestHead {
      var headers = HTTPHeaders([
        ("host", self.target.authority), ("user-agent", Product.userAgent),
      ])
      for (name, value) in self.request.headers { headers.add(name: name, value: value) }
      if !self.request.body.isEmpty || self.request.method == .post {
        headers.add(name: "content-length", value: String(self.request.body.count))
      }
      return HTTPRequestHead(
        version: .http1_1, method: self.request.method == .get ? .GET : .POST,
        uri: self.target.path, headers: headers)
    }
  }

  /// The connection of a request in progress: being opened, or awaiting the response.
  private enum Way {
    case dialing(Dialer<FetchConnection>)
    case sent(FetchConnection)
  }

  private struct Idle {
    var connection: FetchConnection
    var end: Scheduled<Void>
  }

  private let eventLoop: any EventLoop
  private var exchanges: [Int: Exchange] = [:]
  private var idle: [HTTPTarget.Origin: Idle] = [:]
  private var dialCount = 0
  private var isShutDown = false

  /// A source that polls every few seconds keeps its connection; one that polls less often releases it,
  /// and its host is looked up again.
  private static let keptTime = TimeAmount.seconds(30)

  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  /// Sends a request.
  ///
  /// - Parameters:
  ///   - number: identifies it, for `cancel`.
  ///   - connector: opens a connection to its server.
  ///   - done: called once; from within this function after `shutDown`.
  func start(
    _ number: Int, _ request: HTTPFetch.Request, to target: HTTPTarget,
    by connector: any Connector, done: @escaping (HTTPFetch.Outcome) -> Void
  ) {
    self.eventLoop.assertInEventLoop()
    guard !self.isShutDown else {
      return done(.failure(HTTPFetchError("\(request.url): the request wasn't sent")))
    }
    let timeout = self.eventLoop.assumeIsolated().scheduleTask(
      in: TimeAmount(clamping: request.timeout)
    ) {
      self.timedOut(number)
    }
    if let kept = self.takeIdle(target.origin) {
      self.exchanges[number] = Exchange(
        request: request, target: target, connector: connector, timeout: timeout, way: .sent(kept),
        done: done)
      self.send(number, on: kept)
    } else {
      let dialer = self.dialer(for: number, target, connector, request.timeout)
      self.exchanges[number] = Exchange(
        request: request, target: target, connector: connector, timeout: timeout,
        way: .dialing(dialer), done: done)
      dialer.start()
    }
  }

  /// Ends a request early; no effect once it has ended.
  func cancel(_ number: Int) {
    self.fail(number, ": the request was cancelled", closes: true)
  }

  /// Ends all requests and closes all connections.
  func shutDown() {
    self.isShutDown = true
    for number in Array(self.exchanges.keys) { self.cancel(number) }
    let idle = self.idle.values
    self.idle = [:]
    for each in idle {
      each.end.cancel()
      each.connection.close()
    }
  }

  // MARK: Private

  private func takeIdle(_ origin: HTTPTarget.Origin) -> FetchConnection? {
    guard let found = self.idle.removeValue(forKey: origin) else { return nil }
    found.end.cancel()
    return found.connection.isIdle ? found.connection : nil
  }

  private func keep(_ connection: FetchConnection, _ origin: HTTPTarget.Origin) {
    guard connection.isIdle, self.idle[origin] == nil, !self.isShutDown else {
      return connection.close()
    }
    let end = self.eventLoop.assumeIsolated().scheduleTask(in: Self.keptTime) { () -> Void in
      self.idle.removeValue(forKey: origin)?.connection.close()
    }
    connection.onClose = { [weak self, weak connection] in
      guard let self, self.idle[origin]?.connection === connection else { return }
      self.idle.removeValue(forKey: origin)?.end.cancel()
    }
    self.idle[origin] = Idle(connection: connection, end: end)
  }

  private func dialer(
    for number: Int, _ target: HTTPTarget, _ connector: any Connector, _ timeout: Duration
  ) -> Dialer<FetchConnection> {
    self.dialCount += 1
    return Dialer(
      id: ConnectionID(self.dialCount),
      Dialer.Target(
        endpoint: target.origin.endpoint, connector: connector,
        timeout: TimeAmount(clamping: timeout), setting: nil, greeting: "connection"),
      on: self.eventLoop,
      make: { FetchConnection($0, attempt: $1, to: target.origin.endpoint) },
      onEnd: { self.dialed(number, $0) })
  }

  private func dialed(_ number: Int, _ outcome: Dialer<FetchConnection>.Outcome) {
    switch outcome {
    case .connected(let connection, _):
      guard self.exchanges[number] != nil else { return connection.close() }
      self.exchanges[number]?.way = .sent(connection)
      // The dialer reports from within the channel's activation.
      self.eventLoop.assumeIsolated().execute { self.send(number, on: connection) }
    case .failed(let reason):
      self.fail(number, ": \(reason)", closes: false)
    }
  }

  private func send(_ number: Int, on connection: FetchConnection) {
    guard let exchange = self.exchanges[number] else { return }
    guard connection.isIdle else {
      return self.fail(number, ": the connection was closed at once", closes: false)
    }
    connection.send(exchange.head, body: exchange.request.body) { self.received(number, $0) }
  }

  private func received(_ number: Int, _ outcome: FetchConnection.Outcome) {
    guard let exchange = self.exchanges[number], case .sent(let connection) = exchange.way else {
      return
    }
    switch outcome {
    case .response(let response):
      self.exchanges[number] = nil
      exchange.timeout.cancel()
      self.keep(connection, exchange.target.origin)
      exchange.done(.success(response))
    case .failed(_, isStale: true):
      // RFC 9112 §9.3.1: nothing suggests that the server has processed it.
      let dialer = self.dialer(
        for: number, exchange.target, exchange.connector, exchange.request.timeout)
      self.exchanges[number]?.way = .dialing(dialer)
      dialer.start()
    case .failed(let reason, isStale: false):
      self.fail(number, ": \(reason)", closes: false)
    }
  }

  private func timedOut(_ number: Int) {
    guard let exchange = self.exchanges[number] else { return }
    switch exchange.way {
    case .dialing(let dialer):
      dialer.timeOut()
    case .sent:
      let time = DurationText.of(exchange.request.timeout)
      self.fail(number, " did not respond within \(time)", closes: true)
    }
  }

  /// - Parameter text: follows the URL in the message.
  private func fail(_ number: Int, _ text: String, closes: Bool) {
    guard let exchange = self.exchanges.removeValue(forKey: number) else { return }
    exchange.timeout.cancel()
    if closes {
      switch exchange.way {
      case .dialing(let dialer): dialer.cancel("cancelled")
      case .sent(let connection): connection.close()
      }
    }
    exchange.done(.failure(HTTPFetchError("\(exchange.request.url)\(text)")))
  }
}
