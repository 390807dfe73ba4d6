internal import BridgeConfiguration
internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Time
internal import Upstream

/// Executes the actions of a `NacosSession` on one HTTP/2 connection. Confined to its event loop; thin.
final class NacosConnection {
  /// A result of the connection.
  enum Output: Sendable {
    case update(EndpointUpdate)
    /// The last output. `liveFor`: how long the subscription lasted; nil: never subscribed.
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

  /// Timeout of one call.
  private static let callTimeout = TimeAmount.seconds(3)
  /// Delay between the last message and closing the connection.
  private static let goodbyeTime = TimeAmount.milliseconds(100)
  /// Outputs buffered for a slow consumer; the oldest are dropped.
  private static let waitingLimit = 64

  /// Connects and returns the connection's outputs; closes when the stream is dropped or has ended.
  ///
  /// - Parameter server: the address of the registry's gRPC port.
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
      eventLoop: eventLoop, endpoint: server, limits: limits, userAgent: Product.userAgent,
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

  /// Half-closes the stream, and closes the connection after a delay in which the server can read what
  /// was sent: a reset directly after a message would discard the message.
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
    request.framing = .messages(replyByteLimit: HTTPFetch.byteLimit)
    _ = self.pool.start(request, observer: UnaryObserver(call, self))
  }

  private func open(_ message: NacosMessage) {
    var request = CallRequest(
      path: "/BiRequestStream/requestBiStream", message: self.frame(message), isComplete: false)
    request.framing = .messages(replyByteLimit: HTTPFetch.byteLimit)
    self.stream = self.pool.start(request, observer: StreamObserver(self))
  }

  private func frame(_ message: NacosMessage) -> ByteBuffer {
    GRPCMessage.framed(NacosPayload.encode(message, clientAddress: self.clientAddress))
  }

  /// The error of a failed call. The transport's messages name the endpoint already; others don't.
  fileprivate func failure(_ status: GRPCStatus) -> HTTPFetchError {
    let name = "\(self.pool.endpoint)"
    if status.origin == .endpoint {
      let words = ConfigurationValues.quoted(status.message)
      return HTTPFetchError("\(name) returned \(status.code.name), \(words)")
    }
    let words = status.message.isEmpty ? status.code.name : status.message
    return HTTPFetchError(words.contains(name) ? words : "\(name): \(words)")
  }

  private static var now: Duration {
    .nanoseconds(Int64(NIODeadline.now().uptimeNanoseconds))
  }

  /// The address shown for this client in the registry's console: this machine's first non-loopback IPv4
  /// address.
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
        let status = status.isOK ? GRPCStatus(.internal, "a response without a message") : status
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
