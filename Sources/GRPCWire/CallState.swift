package import HTTP2
package import NIOCore

/// The reply side of one call: what its stream brought, in which order it's handed out, how it ends.
///
/// Pure. The `receive…` functions take what came; `next` says what to do, one step at a time, so that
/// a paused call simply isn't asked. Whatever comes, exactly one `end` is handed out, last.
package struct CallState {
  /// What to do next.
  package enum Step: Equatable {
    /// Nothing until more comes.
    case wait
    case message(ByteBuffer)
    /// The call is over. `isOpen`: the endpoint's side of the stream isn't, so it's to be reset.
    case end(GRPCStatus, trailers: HeaderBlock, isOpen: Bool)
  }

  private enum State {
    /// No head yet, or 1xx ones only.
    case waiting
    /// The head came; messages may.
    case replying
    /// The reply isn't gRPC: the start of its text is kept for the message.
    case refusing(ForeignReply)
    /// The end is known; messages may be left to hand out.
    case ending(Ending)
    /// The end was handed out.
    case ended
  }

  private struct ForeignReply {
    var httpStatus: Int
    var contentType: String?
    var mapping: HTTPStatusMapping
    var text = ByteBuffer()
    /// Bytes of its body so far.
    var byteCount = 0

    func status(claimsSuccess: Bool = false) -> GRPCStatus {
      GRPCStatus(
        httpStatus: self.httpStatus, contentType: self.contentType, text: self.text.readableText,
        claimsSuccess: claimsSuccess, mapping: self.mapping)
    }
  }

  private struct Ending {
    var status: GRPCStatus
    var trailers = HeaderBlock()
    var isOpen = false
  }

  private var state = State.waiting
  private var assembler: MessageAssembler
  /// Whether bytes and fields are handed out as they come (`CallRequest.isRaw`).
  private let isRaw: Bool
  private let mapping: HTTPStatusMapping

  /// - Parameters:
  ///   - byteLimit: the most bytes of one message; of no meaning to a raw call.
  ///   - isRaw: whether bytes are handed out as they come instead of messages.
  ///   - mapping: what HTTP statuses without `grpc-status` mean.
  package init(byteLimit: Int, isRaw: Bool = false, mapping: HTTPStatusMapping = .grpc) {
    self.assembler = MessageAssembler(byteLimit: byteLimit)
    self.mapping = mapping
    self.isRaw = isRaw
  }

  /// Whether the endpoint has said anything: from then on the call can't be started anew. Stored beside
  /// the state, because asking a computed property of another module copies all of it.
  package private(set) var hasResponded = false

  /// A header block came.
  ///
  /// - Returns: the metadata of the head, when this was one and messages may follow.
  package mutating func receiveHeaders(
    _ block: HeaderBlock, _ range: Range<Int>, endsStream: Bool
  ) -> HeaderBlock? {
    switch self.state {
    case .waiting:
      return self.receiveHead(
        ReplyFields(block, range, isRaw: self.isRaw), endsStream: endsStream)
    case .replying:
      let fields = ReplyFields(block, range, isRaw: self.isRaw)
      let status = fields.status ?? GRPCStatus(httpStatus: 200, contentType: nil, text: "")
      self.state = .ending(
        Ending(status: status, trailers: fields.metadata, isOpen: !endsStream))
    case .refusing(let reply):
      let fields = ReplyFields(block, range, isRaw: self.isRaw)
      // A fault that trailers tell of is believed, success isn't: there's a body that was no answer.
      if let status = fields.status, !status.isOK {
        self.state = .ending(
          Ending(status: status, trailers: fields.metadata, isOpen: !endsStream))
      } else {
        let status = reply.status(claimsSuccess: fields.status != nil)
        self.state = .ending(Ending(status: status, isOpen: !endsStream))
      }
    case .ending, .ended:
      break
    }
    return nil
  }

  private mutating func receiveHead(_ fields: ReplyFields, endsStream: Bool) -> HeaderBlock? {
    guard endsStream || !fields.isInterim else { return nil }
    self.hasResponded = true
    let httpStatus = fields.httpStatus ?? 0
    let contentType = fields.isGRPC ? nil : fields.contentType
    if endsStream {
      // Trailers-only. `grpc-status` counts whatever the HTTP status is.
      let status =
        fields.status
        ?? GRPCStatus(
          httpStatus: httpStatus, contentType: contentType, text: "", mapping: self.mapping)
      self.state = .ending(Ending(status: status, trailers: fields.metadata))
      return nil
    }
    guard httpStatus == 200, fields.isGRPC else {
      self.state = .refusing(
        ForeignReply(httpStatus: httpStatus, contentType: contentType, mapping: self.mapping))
      return nil
    }
    self.assembler.encoding = fields.encoding
    self.state = .replying
    return fields.metadata
  }

  /// Payload came.
  package mutating func receiveData(_ bytes: ByteBuffer) {
    switch self.state {
    case .replying:
      self.assembler.append(bytes)
    case .refusing(var reply):
      reply.byteCount += bytes.readableBytes
      let room = Self.textByteLimit - reply.text.readableBytes
      if room > 0,
        let part = bytes.getSlice(at: bytes.readerIndex, length: min(room, bytes.readableBytes))
      {
        reply.text.writeImmutableBuffer(part)
      }
      self.state =
        reply.byteCount > Self.foreignByteLimit
        ? .ending(Ending(status: reply.status(), isOpen: true)) : .refusing(reply)
    case .waiting, .ending, .ended:
      // nghttp2 lets no payload come before the head or behind the end.
      break
    }
  }

  /// The endpoint ended the stream without trailers.
  package mutating func receiveEnd() {
    self.hasResponded = true
    switch self.state {
    case .waiting, .replying:
      self.state = .ending(Ending(status: GRPCStatus(httpStatus: 200, contentType: nil, text: "")))
    case .refusing(let reply):
      self.state = .ending(Ending(status: reply.status()))
    case .ending, .ended:
      break
    }
  }

  /// The call can't go on: its stream was reset, its connection closed, a limit passed.
  ///
  /// - Parameter isOpen: whether the stream is still there and to be reset.
  package mutating func fail(_ status: GRPCStatus, isOpen: Bool) {
    self.hasResponded = true
    switch self.state {
    case .waiting, .replying:
      self.state = .ending(Ending(status: status, isOpen: isOpen))
    case .refusing(let reply):
      self.state = .ending(Ending(status: reply.status(), isOpen: isOpen))
    case .ending, .ended:
      break
    }
  }

  /// What to do now. Ask until it says `wait` or `end`.
  package mutating func next() -> Step {
    switch self.state {
    case .waiting, .refusing, .ended:
      return .wait
    case .replying:
      switch self.nextPart() {
      case .none: return .wait
      case .message(let message): return .message(message)
      case .failure(let status): return self.end(Ending(status: status, isOpen: true))
      }
    case .ending(var ending):
      switch self.nextPart() {
      case .message(let message):
        return .message(message)
      case .failure(let status):
        if ending.status.isOK { ending.status = status }
      case .none:
        if ending.status.isOK && !self.assembler.isAtBoundary {
          ending.status = GRPCStatus(
            .internal, "the reply ended within a message", origin: .transport)
        }
      }
      return self.end(ending)
    }
  }

  private mutating func nextPart() -> MessageAssembler.Next {
    self.isRaw ? self.assembler.nextPiece() : self.assembler.next()
  }

  private mutating func end(_ ending: Ending) -> Step {
    self.state = .ended
    return .end(ending.status, trailers: ending.trailers, isOpen: ending.isOpen)
  }

  /// How much of a reply that isn't gRPC goes into the message.
  private static let textByteLimit = 1 << 10
  /// How much of it is read for the sake of trailers behind it. Stops a page without end from keeping
  /// the client until its deadline.
  private static let foreignByteLimit = 64 << 10
}

extension ByteBuffer {
  /// The content as one line of text; empty when it isn't text. A character cut off at the end
  /// is left out.
  package var readableText: String {
    var text = String(decoding: self.readableBytesView, as: UTF8.self)
    while text.unicodeScalars.last == "\u{FFFD}" { text.unicodeScalars.removeLast() }
    guard !text.unicodeScalars.contains("\u{FFFD}"), !text.unicodeScalars.contains("\0") else {
      return ""
    }
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
