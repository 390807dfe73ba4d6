import NIOCore
import RepeatableRandom
import Testing

@testable import HTTP2

/// The session against a second one in memory.
@Suite struct HTTP2SessionTests {
  private let requestLines = HeaderBlock.request.lines

  private func open(
    _ pair: HTTP2Pair, body: ByteBuffer? = nil, ends: Bool = true
  ) throws -> HTTP2Stream {
    try #require(pair.client.submitRequest(.request, body: body, endsStream: ends))
  }

  @Test func `SETTINGS are exchanged when the connection begins`() {
    var options = HTTP2Session.Options()
    options.concurrentStreams = 7
    let pair = HTTP2Pair(server: options)
    pair.run()
    #expect(pair.clientEvents == [.settings])
    #expect(pair.serverEvents == [.settings])
    #expect(pair.client.peerConcurrentStreams == 7)
    #expect(!pair.client.isDone && !pair.server.isDone)
  }

  @Test func `a call passes both ways`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let stream = try self.open(pair, body: ByteBuffer(string: "ask"))
    pair.run()
    #expect(
      pair.serverEvents == [
        .headers(1, self.requestLines, ends: false), .data(1, "ask"), .end(1),
      ])
    let asked = try #require(pair.serverStreams[1])
    pair.server.submitResponse(asked, .ok, body: ByteBuffer(string: "one"), endsStream: false)
    pair.server.send(asked, ByteBuffer(string: "two"))
    pair.server.finish(asked, trailers: .good)
    pair.run()
    #expect(
      pair.clientEvents == [
        .headers(1, HeaderBlock.ok.lines, ends: false), .data(1, "onetwo"),
        .headers(1, ["grpc-status: 0"], ends: true), .closed(1, 0),
      ])
    #expect(!pair.client.isKnown(stream))
    #expect(pair.serverEvents.last == .closed(1, 0))
  }

  @Test(arguments: [1, 2, 5, 9, 10, 11, 30])
  func `a header block is whole, however many reads it takes`(readLength: Int) throws {
    let pair = HTTP2Pair()
    pair.readLength = readLength
    pair.runAndForget()
    let streams = try (0..<3).map { _ in try self.open(pair, body: ByteBuffer(string: "ask")) }
    pair.run()
    for stream in streams {
      let asked = try #require(pair.serverStreams[stream.id])
      let head: HeaderBlock = [":status": "200", "x-stream": "\(stream.id)"]
      pair.server.submitResponse(asked, head, body: ByteBuffer(string: "a"), endsStream: false)
      pair.server.finish(asked, trailers: ["grpc-status": "0", "x-end": "\(stream.id)"])
    }
    pair.run()
    for stream in streams {
      #expect(pair.serverEvents.contains(.headers(stream.id, self.requestLines, ends: false)))
      #expect(
        pair.clientEvents.filter { if case .headers(stream.id, _, _) = $0 { true } else { false } }
          == [
            .headers(stream.id, [":status: 200", "x-stream: \(stream.id)"], ends: false),
            .headers(stream.id, ["grpc-status: 0", "x-end: \(stream.id)"], ends: true),
          ])
    }
  }

  @Test(arguments: 0..<200)
  func `corrupt bytes in pieces of any length end in events or the end`(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let pair = HTTP2Pair()
    pair.runAndForget()
    for _ in 0..<4 { _ = try self.open(pair, body: ByteBuffer(string: "ask")) }
    pair.run()
    // What the server would send, damaged in a few places and cut anywhere.
    for stream in pair.serverStreams.values.sorted(by: { $0.id < $1.id }) {
      pair.server.submitResponse(stream, .ok, body: ByteBuffer(string: "answer"), endsStream: false)
      pair.server.finish(stream, trailers: .good)
    }
    _ = pair.server.drain()
    var bytes = Array(pair.server.output.readableBytesView)
    pair.server.clearOutput()
    pair.server.clearEvents()
    for _ in 0..<Int.random(in: 0...3, using: &generator) {
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      bytes[place] = UInt8.random(in: 0...255, using: &generator)
    }
    var rest = ByteBuffer(bytes: bytes)
    while rest.readableBytes > 0 {
      let length = Int.random(in: 1...min(40, rest.readableBytes), using: &generator)
      let slice = rest.readSlice(length: length)
      let read = try #require(slice)
      pair.client.receive(read)
      for case .headers(_, let fields, _) in pair.client.events {
        #expect(fields.upperBound <= pair.client.headers.fields.count)
      }
      for case .data(_, let range) in pair.client.events {
        #expect(range.lowerBound >= 0 && range.upperBound <= read.readableBytes)
      }
      pair.client.clearEvents()
      _ = pair.client.drain()
      pair.client.clearOutput()
      pair.client.clearEvents()
    }
  }

  @Test func `a trailers-only reply is one header block`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    _ = try self.open(pair)
    pair.run()
    #expect(pair.serverEvents == [.headers(1, self.requestLines, ends: true)])
    pair.server.submitResponse(
      try #require(pair.serverStreams[1]), [":status": "200", "grpc-status": "5"], endsStream: true)
    pair.run()
    #expect(
      pair.clientEvents == [
        .headers(1, [":status: 200", "grpc-status: 5"], ends: true), .closed(1, 0),
      ])
  }

  @Test func `an interim head comes before the final one`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    _ = try self.open(pair)
    pair.run()
    let asked = try #require(pair.serverStreams[1])
    pair.server.submitInterim(asked, [":status": "103"])
    pair.server.submitResponse(asked, .ok, endsStream: true)
    pair.run()
    #expect(
      pair.clientEvents == [
        .headers(1, [":status: 103"], ends: false),
        .headers(1, HeaderBlock.ok.lines, ends: true), .closed(1, 0),
      ])
  }

  @Test func `buffers can keep their own frames`() throws {
    var options = HTTP2Session.Options()
    options.joinsBuffers = false
    let pair = HTTP2Pair(server: options)
    pair.runAndForget()
    _ = try self.open(pair)
    pair.run()
    let asked = try #require(pair.serverStreams[1])
    pair.server.submitResponse(asked, .ok, body: ByteBuffer(string: "one"), endsStream: false)
    pair.server.send(asked, ByteBuffer(string: "two"), endsStream: true)
    pair.run()
    #expect(
      pair.clientEvents.dropFirst() == [.data(1, "one"), .data(1, "two"), .end(1), .closed(1, 0)])
  }

  @Test func `a body sent later resumes the stream`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let stream = try self.open(pair, ends: false)
    pair.run()
    #expect(pair.serverEvents == [.headers(1, self.requestLines, ends: false)])
    pair.client.send(stream, ByteBuffer(string: "a"))
    pair.run()
    pair.client.send(stream, ByteBuffer(string: "b"), endsStream: true)
    pair.run()
    #expect(pair.serverEvents.dropFirst() == [.data(1, "a"), .data(1, "b"), .end(1)])
    #expect(pair.client.isSent(stream))
  }

  @Test func `a large body passes through the windows`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: 5 << 20)
    _ = try self.open(pair, body: body)
    pair.run()
    let asked = try #require(pair.serverStreams[1])
    pair.server.submitResponse(asked, .ok, body: body, endsStream: true)
    pair.run()
    var received = 0
    for case .data(_, let text) in pair.serverEvents { received += text.utf8.count }
    #expect(received == 5 << 20)
    #expect(pair.clientPayload == 5 << 20)
    #expect(pair.clientEvents.last == .closed(1, 0))
  }

  @Test func `a reader that keeps the window holds the sender back`() throws {
    let pair = HTTP2Pair()
    pair.clientReturnsWindow = false
    pair.runAndForget()
    let stream = try self.open(pair)
    pair.run()
    let asked = try #require(pair.serverStreams[1])
    pair.server.submitResponse(
      asked, .ok, body: ByteBuffer(repeating: 0x78, count: 3 << 20), endsStream: true)
    pair.run()
    #expect(pair.clientPayload == 1 << 20)
    #expect(pair.server.unsentBytes(asked) == 2 << 20)

    // Another stream isn't held back by it.
    _ = try self.open(pair)
    pair.run()
    pair.server.submitResponse(
      try #require(pair.serverStreams[3]), .ok, body: ByteBuffer(string: "quick"), endsStream: true)
    pair.run()
    #expect(pair.clientEvents.contains(.data(3, "quick")))

    pair.clientReturnsWindow = true
    pair.client.returnWindow(stream, byteCount: 1 << 20)
    pair.run()
    #expect(pair.clientPayload == (3 << 20) + 5)
    #expect(pair.clientEvents.last == .closed(1, 0))
  }

  @Test func `draining output stops at its limit`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    _ = try self.open(pair, body: ByteBuffer(repeating: 1, count: 600 << 10))
    #expect(pair.client.drain(limit: 100 << 10))
    #expect(pair.client.output.readableBytes < 120 << 10)
    pair.run()
    #expect(pair.serverEvents.last == .end(1))
  }

  @Test(arguments: [
    HTTP2ErrorCode.cancel, HTTP2ErrorCode.refusedStream, HTTP2ErrorCode.enhanceYourCalm,
  ])
  func `a reset closes both sides`(code: UInt32) throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let stream = try self.open(pair, ends: false)
    pair.run()
    pair.server.reset(try #require(pair.serverStreams[1]), errorCode: code)
    pair.run()
    #expect(pair.clientEvents == [.closed(1, code)])
    #expect(pair.serverEvents.last == .closed(1, code))
    // What comes too late is ignored.
    pair.client.send(stream, ByteBuffer(string: "late"))
    pair.client.reset(stream, errorCode: HTTP2ErrorCode.cancel)
    pair.run()
    #expect(pair.clientEvents == [.closed(1, code)])
  }

  @Test func `a request reset before it's sent still closes`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let stream = try self.open(pair, body: ByteBuffer(string: "never"))
    pair.client.reset(stream, errorCode: HTTP2ErrorCode.cancel)
    pair.run()
    #expect(pair.clientEvents == [.closed(1, HTTP2ErrorCode.cancel)])
    #expect(!pair.client.isKnown(stream))
    #expect(!pair.serverEvents.contains(.data(1, "never")))
  }

  @Test func `GOAWAY refuses the streams above its last`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    _ = try self.open(pair)
    _ = try self.open(pair)
    pair.run()
    pair.server.goAway(lastStream: 1)
    pair.run()
    #expect(pair.clientEvents == [.goAway(1, 0), .closed(3, HTTP2ErrorCode.refusedStream)])
    pair.server.submitResponse(try #require(pair.serverStreams[1]), .ok, endsStream: true)
    pair.run()
    #expect(pair.clientEvents.suffix(1) == [.closed(1, 0)])
    #expect(pair.client.isDone)
  }

  @Test func `a request queued before GOAWAY is refused, too`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    _ = try self.open(pair)
    pair.run()
    pair.server.goAway()
    _ = try self.open(pair)
    _ = pair.server.drain()
    pair.client.receive(pair.server.output)
    pair.server.clearOutput()
    pair.run()
    #expect(pair.clientEvents == [.goAway(1, 0), .closed(3, HTTP2ErrorCode.refusedStream)])
    #expect(pair.serverStreams[3] == nil)
  }

  @Test func `slots are reused only when no event mentions them`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    let first = try self.open(pair)
    pair.run()
    pair.server.submitResponse(try #require(pair.serverStreams[1]), .ok, endsStream: true)
    _ = pair.server.drain()
    pair.client.receive(pair.server.output)
    let second = try self.open(pair)
    #expect(second.slot != first.slot)
    pair.client.clearEvents()
    let third = try self.open(pair)
    #expect(third.slot == first.slot)
    #expect(!pair.client.isKnown(first) && pair.client.isKnown(third))
  }

  @Test func `PING frames are acknowledged`() {
    let pair = HTTP2Pair()
    pair.runAndForget()
    pair.server.ping()
    _ = pair.server.drain()
    pair.client.receive(pair.server.output)
    #expect(pair.client.wantsWrite)
    _ = pair.client.drain()
    // RFC 9113 §6.7: 8 bytes of payload, type 6, flag ACK, stream 0.
    #expect(
      Array(pair.client.output.readableBytesView.prefix(9)) == [0, 0, 8, 6, 1, 0, 0, 0, 0])
  }

  @Test func `a PING acknowledgement has the PING's data`() {
    let pair = HTTP2Pair()
    pair.runAndForget()
    pair.client.ping(0x0102_0304_0506_0708)
    pair.run()
    #expect(pair.clientEvents == [.pong(0x0102_0304_0506_0708)])
  }

  /// A pair whose client takes 1,000 bytes of a stream, and more once 2,000 were returned.
  private func growingPair(limit: Int = 1 << 20) -> HTTP2Pair {
    var options = HTTP2Session.Options()
    options.streamWindow = 1000
    options.windowByteLimit = limit
    let pair = HTTP2Pair(client: options)
    pair.runAndForget()
    return pair
  }

  /// Opens a stream on which the server sends more than any window lets through.
  private func stream(_ pair: HTTP2Pair) throws -> HTTP2Stream {
    let stream = try self.open(pair)
    pair.run()
    pair.server.submitResponse(
      try #require(pair.serverStreams[stream.id]), .ok,
      body: ByteBuffer(repeating: 1, count: 90_000), endsStream: false)
    pair.run()
    return stream
  }

  @Test func `a stream that isn't read gets no wider window`() throws {
    let pair = self.growingPair()
    pair.client.setStreamWindow(6000)
    pair.clientReturnsWindow = false
    _ = try self.stream(pair)
    #expect(pair.clientPayload == 1000)
    pair.client.setStreamWindow(60_000)
    pair.run()
    #expect(pair.clientPayload == 1000)
  }

  @Test func `a stream that is read gets a wider window`() throws {
    let pair = self.growingPair()
    pair.client.setStreamWindow(6000)
    pair.clientReturnsWindow = false
    let stream = try self.stream(pair)
    for taken in [1000, 2000] {
      #expect(pair.clientPayload == taken)
      pair.client.returnWindow(stream, byteCount: 1000)
      pair.run()
    }
    #expect(pair.clientPayload == 2000 + 6000)
    #expect(pair.client.windowBytesAdded == 5000)
    // It's given back with the stream.
    pair.client.reset(stream, errorCode: HTTP2ErrorCode.cancel)
    pair.run()
    #expect(pair.client.windowBytesAdded == 0)
  }

  @Test func `the total growth of windows is limited`() throws {
    let pair = self.growingPair(limit: 7000)
    pair.client.setStreamWindow(6000)
    pair.clientReturnsWindow = false
    for expected in [8000, 5000, 3000] {
      pair.clientPayload = 0
      let stream = try self.stream(pair)
      pair.client.returnWindow(stream, byteCount: 1000)
      pair.run()
      pair.client.returnWindow(stream, byteCount: 1000)
      pair.run()
      #expect(pair.clientPayload == expected)
    }
    #expect(pair.client.windowBytesAdded == 7000)
  }

  @Test func `a header list over the limit is dropped and reported`() throws {
    var options = HTTP2Session.Options()
    options.headerByteLimit = 300
    let pair = HTTP2Pair(client: options)
    pair.runAndForget()
    let stream = try self.open(pair)
    pair.run()
    var large = HeaderBlock.ok
    for index in 0..<9 { large.append("x-\(index)", "value") }
    pair.server.submitResponse(
      try #require(pair.serverStreams[1]), large, body: ByteBuffer(string: "x"), endsStream: false)
    pair.run()
    #expect(pair.clientEvents == [.headersTooLarge(1), .data(1, "x")])
    #expect(pair.client.isKnown(stream))
  }

  @Test(arguments: [
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n",
    // DATA on stream 0 behind empty SETTINGS.
    "\u{0}\u{0}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{1}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}x",
    // A frame longer than SETTINGS_MAX_FRAME_SIZE.
    "\u{0}\u{0}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}\u{7f}\u{7f}\u{7f}\u{0}\u{0}\u{0}\u{0}\u{0}\u{1}",
  ])
  func `a peer that violates the protocol ends the session`(bytes: String) throws {
    let session = HTTP2Session(role: .client)
    _ = session.drain()
    session.clearOutput()
    session.receive(ByteBuffer(string: bytes))
    _ = session.drain()
    #expect(session.isDone)
    // GOAWAY (type 7) goes out first.
    let types = frameTypes(session.output)
    #expect(types.contains(7))
  }

  @Test func `a client that doesn't speak HTTP/2 violates the protocol`() {
    let session = HTTP2Session(role: .server)
    session.receive(ByteBuffer(string: "GET / HTTP/1.1\r\nhost: x\r\n\r\n"))
    _ = session.drain()
    #expect(session.isDone)
    #expect(session.complaint != nil)
    // And everything after that is ignored.
    session.receive(ByteBuffer(string: "more"))
    #expect(session.events.isEmpty && !session.wantsWrite)
  }

  @Test func `padding counts against the window and is not payload`() throws {
    let pair = HTTP2Pair()
    pair.runAndForget()
    _ = try self.open(pair)
    pair.run()
    pair.server.submitResponse(try #require(pair.serverStreams[1]), .ok, endsStream: false)
    pair.run()
    // DATA, PADDED (8) and END_STREAM (1), pad length 3.
    pair.client.receive(
      ByteBuffer(bytes: [0, 0, 6, 0, 9, 0, 0, 0, 1, 3, 0x68, 0x69, 0, 0, 0]))
    #expect(
      pair.client.events == [
        .data(HTTP2Stream(id: 1, slot: 0), bytes: 10..<12),
        .endOfStream(HTTP2Stream(id: 1, slot: 0)),
        .closed(HTTP2Stream(id: 1, slot: 0), errorCode: 0),
      ])
  }

  /// The types of the frames in some bytes.
  private func frameTypes(_ bytes: ByteBuffer) -> [UInt8] {
    var bytes = bytes
    var types: [UInt8] = []
    while let head = bytes.readBytes(length: 9) {
      types.append(head[3])
      bytes.moveReaderIndex(forwardBy: Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
    }
    return types
  }
}
