package import HTTP2
package import NIOCore

/// The response side of one call: what its stream received, what is delivered next, and how it ends.
///
/// Pure. The `receive…` functions take input; `next` returns one step at a time, so that a paused
/// call is simply not polled. Whatever the input, exactly one `end` is delivered, last.
package struct CallState {
  /// The next action.
  package enum Step: Equatable {
    /// No action until more data arrives.
    case wait
    case message(ByteBuffer)
    /// The call has ended. `isOpen`: the endpoint's side of the stream hasn't, so the stream must be
    /// reset.
    case end(GRPCStatus, trailers: HeaderBlock, isOpen: Bool)
  }

  private enum State {
    /// No head yet, or 1xx ones only.
    case waiting
    /// The head arrived; messages may follow.
    case replying
    /// The response isn't gRPC: the start of its text is kept for the status message.
    case refusing(ForeignReply)
    /// The end is known; messages may remain to be delivered.
    case ending(Ending)
    /// The end was delivered.
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
  /// Whether bytes and fields are passed through (`CallRequest.isRaw`).
  private let isRaw: Bool
  private let mapping: HTTPStatusMapping

  /// - Parameters:
  ///   - byteLimit: the most bytes of one message; unused for a raw call.
  ///   - isRaw: whether bytes are passed through, instead of messages.
  ///   - mapping: the mapping of HTTP statuses without `grpc-status`.
  package init(byteLimit: Int, isRaw: Bool = false, mapping: HTTPStatusMapping = .grpc) {
    self.assembler = MessageAssembler(byteLimit: byteLimit)
    self.mapping = mapping
    self.isRaw = isRaw
  }

  /// Whether the endpoint has responded: from then on the call can't be restarted. Stored next to the
  /// state, because a computed property read from another module copies the whole state.
  package private(set) var hasResponded = false

  /// Receives a header block.
  ///
  /// - Returns: the metadata of the head, if this was one and messages may follow.
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
      // An error in trailers is accepted, success isn't: the body wasn't a gRPC response.
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
      // Trailers-Only. `grpc-status` takes precedence over the HTTP status.
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

  /// Receives payload.
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
      // nghttp2 delivers no payload before the head or after the end.
      break
    }
  }

  /// Receives the end of the stream, without trailers.
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

  /// Fails the call: its stream was reset, its connection closed, or a limit exceeded.
  ///
  /// - Parameter isOpen: whether the stream is still open and must be reset.
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

  /// Returns the next action. Call it until it returns `wait` or `end`.
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
            .internal, "the reply ended in the middle of a message", origin: .transport)
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

  /// Bytes of a response that isn't gRPC to include in the status message.
  private static let textByteLimit = 1 << 10
  /// Bytes of it to read in order to get to the trailers. Stops an endless page from holding the
  /// client until its deadline.
  private static let foreignByteLimit = 64 << 10
}

extension ByteBuffer {
  /// The content as one line of text; empty when it isn't text. A character cut off at the end is
  /// dropped.
  package var readableText: String {
    var text = String(decoding: self.readableBytesView, as: UTF8.self)
    while text.unicodeScalars.last == "\u{FFFD}" { text.unicodeScalars.removeLast() }
    guard !text.unicodeScalars.contains("\u{FFFD}"), !text.unicodeScalars.contains("\0") else {
      return ""
    }
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}
