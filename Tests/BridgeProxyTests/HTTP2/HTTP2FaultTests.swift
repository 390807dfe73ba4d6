import NIOCore
import Testing

@testable import HTTP2

/// Clients that break HTTP/2 or waste streams, frame by frame against a server session.
@Suite struct HTTP2FaultTests {
  private final class Clock {
    var now = NIODeadline.uptimeNanoseconds(0)
  }

  private final class Server {
    let clock = Clock()
    let session: HTTP2Session
    var headCount = 0
    var output = ByteBuffer()
    /// Answers each request at once.
    var responses = false

    init(streams: Int = 100) {
      var options = HTTP2Session.Options()
      let clock = self.clock
      options.now = { clock.now }
      options.concurrentStreams = streams
      self.session = HTTP2Session(role: .server, options: options)
      self.take(RawFrames.preface)
      // The acknowledgement of the server's settings.
      self.take(RawFrames.frame(4, 1, 0))
    }

    /// Gives it bytes, handles the events, and takes what it sends.
    func take(_ bytes: [UInt8]) {
      self.session.receive(ByteBuffer(bytes: bytes))
      repeat {
        for event in self.session.events {
          guard case .headers(let stream, _, _) = event else { continue }
          self.headCount += 1
          if self.responses {
            self.session.submitResponse(stream, [":status": "200"], endsStream: true)
          }
        }
        self.session.clearEvents()
      } while self.session.drain() || !self.session.events.isEmpty
      self.output.writeImmutableBuffer(self.session.output)
      self.session.clearOutput()
    }

    var resets: [Int32: UInt8] {
      var resets: [Int32: UInt8] = [:]
      for frame in RawFrames.split(self.output) where frame.type == 3 {
        resets[frame.stream] = frame.payload[3]
      }
      return resets
    }
  }

  // MARK: Faults of the connection

  @Test(
    arguments: [
      RawFrames.frame(4, 0, 0, [0, 4, 0x80, 0, 0, 0]),
      RawFrames.frame(4, 0, 0, [0, 2, 0, 0, 0, 2]),
      RawFrames.frame(8, 0, 0, [0, 0, 0, 0]),
      RawFrames.frame(6, 0, 0, [1]),
      RawFrames.frame(7, 0, 1, [0, 0, 0, 0, 0, 0, 0, 0]),
    ], [HTTP2Session.Role.server, .client])
  func `a connection error ends the connection`(frame: [UInt8], role: HTTP2Session.Role) {
    let session = HTTP2Session(role: role)
    let greeting = role == .server ? RawFrames.preface : RawFrames.frame(4, 0, 0)
    session.receive(ByteBuffer(bytes: greeting + frame))
    _ = session.drain()
    var output = session.output
    // A client begins with the preface (RFC 9113 §3.4).
    if role == .client { output.moveReaderIndex(forwardBy: 24) }
    #expect(RawFrames.split(output).contains { $0.type == 7 } && session.isDone)
  }

  // MARK: Wasted streams

  /// What a client does to have a stream reset (CVE-2023-44487, CVE-2025-8671).
  private static let wastes: [(String, @Sendable (Int32) -> [UInt8])] = [
    ("its own reset", { RawFrames.request($0, ends: true) + RawFrames.reset($0) }),
    ("a second head", { RawFrames.request($0) + RawFrames.request($0) }),
    (
      "a body longer than its length",
      {
        RawFrames.request($0, [("content-length", "1")]) + RawFrames.frame(0, 0, $0, [1, 2])
      }
    ),
    (
      "a body shorter than its length",
      {
        RawFrames.request($0, [("content-length", "3")]) + RawFrames.frame(0, 1, $0, [1, 2])
      }
    ),
    (
      "a window beyond its bound",
      { RawFrames.request($0) + RawFrames.frame(8, 0, $0, [0x7F, 0xFF, 0xFF, 0xFF]) }
    ),
    (
      "trailers with a pseudo-header field",
      {
        RawFrames.request($0) + RawFrames.frame(1, 5, $0, RawFrames.field(":path", "/"))
      }
    ),
    ("a head without a path", { RawFrames.frame(1, 5, $0, RawFrames.field(":method", "GET")) }),
    (
      "a head that is too large",
      {
        RawFrames.request($0, [(String, String)](repeating: ("x", "\(Self.filler)"), count: 5))
          + RawFrames.reset($0)
      }
    ),
    (
      "frames for a stream that it has reset",
      { id in
        RawFrames.request(id, ends: true) + RawFrames.reset(id) + RawFrames.request(id)
      }
    ),
  ]
  private static let filler = String(repeating: "y", count: 3_000)

