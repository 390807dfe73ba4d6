import NIOCore

@testable import HTTP2

/// A client over HTTP/2 to the front without a socket: a session joined to a `TestClient`'s channel.
final class TestCaller {
  /// What one stream has brought.
  struct Reply: Equatable {
    /// Each header block as one line: its fields, and a bar where it ended the stream.
    var blocks: [String] = []
    /// The fields of each block by name, pseudo-fields without their colon.
    var sections: [[String: String]] = []
    var body = ""
    /// Bytes of the body, which may be too large to be kept.
    var byteCount = 0
    /// The error code with which it closed.
    var closed: UInt32?
  }

  let client: TestClient
  let session: HTTP2Session
  private(set) var replies: [Int32: Reply] = [:]
  /// The last stream of each GOAWAY.
  private(set) var goneAways: [Int32] = []
  /// Whether the windows are given back.
  var readsReplies = true
  private var owed: [(HTTP2Stream, Int)] = []

  init(_ client: TestClient, streamWindow: Int = 1 << 20) throws {
    self.client = client
    var options = HTTP2Session.Options()
    options.streamWindow = streamWindow
    self.session = HTTP2Session(role: .client, options: options)
    try self.exchange()
  }

  /// Carries bytes both ways until there are none.
  func exchange() throws {
    var isBusy = true
    while isBusy {
      isBusy = false
      _ = self.session.drain()
      self.note(ByteBuffer())
      if self.session.output.readableBytes > 0 {
        isBusy = true
        let bytes = Array(self.session.output.readableBytesView)
        self.session.clearOutput()
        self.client.sendRaw(bytes)
      }
      self.client.run()
      let received = try self.client.receivedBytes()
      if received.readableBytes > 0 {
        isBusy = true
        self.session.receive(received)
        self.note(received)
      }
    }
  }

  private func note(_ bytes: ByteBuffer) {
    for event in self.session.events {
      switch event {
      case .headers(let stream, let fields, let ends):
        let lines = self.session.headers.fields[fields].map {
          "\(self.session.headers.name(of: $0)): \(self.session.headers.value(of: $0))"
        }
        self.replies[stream.id, default: Reply()].blocks.append(
          lines.joined(separator: ", ") + (ends ? " |" : ""))
        var section: [String: String] = [:]
        for field in self.session.headers.fields[fields] {
          let name = self.session.headers.name(of: field).drop { $0 == ":" }
          section[String(name)] = self.session.headers.value(of: field)
        }
        self.replies[stream.id, default: Reply()].sections.append(section)
      case .data(let stream, let range):
        let text = bytes.getString(at: bytes.readerIndex + range.lowerBound, length: range.count)
        self.replies[stream.id, default: Reply()].body += range.count < 8192 ? text ?? "?" : ""
        self.replies[stream.id, default: Reply()].byteCount += range.count
        if self.readsReplies {
          self.session.returnWindow(stream, byteCount: range.count)
        } else {
          self.owed.append((stream, range.count))
        }
      case .closed(let stream, let code):
        self.replies[stream.id, default: Reply()].closed = code
      case .goAway(let last, _):
        self.goneAways.append(last)
      case .settings, .headersTooLarge, .invalidRequest, .endOfStream, .pong:
        break
      }
    }
    self.session.clearEvents()
  }

  /// Gives back what was withheld.
  func readOn() throws {
    self.readsReplies = true
    for (stream, count) in self.owed { self.session.returnWindow(stream, byteCount: count) }
    self.owed = []
    try self.exchange()
  }

  /// Opens a stream with a call; complete if there's a body, unless the caller says otherwise.
  func call(
    _ path: String = "/test.Notes/Get", _ fields: [(String, String)] = [], body: String? = nil,
    ends: Bool = true, contentType: String = "application/grpc"
  ) throws -> HTTP2Stream {
    var head: HeaderBlock = [
      ":method": "POST", ":scheme": "http", ":path": path, ":authority": "bridge", "te": "trailers",
      "content-type": contentType,
    ]
    for (name, value) in fields { head.append(name, value) }
    guard
      let stream = self.session.submitRequest(
        head, body: body.map { ByteBuffer(string: $0) }, endsStream: ends)
    else { throw ResponseError(text: "no stream") }
    try self.exchange()
    return stream
  }

  /// Opens a stream with a request that isn't gRPC.
  func request(
    _ method: String, _ path: String, _ fields: [(String, String)] = [], body: String? = nil,
    authority: String = "localhost", ends: Bool = true
  ) throws -> HTTP2Stream {
    var head: HeaderBlock = [
      ":method": method, ":scheme": "http", ":path": path, ":authority": authority,
    ]
    for (name, value) in fields { head.append(name, value) }
    guard
      let stream = self.session.submitRequest(
        head, body: body.map { ByteBuffer(string: $0) }, endsStream: ends)
    else { throw ResponseError(text: "no stream") }
    try self.exchange()
    return stream
  }

  /// Sends a part of a request.
  func send(_ stream: HTTP2Stream, _ bytes: ByteBuffer, ends: Bool = false) throws {
    self.session.send(stream, bytes, endsStream: ends)
    try self.exchange()
  }

  /// What has come for a stream.
  func reply(_ stream: HTTP2Stream) -> Reply { self.replies[stream.id] ?? Reply() }
}
