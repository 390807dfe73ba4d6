import NIOCore

@testable import HTTP2

/// A client and a server session joined in memory.
final class HTTP2Pair {
  /// An event with its bytes and fields taken out of the session.
  enum Event: Equatable {
    case settings
    case headers(Int32, [String], ends: Bool)
    case headersTooLarge(Int32)
    case invalidRequest(Int32, [String])
    case data(Int32, String)
    case end(Int32)
    case closed(Int32, UInt32)
    case goAway(Int32, UInt32)
    case pong(UInt64)
  }

  let client: HTTP2Session
  let server: HTTP2Session
  var clientEvents: [Event] = []
  var serverEvents: [Event] = []
  /// Streams by identifier, as the server saw them.
  var serverStreams: [Int32: HTTP2Stream] = [:]
  /// Payload that the client has got, and whether it says so at once.
  var clientPayload = 0
  var clientReturnsWindow = true
  /// How many bytes cross at a time.
  var readLength = Int.max

  init(
    client: HTTP2Session.Options = HTTP2Session.Options(),
    server: HTTP2Session.Options = HTTP2Session.Options()
  ) {
    self.client = HTTP2Session(role: .client, options: client)
    self.server = HTTP2Session(role: .server, options: server)
  }

  /// Carries bytes back and forth until neither side has any.
  func run() {
    while self.carry(from: self.client, to: self.server)
      || self.carry(from: self.server, to: self.client)
    {}
  }

  /// The requests and replies without what set the connection up.
  func runAndForget() {
    self.run()
    self.clientEvents = []
    self.serverEvents = []
  }

  private func carry(from source: HTTP2Session, to target: HTTP2Session) -> Bool {
    _ = source.drain()
    self.note(source, ByteBuffer())
    var bytes = source.output
    source.clearOutput()
    guard bytes.readableBytes > 0 else { return false }
    while let read = bytes.readSlice(length: min(self.readLength, bytes.readableBytes)),
      read.readableBytes > 0
    {
      target.receive(read)
      self.note(target, read)
    }
    return true
  }

  private func note(_ session: HTTP2Session, _ bytes: ByteBuffer) {
    for event in session.events {
      let noted = self.describe(event, session, bytes)
      if session === self.client {
        self.clientEvents.append(noted)
      } else {
        self.serverEvents.append(noted)
      }
    }
    session.clearEvents()
  }

  private func describe(_ event: HTTP2Event, _ session: HTTP2Session, _ bytes: ByteBuffer) -> Event
  {
    switch event {
    case .settings:
      return .settings
    case .headers(let stream, let fields, let ends):
      if session === self.server { self.serverStreams[stream.id] = stream }
      return .headers(stream.id, session.texts(of: fields), ends: ends)
    case .invalidRequest(let stream, let fields):
      return .invalidRequest(stream.id, session.texts(of: fields))
    case .headersTooLarge(let stream):
      return .headersTooLarge(stream.id)
    case .data(let stream, let range):
      if session === self.client {
        self.clientPayload += range.count
        if self.clientReturnsWindow { session.returnWindow(stream, byteCount: range.count) }
      } else {
        session.returnWindow(stream, byteCount: range.count)
      }
      let text = bytes.getString(at: bytes.readerIndex + range.lowerBound, length: range.count)
      return .data(stream.id, text ?? "")
    case .endOfStream(let stream):
      return .end(stream.id)
    case .closed(let stream, let code):
      return .closed(stream.id, code)
    case .goAway(let last, let code):
      return .goAway(last, code)
    case .pong(let data):
      return .pong(data)
    }
  }
}

extension HeaderBlock {
  static let request: HeaderBlock = [
    ":method": "POST", ":scheme": "http", ":path": "/a.B/C", ":authority": "x", "te": "trailers",
  ]
  static let ok: HeaderBlock = [":status": "200", "content-type": "application/grpc"]
  static let good: HeaderBlock = ["grpc-status": "0"]

  /// `name: value` of each field.
  var lines: [String] {
    self.fields.map { "\(self.name(of: $0)): \(self.value(of: $0))" }
  }
}

extension HeaderBlock: ExpressibleByDictionaryLiteral {
  /// A block of these fields in this order.
  package init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (name, value) in elements { self.append(name, value) }
  }
}

extension HTTP2Session {
  fileprivate func texts(of fields: Range<Int>) -> [String] {
    self.headers.fields[fields].map {
      "\(self.headers.name(of: $0)): \(self.headers.value(of: $0))"
    }
  }
}