  @Test(arguments: wastes.indices)
  func `a client that wastes streams gets ENHANCE_YOUR_CALM`(_ index: Int) {
    let server = Server()
    var id: Int32 = 1
    while !server.session.isDone, id < 4 * Int32(FaultBudget.burst) {
      server.take(Self.wastes[index].1(id))
      id += 2
    }
    #expect(server.session.isDone, "\(Self.wastes[index].0)")
    #expect(RawFrames.goAway(server.output) == HTTP2ErrorCode.enhanceYourCalm)
    #expect(server.headCount <= FaultBudget.burst + 1)
    // What comes afterwards isn't looked at.
    let seen = server.headCount
    server.take(RawFrames.request(id, ends: true))
    #expect(server.headCount == seen)
  }

  @Test func `a connection can end in the middle of a read`() {
    let server = Server(streams: 10_000)
    var bytes: [UInt8] = []
    for index in 0..<2_000 {
      let id = Int32(index) * 2 + 1
      bytes += RawFrames.request(id) + RawFrames.request(id)
    }
    server.take(bytes)
    #expect(server.session.isDone)
    #expect(server.headCount <= FaultBudget.burst + 1)
    #expect(RawFrames.goAway(server.output) == HTTP2ErrorCode.enhanceYourCalm)
  }

  @Test func `occasional faults are tolerated`() {
    let server = Server()
    for index in 0..<900 {
      let id = Int32(index) * 2 + 1
      server.take(RawFrames.request(id) + RawFrames.request(id))
      server.clock.now = server.clock.now + .milliseconds(40)
    }
    #expect(!server.session.isDone && RawFrames.goAway(server.output) == nil)
    #expect(server.headCount == 900)
  }

  @Test func `resets of completed streams cost nothing`() {
    let server = Server()
    server.responses = true
    for index in 0..<(FaultBudget.burst + 100) {
      let id = Int32(index) * 2 + 1
      server.take(RawFrames.request(id))
      server.take(RawFrames.reset(id))
    }
    #expect(!server.session.isDone)
    #expect(server.headCount == FaultBudget.burst + 100)
  }

  @Test func `a faulty stream is recognized before it's reset`() {
    let session = HTTP2Session(role: .server)
    session.receive(ByteBuffer(bytes: RawFrames.preface))
    session.receive(
      ByteBuffer(
        bytes: RawFrames.request(1) + RawFrames.request(1) + RawFrames.request(3, ends: true)))
    let streams = session.events.compactMap { event in
      if case .headers(let stream, _, _) = event { stream } else { nil as HTTP2Stream? }
    }
    #expect(streams.map { session.isFaulty($0) } == [true, false])
  }

  // MARK: Header blocks

  /// A large field that the table keeps, asked for again in one byte each.
  private static func bomb(_ stream: Int32, count: Int) -> [UInt8] {
    RawFrames.frame(
      1, 5, stream,
      RawFrames.field(":method", "POST") + RawFrames.field(":scheme", "http")
        + RawFrames.field(":path", "/") + RawFrames.field("x", filler, isIndexed: true)
        + [UInt8](repeating: 0xBE, count: count))
  }

