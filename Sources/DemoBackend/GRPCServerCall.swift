package import GRPCWire
package import HTTP2
package import NIOCore

/// One call of a server. Confined to the loop of its connection.
package final class GRPCServerCall {
  private let connection: GRPCServerConnection
  let stream: HTTP2Stream
  /// The request's header fields, including pseudo-header fields.
  private let fields: HeaderBlock
  private let pathRange: Range<Int>
  private var assembler: MessageAssembler
  /// The request's messages, without their prefixes.
  package private(set) var messages: [ByteBuffer] = []
  private var sentHead = false
  private var hasEnded = false
  /// Run once if the client cancels the call or the connection closes before the call has ended.
  package var onCancel: () -> Void = {}

  init(
    connection: GRPCServerConnection, stream: HTTP2Stream, fields: HeaderBlock, byteLimit: Int
  ) {
    self.connection = connection
    self.stream = stream
    self.fields = fields
    self.pathRange = fields.fields.first { fields.isNamed(":path", $0) }?.value ?? 0..<0
    self.assembler = MessageAssembler(byteLimit: byteLimit)
    if let encoding = fields.fields.first(where: { fields.isNamed("grpc-encoding", $0) }) {
      self.assembler.encoding = MessageEncoding(fields.bytes[encoding.value])
    }
  }

  // MARK: The request

  package var eventLoop: any EventLoop { self.connection.eventLoop }

  /// `/package.Service/Method`.
  package var path: String { String(decoding: self.pathBytes, as: UTF8.self) }

  /// The same as bytes, for comparison.
  package var pathBytes: ArraySlice<UInt8> { self.fields.bytes[self.pathRange] }

  /// All header fields of the request.
  package var metadata: HeaderBlock { self.fields }

  /// Whether nothing can be sent any more: the call has ended, or the client has disconnected.
  package var isOver: Bool { self.hasEnded }

  // MARK: The reply

  /// Sends the head; `send` and `finish` do so if it hasn't been sent.
  package func sendHead(_ metadata: HeaderBlock = HeaderBlock()) {
    guard !self.hasEnded, !self.sentHead else { return }
    self.sentHead = true
    var head = Self.okHead
    head.append(contentsOf: metadata)
    self.connection.session.submitResponse(self.stream, head, endsStream: false)
    self.connection.driver.scheduleFlush()
  }

  /// Sends a message. Data beyond the client's window is buffered in the session: see `unsentBytes`.
  package func send(_ message: ByteBuffer) {
    self.sendFramed(GRPCMessage.framed(message))
  }

  /// Sends one or more messages that are framed already.
  package func sendFramed(_ bytes: ByteBuffer) {
    guard !self.hasEnded else { return }
    self.sendHead()
    self.connection.session.send(self.stream, bytes)
    self.connection.driver.scheduleFlush()
  }

  /// Ends the call. If nothing was sent before, it's a trailers-only reply.
  package func finish(
    _ status: GRPCStatus = GRPCStatus(.ok), trailers: HeaderBlock = HeaderBlock()
  ) {
    guard !self.hasEnded else { return }
    self.hasEnded = true
    var block = self.sentHead ? HeaderBlock() : Self.okHead
    block.append("grpc-status", String(status.code.rawValue))
    if !status.message.isEmpty {
      block.append("grpc-message".utf8, StatusMessage.encode(status.message))
    }
    if !status.details.isEmpty {
      block.append("grpc-status-details-bin".utf8, BinaryHeader.encode(status.details))
    }
    block.append(contentsOf: trailers)
    if self.sentHead {
      self.connection.session.finish(self.stream, trailers: block)
    } else {
      self.connection.session.submitResponse(self.stream, block, endsStream: true)
    }
    self.connection.driver.scheduleFlush()
  }

  /// Sends a complete, precomputed reply of head, messages and trailers: for benchmarks.
  package func reply(head: HeaderBlock, framed: [ByteBuffer], trailers: HeaderBlock) {
    guard !self.hasEnded, !self.sentHead else { return }
    self.hasEnded = true
    let session = self.connection.session
    session.submitResponse(self.stream, head, body: framed.first, endsStream: false)
    for message in framed.dropFirst() { session.send(self.stream, message) }
    session.finish(self.stream, trailers: trailers)
    self.connection.driver.scheduleFlush()
  }

  /// Bytes held back by the client's window or socket. A service that streams a lot pauses while this is
  /// large.
  package var unsentBytes: Int { self.connection.session.unsentBytes(self.stream) }

  /// The head of a successful reply without metadata.
  package static let okHead: HeaderBlock = {
    var block = HeaderBlock()
    block.append(":status", "200")
    block.append("content-type", "application/grpc")
    return block
  }()

  // MARK: For its connection

  /// Handles DATA. An invalid request is ended immediately.
  func receive(_ bytes: ByteBuffer) {
    self.assembler.append(bytes)
    while !self.hasEnded {
      switch self.assembler.next() {
      case .none: return
      case .message(let message): self.messages.append(message)
      case .failure(let status): self.finish(status)
      }
    }
  }

  /// Whether the complete request can be handled.
  func endRequest() -> Bool {
    if !self.hasEnded && !self.assembler.isAtBoundary {
      self.finish(GRPCStatus(.internal, "the request ended within a message"))
    }
    return !self.hasEnded
  }

  /// Handles the end of the stream.
  func close() {
    guard !self.hasEnded else { return }
    self.hasEnded = true
    self.onCancel()
  }
}
