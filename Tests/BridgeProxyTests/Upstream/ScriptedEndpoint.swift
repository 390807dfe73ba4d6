import NIOCore
import NIOEmbedded
import NIOPosix

@testable import Addresses
@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// An endpoint in memory for a pool: connections are embedded channels, their far ends are server
/// sessions that the test drives.
final class ScriptedEndpoint: Connector {
  /// One connection, seen from the endpoint.
  final class Peer {
    /// Whom the connection was made to.
    let address: Configuration.Endpoint
    let channel: EmbeddedChannel
    let session: HTTP2Session
    /// Requests in the order of their coming.
    var requests: [HTTP2Stream] = []
    /// Header lines by stream identifier.
    var heads: [Int32: [String]] = [:]
    /// Payload by stream identifier.
    var bodies: [Int32: ByteBuffer] = [:]
    /// Streams whose request side is complete.
    var ended: Set<Int32> = []
    /// How streams closed.
    var closed: [Int32: UInt32] = [:]
    /// What one write holds.
    var writeLimit = 256 << 10
    /// How many writes the connection has made.
    var writes = 0

    init(
      _ address: Configuration.Endpoint, _ channel: EmbeddedChannel, _ options: HTTP2Session.Options
    ) {
      self.address = address
      self.channel = channel
      self.session = HTTP2Session(role: .server, options: options)
    }

    /// Carries bytes both ways until there are none.
    ///
    /// - Returns: whether there were any.
    @discardableResult
    func exchange() throws -> Bool {
      var hasMoved = false
      var isBusy = true
      while isBusy {
        isBusy = false
        self.channel.embeddedEventLoop.run()
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) {
          self.writes += 1
          isBusy = true
          self.session.receive(bytes)
          self.note(bytes)
        }
        _ = self.session.drain(limit: self.writeLimit)
        self.note(ByteBuffer())
        let output = self.session.output
        self.session.clearOutput()
        if output.readableBytes > 0 && self.channel.isActive {
          isBusy = true
          try self.channel.writeInbound(output)
        }
        hasMoved = hasMoved || isBusy
      }
      return hasMoved
    }

    private func note(_ bytes: ByteBuffer) {
      for event in self.session.events {
        switch event {
        case .headers(let stream, let fields, let ends):
          self.requests.append(stream)
          self.heads[stream.id] = self.session.headers.fields[fields].map {
            "\(self.session.headers.name(of: $0)): \(self.session.headers.value(of: $0))"
          }
          if ends { self.ended.insert(stream.id) }
        case .data(let stream, let range):
          let start = bytes.readerIndex + range.lowerBound
          if let payload = bytes.getSlice(at: start, length: range.count) {
            self.bodies[stream.id, default: ByteBuffer()].writeImmutableBuffer(payload)
          }
          self.session.returnWindow(stream, byteCount: range.count)
        case .endOfStream(let stream):
          self.ended.insert(stream.id)
        case .closed(let stream, let code):
          self.closed[stream.id] = code
        case .settings, .goAway, .pong, .headersTooLarge, .invalidRequest:
          break
        }
      }
      self.session.clearEvents()
    }

    /// A whole good reply with one message.
    func reply(_ stream: HTTP2Stream, _ text: String) {
      self.session.submitResponse(
        stream, .ok, body: GRPCMessage.framed(ByteBuffer(string: text)), endsStream: false)
      self.session.finish(stream, trailers: .good)
    }
  }

  /// What the next attempts meet, first to last; then `accept`.
  enum Outcome {
    case accept
    case fail(any Error)
    /// Neither success nor failure, until the test says so.
    case hang
  }

  let loop = EmbeddedEventLoop()
  var outcomes: [Outcome] = []
  /// Addresses where nobody listens.
  var refusing: Set<Configuration.Endpoint> = []
  var options = HTTP2Session.Options()
  var peers: [Peer] = []
  var attempts = 0
  /// Of attempts that hang. NIO wants each promise kept.
  var hanging: [EventLoopPromise<Void>] = []

  /// What names lead to; nil: no reply, until the test says so.
  var names: [String: [AddressFamily: Result<[SocketAddress], LookupError>]] = [:]
  /// Lookups without a reply that haven't been cancelled.
  var silentLookups = 0
  /// Where the attempts went.
  var dialed: [String] = []

  func lookUp(
    _ host: String, _ family: AddressFamily, on eventLoop: any EventLoop,
    _ found: @escaping (Result<[SocketAddress], LookupError>) -> Void
  ) -> () -> Void {
    guard let reply = self.names[host]?[family] else {
      self.silentLookups += 1
      return { self.silentLookups -= 1 }
    }
    self.loop.assumeIsolated().execute { found(reply) }
    return {}
  }

  func connect(
    _ handler: any ChannelHandler, to address: SocketAddress, of endpoint: Configuration.Endpoint,
    timeout: TimeAmount, on eventLoop: any EventLoop
  ) -> EventLoopFuture<Void> {
    self.dialed.append(address.ipAddress ?? "")
    self.attempts += 1
    if self.refusing.contains(endpoint) {
      return eventLoop.makeFailedFuture(
        IOError(errnoCode: 111, reason: "connect"))
    }
    switch self.outcomes.isEmpty ? .accept : self.outcomes.removeFirst() {
    case .accept:
      let channel = EmbeddedChannel(handler: handler, loop: self.loop)
      self.peers.append(Peer(endpoint, channel, self.options))
      do {
        return channel.connect(to: try SocketAddress(unixDomainSocketPath: "/endpoint"))
      } catch {
        return eventLoop.makeFailedFuture(error)
      }
    case .fail(let error):
      return eventLoop.makeFailedFuture(error)
    case .hang:
      let promise = eventLoop.makePromise(of: Void.self)
      self.hanging.append(promise)
      return promise.futureResult
    }
  }

  /// Carries bytes on all connections, and runs the loop.
  func exchange() throws {
    var isBusy = true
    while isBusy {
      isBusy = false
      self.loop.run()
      for peer in self.peers where try peer.exchange() { isBusy = true }
    }
  }
}

/// Notes the events of one call.
final class RecordingObserver: CallObserver {
  enum Event: Equatable {
    case head([String])
    case message(String)
    case end(GRPCStatus, [String])
  }

  var events: [Event] = []
  /// Run at each message, for tests that act within an event.
  var onMessage: () -> Void = {}
  /// Run at the end.
  var onEnd: () -> Void = {}
  /// How often room was made for more.
  private(set) var rooms = 0

  func callCanSend() {
    self.rooms += 1
  }

  func callReceivedHead(_ metadata: HeaderBlock) {
    self.events.append(.head(metadata.lines))
  }

  func callReceivedMessage(_ message: ByteBuffer) {
    self.events.append(.message(String(buffer: message)))
    self.onMessage()
  }

  func callEnded(_ status: GRPCStatus, trailers: HeaderBlock) {
    self.events.append(.end(status, trailers.lines))
    self.onEnd()
  }

  /// The status of the end, if it has come.
  var status: GRPCStatus? {
    for case .end(let status, _) in self.events { return status }
    return nil
  }

  /// A good reply with one message.
  static func good(_ text: String) -> [Event] {
    [.head([]), .message(text), .end(GRPCStatus(.ok), [])]
  }
}
