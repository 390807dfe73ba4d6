internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Time
internal import Upstream

/// Does what a `NacosSession` says, on one HTTP/2 connection. Confined to its event loop; thin.
final class NacosConnection {
  /// What comes of it.
  enum Output: Sendable {
    case update(EndpointUpdate)
    /// The last one. `liveFor`: how long it had been subscribed; nil: never.
    case end(NacosSession.Ending, liveFor: Duration?)
  }

  private let eventLoop: any EventLoop
  private let pool: HTTP2Pool
  private var session: NacosSession
  private let clientAddress: String
  private let output: AsyncStream<Output>.Continuation
  private var stream: (any UpstreamCall)?
  private var timer: Scheduled<Void>?
  private var liveSince: Duration?
  private var hasEnded = false

  /// For one answer.
  private static let callTimeout = TimeAmount.seconds(3)
  /// Between the last message and the end of the connection.
  private static let goodbyeTime = TimeAmount.milliseconds(100)
  /// Outputs that wait for a consumer that's late; the oldest give way.
  private static let waitingLimit = 64

  /// Connects, and gives what comes of it; closes when the stream is dropped or has ended.
  ///
  /// - Parameter server: where the registry's gRPC answers.
  static func outputs(
    _ session: NacosSession, at server: Configuration.Endpoint, on eventLoop: any EventLoop,
    connector: @escaping @Sendable () -> any Connector
  ) -> AsyncStream<Output> {
    AsyncStream(bufferingPolicy: .bufferingNewest(Self.waitingLimit)) { continuation in
      let box = NIOLoopBoundBox.makeEmptyBox(valueType: NacosConnection.self, eventLoop: eventLoop)
      continuation.onTermination = { _ in
        eventLoop.execute {
          box.value?.close()
          box.value = nil
        }
      }
      eventLoop.execute {
        let connection = NacosConnection(
          session, at: server, on: eventLoop, connector: connector(), output: continuation)
        box.value = connection
        connection.handle(.start)
      }
    }
  }

  private init(
    _ session: NacosSession, at server: Configuration.Endpoint, on eventLoop: any EventLoop,
    connector: any Connector, output: AsyncStream<Output>.Continuation
  ) {
    self.eventLoop = eventLoop
    self.session = session
    self.output = output
    var limits = Configuration.Limits()
    limits.endpointConnections = 1
    limits.callsInFlight = 16
    limits.callsWaiting = 16
    limits.connectTimeout = .seconds(3)
    self.pool = HTTP2Pool(
      eventLoop: eventLoop, endpoint: server, limits: limits, userAgent: "bridge-proxy",
      connector: connector)
    self.clientAddress = Self.localAddress
  }

  // MARK: Events

  fileprivate func handle(_ event: NacosSession.Event) {
    guard !self.hasEnded else { return }
    let now = Self.now
    let actions = self.session.handle(event, now: now)
    if self.session.isLive, self.liveSince == nil { self.liveSince = now }
    for action in actions {
      switch action {
      case .call(let call, let message): self.start(call, message)
      case .open(let message): self.open(message)
      case .send(let message): self.stream?.send(self.frame(message), isLast: false)
      case .update(let update): self.output.yield(.update(update))
      case .end(let ending):
        self.output.yield(.end(ending, liveFor: self.liveSince.map { now - $0 }))
        self.output.finish()
        self.close()
      }
    }
    self.schedule()
  }

  /// Ends our side of the stream, and closes once the server has had a moment to read what was said:
  /// a reset right behind a message takes the message with it.
  private func close() {
    guard !self.hasEnded else { return }
    self.hasEnded = true
    self.timer?.cancel()
    self.timer = nil
    let pool = self.pool
    let loop = self.eventLoop.assumeIsolated()
    guard let stream = self.stream.take() else { return loop.execute { pool.closeNow() } }
    stream.send(ByteBuffer(), isLast: true)
    loop.scheduleTask(in: Self.goodbyeTime) { pool.closeNow() }
  }