  @Test(arguments: [10, 13_000])
  func `a header block is given up soon after it exceeds the limit`(count: Int) {
    let server = Server()
    server.take(Self.bomb(1, count: count))
    #expect(server.session.isDone == (count > 1_000))
    #expect(
      RawFrames.goAway(server.output) == (count > 1_000 ? HTTP2ErrorCode.enhanceYourCalm : nil))
    #expect(server.session.blockSize <= server.session.options.headerByteBound + 4_000)
  }

  @Test func `a forbidden field ends its stream, and the rest of the block is skipped`() {
    for (name, value) in [("x y", "1"), ("", "1"), ("x", "a\nb"), ("x", "a\0b"), ("X", "1")] {
      let server = Server()
      server.take(RawFrames.request(1, ends: true, [(name, value), ("x", "y")]))
      #expect(server.headCount == 0 && server.resets == [1: 1], "\(name): \(value)")
      #expect(!server.session.isDone)
    }
  }

  @Test func `an endpoint's header bomb ends only its stream`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    for _ in 0..<2 {
      _ = try #require(pair.client.submitRequest(.request, body: nil, endsStream: true))
    }
    pair.run()
    let block =
      RawFrames.field(":status", "200") + RawFrames.field("x", Self.filler, isIndexed: true)
      + [UInt8](repeating: 0xBE, count: 13_000)
    pair.client.receive(ByteBuffer(bytes: RawFrames.frame(1, 4, 1, block)))
    let stream = HTTP2Stream(id: 1, slot: 0)
    #expect(pair.client.events == [.headersTooLarge(stream)])
    #expect(pair.client.blockSize <= pair.client.options.headerByteBound + 4_000)
    pair.client.clearEvents()
    _ = pair.client.drain()
    #expect(pair.client.events == [.closed(stream, errorCode: HTTP2ErrorCode.internalError)])
    #expect(!pair.client.isDone)
    // The table is still in step.
    pair.client.clearEvents()
    pair.client.receive(ByteBuffer(bytes: RawFrames.frame(1, 4, 3, [0x88, 0xBE])))
    #expect(
      pair.client.events == [
        .headers(HTTP2Stream(id: 3, slot: 1), fields: 0..<2, endsStream: false)
      ])
  }

  // MARK: Streams that are over

  struct Late: Sendable {
    var name: String
    var before: [UInt8]
    var sent: [UInt8]
    var goAway: UInt32?
    var resets: [Int32: UInt8] = [:]
  }

  private static let lates = [
    Late(
      name: "a head for a complete stream", before: RawFrames.request(1, ends: true),
      sent: RawFrames.request(1, ends: true), goAway: HTTP2ErrorCode.streamClosed),
    Late(
      name: "a lower number", before: RawFrames.request(5, ends: true),
      sent: RawFrames.request(3, ends: true), goAway: HTTP2ErrorCode.protocolError),
    Late(
      name: "a lower number than the first", before: RawFrames.request(7, ends: true),
      sent: RawFrames.request(1, ends: true), goAway: HTTP2ErrorCode.protocolError),
    Late(
      name: "an even number", before: [], sent: RawFrames.request(2, ends: true),
      goAway: HTTP2ErrorCode.protocolError),
    Late(
      name: "a head for a stream that the client reset",
      before: RawFrames.request(1) + RawFrames.reset(1), sent: RawFrames.request(1, ends: true),
      goAway: nil, resets: [1: 5]),
    Late(
      name: "data for a stream that the client reset",
      before: RawFrames.request(1) + RawFrames.reset(1), sent: RawFrames.frame(0, 1, 1, [1]),
      goAway: nil),
    Late(
      name: "data for a stream that was reset for a fault",
      before: RawFrames.request(1) + RawFrames.request(1), sent: RawFrames.frame(0, 1, 1, [1]),
      goAway: nil, resets: [1: 1]),
    Late(
      name: "trailers for a stream that was reset for a fault",
      before: RawFrames.request(1) + RawFrames.request(1),
      sent: RawFrames.frame(1, 5, 1, RawFrames.field("x", "y")), goAway: nil, resets: [1: 1]),
    Late(
      name: "what's allowed for a complete stream", before: RawFrames.request(1, ends: true),
      sent: RawFrames.reset(1) + RawFrames.frame(8, 0, 1, [0, 0, 0, 1])
        + RawFrames.frame(2, 0, 1, [0, 0, 0, 0, 16]), goAway: nil),
  ]

  @Test(arguments: lates.indices)
  func `frames for ended streams are tolerated or an error`(_ index: Int) {
    let late = Self.lates[index]
    let server = Server()
    server.responses = true
    server.take(late.before)
    server.take(late.sent)
    #expect(RawFrames.goAway(server.output) == late.goAway, "\(late.name)")
    #expect(server.session.isDone == (late.goAway != nil), "\(late.name)")
    #expect(server.resets == late.resets, "\(late.name)")
  }

  @Test func `a stream beyond the limit is refused and its data is late`() {
    let session = Server(streams: 1)
    // Its settings are acknowledged, so a second stream is a fault; without, it's refused.
    var options = HTTP2Session.Options()
    options.concurrentStreams = 1
    let unaware = HTTP2Session(role: .server, options: options)
    unaware.receive(ByteBuffer(bytes: RawFrames.preface + RawFrames.request(1)))
    unaware.receive(ByteBuffer(bytes: RawFrames.request(3) + RawFrames.frame(0, 1, 3, [1])))
    _ = unaware.drain()
    #expect(!unaware.isDone)
    #expect(RawFrames.split(unaware.output).contains { $0.type == 3 && $0.stream == 3 })
    session.take(RawFrames.request(1) + RawFrames.request(3))
    #expect(session.session.isDone)
  }

  @Test func `an endpoint that sends after its end violates the protocol`() throws {
    for (frame, ends) in [
      (RawFrames.frame(1, 4, 1, [0x88]), true), (RawFrames.frame(0, 0, 1, [1]), false),
      (RawFrames.frame(8, 0, 1, [0, 0, 0, 1]), false),
    ] {
      let pair = HTTP2Pair()
      pair.runAndForget()
      _ = try #require(pair.client.submitRequest(.request, body: nil, endsStream: true))
      pair.run()
      pair.client.receive(ByteBuffer(bytes: RawFrames.frame(1, 5, 1, [0x88])))
      pair.client.clearEvents()
      pair.client.receive(ByteBuffer(bytes: frame))
      _ = pair.client.drain()
      #expect(pair.client.isDone == ends)
    }
  }

  @Test func `what arrives for a cancelled call is late`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let stream = try #require(
      pair.client.submitRequest(.request, body: nil, endsStream: true))
    pair.run()
    pair.client.reset(stream, errorCode: HTTP2ErrorCode.cancel)
    _ = pair.client.drain()
    pair.client.clearEvents()
    pair.client.receive(
      ByteBuffer(bytes: RawFrames.frame(1, 4, 1, [0x88]) + RawFrames.frame(0, 1, 1, [1])))
    _ = pair.client.drain()
    #expect(!pair.client.isDone && pair.client.events.isEmpty)
  }
}
