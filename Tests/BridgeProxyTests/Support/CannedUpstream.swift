import BridgeProxy
import NIOCore

@testable import AccessLogging
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// An upstream whose calls the test answers, step by step; the fake of the `Upstream` seam.
///
/// Calls are kept in order; the test drives each with `head`, `reply`, `end`. With `automatic` set,
/// each call is answered in the next turn of the loop instead.
final class CannedUpstream: Upstream {
  /// A call under way.
  final class Call: UpstreamCall {
    let request: CallRequest
    private let observer: any CallObserver
    private(set) var isCancelled = false
    private(set) var isEnded = false
    /// What was sent behind the request's own message, frames and all.
    private(set) var sent: [[UInt8]] = []
    /// Whether the request side was closed by `send`.
    private(set) var isComplete = false
    /// Calls of `pauseReading` and `resumeReading`, in order.
    private(set) var flow: [String] = []

    init(_ request: CallRequest, _ observer: any CallObserver) {
      self.request = request
      self.observer = observer
    }

    /// The message without its frame.
    var message: [UInt8] {
      Array((self.request.message ?? ByteBuffer()).readableBytesView.dropFirst(5))
    }

    /// The five bytes of its frame.
    var prefix: [UInt8] {
      Array((self.request.message ?? ByteBuffer()).readableBytesView.prefix(5))
    }

    func head(_ fields: [(String, String)]) {
      guard !self.isCancelled else { return }
      self.observer.callReceivedHead(block(fields))
    }

    func reply(_ bytes: [UInt8]) {
      guard !self.isCancelled else { return }
      self.observer.callReceivedMessage(ByteBuffer(bytes: bytes))
    }

    func end(_ status: GRPCStatus = GRPCStatus(.ok), trailers: [(String, String)] = []) {
      guard !self.isCancelled, !self.isEnded else { return }
      self.isEnded = true
      self.observer.callEnded(status, trailers: block(trailers))
    }

    private func block(_ fields: [(String, String)]) -> HeaderBlock {
      var block = HeaderBlock()
      for (name, value) in fields { block.append(name, value) }
      return block
    }

    func send(_ message: ByteBuffer, isLast: Bool) {
      if message.readableBytes > 0 { self.sent.append(Array(message.readableBytesView)) }
      if isLast { self.isComplete = true }
    }

    /// What the endpoint hasn't taken, as the test would have it.
    var unsentBytes = 0

    /// Notifies the observer that more can be sent.
    func makeRoom() {
      self.unsentBytes = 0
      guard !self.isCancelled else { return }
      self.observer.callCanSend()
    }

    /// What was given beyond the first message, as text; a bar ends the request.
    var sentText: [String] {
      self.sent.map { String(decoding: $0, as: UTF8.self) } + (self.isComplete ? ["|"] : [])
    }

    /// Whether its client may be gone.
    private(set) var hasYielded = false

    func markSheddable() { self.hasYielded = true }
    func cancel() { self.isCancelled = true }
    func pauseReading() { self.flow.append("pause") }
    func resumeReading() { self.flow.append("resume") }
  }

  private(set) var calls: [Call] = []
  /// Answers each call by itself; nil: the test does.
  var automatic: ((Call) -> Void)?
  private let eventLoop: any EventLoop

  init(on eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  func start(_ request: CallRequest, observer: any CallObserver) -> any UpstreamCall {
    let call = Call(request, observer)
    self.calls.append(call)
    if let automatic = self.automatic {
      self.eventLoop.assumeIsolated().execute { automatic(call) }
    }
    return call
  }

  /// Sends each request's message back.
  func echoes() {
    self.automatic = { call in
      call.reply(call.message)
      call.end()
    }
  }
}

/// An access log that a test can read.
final class AccessList: AccessRecorder {
  private(set) var entries: [AccessEntry] = []

  func record(_ entry: AccessEntry) {
    self.entries.append(entry)
  }
}