  private func schedule() {
    self.timer?.cancel()
    self.timer = nil
    guard !self.hasEnded, let wakeAt = self.session.wakeAt else { return }
    let wait = max(.zero, TimeAmount(clamping: wakeAt - Self.now))
    self.timer = self.eventLoop.assumeIsolated().scheduleTask(in: wait) { [weak self] in
      self?.handle(.woken)
    }
  }

  // MARK: Calls

  private func start(_ call: NacosSession.Call, _ message: NacosMessage) {
    var request = CallRequest(
      path: "/Request/request", deadline: .now() + Self.callTimeout,
      message: self.frame(message))
    request.replyByteLimit = HTTPFetch.byteLimit
    _ = self.pool.start(request, observer: UnaryObserver(call, self))
  }

  private func open(_ message: NacosMessage) {
    var request = CallRequest(
      path: "/BiRequestStream/requestBiStream", message: self.frame(message), isComplete: false)
    request.replyByteLimit = HTTPFetch.byteLimit
    self.stream = self.pool.start(request, observer: StreamObserver(self))
  }

  private func frame(_ message: NacosMessage) -> ByteBuffer {
    GRPCMessage.framed(NacosPayload.encode(message, clientAddress: self.clientAddress))
  }

  /// Why a call gave nothing. The transport's own words name the endpoint; others don't.
  fileprivate func failure(_ status: GRPCStatus) -> HTTPFetchError {
    let name = "\(self.pool.endpoint)"
    if status.origin == .endpoint {
      let words = ConfigurationValues.quoted(status.message)
      return HTTPFetchError("\(name) answered \(status.code.name), \(words)")
    }
    let words = status.message.isEmpty ? status.code.name : status.message
    return HTTPFetchError(words.contains(name) ? words : "\(name): \(words)")
  }

  private static var now: Duration {
    .nanoseconds(Int64(NIODeadline.now().uptimeNanoseconds))
  }

  /// What a registry's console shows of its clients: this machine's first address that others can reach.
  private static var localAddress: String {
    let addresses = (try? System.enumerateDevices())?.compactMap(\.address) ?? []
    for address in addresses {
      if case .v4 = address, let text = address.ipAddress, !text.hasPrefix("127.") { return text }
    }
    return "127.0.0.1"
  }

  // MARK: Observers

  private final class UnaryObserver: CallObserver {
    private let call: NacosSession.Call
    private let connection: NacosConnection
    private var message: ByteBuffer?

    init(_ call: NacosSession.Call, _ connection: NacosConnection) {
      self.call = call
      self.connection = connection
    }

    func callReceivedHead(_ metadata: HeaderBlock) {}

    func callReceivedMessage(_ message: ByteBuffer) {
      self.message = message
    }

    func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
      guard status.isOK, let message = self.message else {
        let status = status.isOK ? GRPCStatus(.internal, "an answer without a message") : status
        return self.connection.handle(
          .responded(self.call, .failure(self.connection.failure(status))))
      }
      self.connection.handle(
        .responded(self.call, NacosConnection.read(message, self.connection)))
    }
  }

  private final class StreamObserver: CallObserver {
    private let connection: NacosConnection

    init(_ connection: NacosConnection) {
      self.connection = connection
    }

    func callReceivedHead(_ metadata: HeaderBlock) {}

    func callReceivedMessage(_ message: ByteBuffer) {
      switch NacosConnection.read(message, self.connection) {
      case .success(let message): self.connection.handle(.pushed(message))
      case .failure(let failure): self.connection.handle(.streamEnded("\(failure)"))
      }
    }

    func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
      let status = status.isOK ? GRPCStatus(.unavailable, "the registry ended the stream") : status
      self.connection.handle(.streamEnded("\(self.connection.failure(status))"))
    }
  }

  private static func read(
    _ message: ByteBuffer, _ connection: NacosConnection
  ) -> Result<NacosMessage, HTTPFetchError> {
    do throws(NacosPayload.DecodingError) {
      return .success(try NacosPayload.decode(message))
    } catch {
      return .failure(HTTPFetchError("\(connection.pool.endpoint) sent \(error)"))
    }
  }
}
