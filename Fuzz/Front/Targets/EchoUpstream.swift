internal import GRPCWire
internal import HTTP2
internal import NIOCore
internal import Upstream

/// An endpoint that responds to each message of a request with an empty one, which is valid for
/// every type, in the next loop turn; or one that never responds.
final class EchoUpstream: Upstream {
  /// One call in progress.
  final class Call: UpstreamCall {
    let path: String
    private let observer: any CallObserver
    private let upstream: EchoUpstream
    private(set) var isOpen = true

    init(_ request: CallRequest, _ observer: any CallObserver, _ upstream: EchoUpstream) {
      self.path = request.path
      self.observer = observer
      self.upstream = upstream
    }

    var unsentBytes: Int { 0 }

    func send(_ message: ByteBuffer, isLast: Bool) {
      guard self.isOpen, self.upstream.answersCalls else { return }
      self.upstream.eventLoop.assumeIsolated().execute {
        if message.readableBytes > 0 { self.reply() }
        if isLast { self.end() }
      }
    }

    func begin(hasMessage: Bool, isComplete: Bool) {
      guard self.upstream.answersCalls else { return }
      self.upstream.eventLoop.assumeIsolated().execute {
        guard self.isOpen else { return }
        self.observer.callReceivedHead(HeaderBlock())
        if hasMessage { self.reply() }
        if isComplete { self.end() }
      }
    }

    private func reply() {
      guard self.isOpen else { return }
      self.observer.callReceivedMessage(ByteBuffer())
    }

    private func end() {
      guard self.isOpen else { return }
      self.isOpen = false
      self.observer.callEnded(GRPCStatus(.ok), trailers: HeaderBlock())
    }

    func cancel() { self.isOpen = false }
    func pauseReading() {}
    func resumeReading() {}
  }

  let eventLoop: any EventLoop
  let answersCalls: Bool
  private(set) var calls: [Call] = []

  init(on eventLoop: any EventLoop, answersCalls: Bool) {
    self.eventLoop = eventLoop
    self.answersCalls = answersCalls
  }

  /// Releases the calls, which retain their upstream and their observers; anything left of a
  /// connection is then a leak.
  func forgetCalls() {
    self.calls = []
  }

  func start(_ request: CallRequest, observer: any CallObserver) -> any UpstreamCall {
    let call = Call(request, observer, self)
    self.calls.append(call)
    call.begin(hasMessage: request.message != nil, isComplete: request.isComplete)
    return call
  }
}
