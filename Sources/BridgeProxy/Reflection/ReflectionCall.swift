package import GRPCWire
package import HTTP2
package import NIOCore
internal import NIOPosix
internal import Synchronization
package import Upstream

/// An endpoint's schema, and what of it can't be served.
package struct ReflectionResult: Sendable, Equatable {
  package var files: ReflectedFiles
  /// One sentence each.
  package var warnings: [String]

  package init(files: ReflectedFiles, warnings: [String] = []) {
    self.files = files
    self.warnings = warnings
  }
}

/// One call of server reflection: a thin shell around `ReflectionState`, for any upstream.
///
/// Confined to the upstream's loop.
package final class ReflectionCall: CallObserver {
  /// What to request, and the limits.
  package struct Options: Sendable {
    /// Sent with the call, as with the service's other calls.
    package var metadata = HeaderBlock()
    /// Full names; empty: all.
    package var services: [String] = []
    /// Timeout for everything, including connecting. Default 10 s.
    package var timeout: TimeAmount = .seconds(10)
    package var limits = ReflectionState.Limits()

    package init() {}
  }

  /// Processes responses, on the event loop or another thread.
  private final class ReflectionExchange: Sendable {
    private let state: Mutex<ReflectionState>

    init(_ state: ReflectionState) {
      self.state = Mutex(state)
    }

    func start() -> [ReflectionRequest] { self.state.withLock { $0.start() } }

    func received(_ message: ByteBuffer) -> ReflectionState.Action {
      self.state.withLock { $0.received(Array(message.readableBytesView)) }
    }

    func ended(_ status: GRPCStatus) -> ReflectionState.Action {
      self.state.withLock { $0.ended(status) }
    }
  }

  private let exchange: ReflectionExchange
  private var receivedByteCount = 0
  /// Whether another thread is processing a response; reading is paused meanwhile.
  private var isWorking = false
  /// The status with which the call ended in the meantime.
  private var end: GRPCStatus?
  private var call: (any UpstreamCall)?
  private let eventLoop: any EventLoop
  private let promise: EventLoopPromise<ReflectionResult>

  /// The versions of the protocol, the newer one first. They differ only in their names.
  private static let paths = [
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
  ]
  /// Time for the endpoint to end the call after the last response.
  private static let endTime = TimeAmount.seconds(1)
  /// Once more bytes than this were received, responses are processed on another thread: 32 MiB of
  /// descriptors would block the loop, and the requests of all clients on it, for a second.
  private static let loopByteLimit = 64 << 10

  private init(_ options: Options, on eventLoop: any EventLoop) {
    self.exchange = ReflectionExchange(
      ReflectionState(services: options.services, limits: options.limits))
    self.eventLoop = eventLoop
    self.promise = eventLoop.makePromise()
  }

  /// Requests an endpoint's schema: with version 1, and with v1alpha if that isn't implemented.
  ///
  /// - Returns: fails with a `ReflectionError`.
  package static func request(
    _ options: Options, _ upstream: any Upstream, on eventLoop: any EventLoop
  ) -> EventLoopFuture<ReflectionResult> {
    eventLoop.assertInEventLoop()
    let deadline = eventLoop.now + options.timeout
    let upstream = NIOLoopBound(upstream, eventLoop: eventLoop)
    return Self.request(options, path: Self.paths[0], upstream.value, deadline, on: eventLoop)
      .flatMapError { error in
        guard (error as? ReflectionError)?.code == .notOffered else {
          return eventLoop.makeFailedFuture(error)
        }
        return Self.request(options, path: Self.paths[1], upstream.value, deadline, on: eventLoop)
      }
  }

  private static func request(
    _ options: Options, path: String, _ upstream: any Upstream, _ deadline: NIODeadline,
    on eventLoop: any EventLoop
  ) -> EventLoopFuture<ReflectionResult> {
    let call = ReflectionCall(options, on: eventLoop)
    var requests = call.exchange.start()[...]
    let first = requests.popFirst().map(Self.message)
    let request = CallRequest(
      path: path, metadata: options.metadata, deadline: deadline, message: first,
      isComplete: false, framing: .messages(replyByteLimit: options.limits.bytes))
    call.call = upstream.start(request, observer: call)
    for request in requests { call.call?.send(Self.message(request), isLast: false) }
    return call.promise.futureResult
  }

  private static func message(_ request: ReflectionRequest) -> ByteBuffer {
    GRPCMessage.framed(ByteBuffer(bytes: request.bytes))
  }

  private func act(_ action: ReflectionState.Action) {
    switch action {
    case .request(let requests):
      for request in requests { self.call?.send(Self.message(request), isLast: false) }
    case .done(let files, let warnings):
      self.promise.succeed(ReflectionResult(files: files, warnings: warnings))
      self.call?.send(ByteBuffer(), isLast: true)
      self.eventLoop.assumeIsolated().scheduleTask(in: Self.endTime) {
        self.call?.cancel()
        self.call = nil
      }
    case .fail(let error):
      self.promise.fail(error)
      self.call?.cancel()
      self.call = nil
    }
  }

  // MARK: Events

  package func callReceivedHead(_ metadata: HeaderBlock) {}

  package func callReceivedMessage(_ message: ByteBuffer) {
    self.receivedByteCount += message.readableBytes
    guard self.receivedByteCount > Self.loopByteLimit else {
      return self.act(self.exchange.received(message))
    }
    self.isWorking = true
    self.call?.pauseReading()
    NIOThreadPool.singleton.runIfActive(eventLoop: self.eventLoop) { [exchange = self.exchange] in
      exchange.received(message)
    }.assumeIsolated().whenComplete { self.worked($0) }
  }

  private func worked(_ action: Result<ReflectionState.Action, any Error>) {
    self.isWorking = false
    switch action {
    case .success(let action): self.act(action)
    case .failure: self.act(.fail(ReflectionError(.unreachable, "the bridge is shutting down")))
    }
    if let end = self.end {
      self.callEnded(end, trailers: HeaderBlock())
    } else {
      self.call?.resumeReading()
    }
  }

  package func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.call = nil
    if self.isWorking {
      self.end = status
    } else {
      self.act(self.exchange.ended(status))
    }
  }
}
