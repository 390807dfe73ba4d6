package import GRPCWire
package import HTTP2
package import NIOCore

/// The request of a call, as its owner starts it.
package struct CallRequest {
  /// How the bytes of request and response are framed.
  package enum Framing: Equatable, Sendable {
    /// As gRPC messages. A response message may have at most this many bytes; more is RESOURCE_EXHAUSTED.
    case messages(replyByteLimit: Int)
    /// Not at all: bytes pass unchanged, so `message` and `send` take any part of the request, and the observer
    /// gets any part of the response. Fields pass as well: `metadata` has `content-type`, `user-agent` and
    /// gRPC's own (but for `grpc-timeout`, which states what `deadline` leaves), and the observer gets all but
    /// the pseudo-header fields, `grpc-status` among them if the endpoint sent one.
    case raw
  }

  /// What an owner accepts or forgoes.
  package struct Options: Equatable, Sendable {
    /// Whether the call ends, with UNAVAILABLE, when its connection drains: for a call that lasts as long as it
    /// may and would keep the connection open otherwise.
    package var endsOnDrain = false
    /// Whether the owner does nothing with a response before its end. Where calls are retried, it may then
    /// arrive all at once: an endpoint that is lost in the middle of its response hasn't responded.
    package var buffersReply = false
    /// Whether the client may have disconnected (`UpstreamCall.markSheddable`), from the start.
    package var isSheddable = false

    package init() {}
  }

  /// `:path`, `/package.Service/Method`.
  package var path: String
  /// Metadata to send, names in lower case, valid by RFC 9113 §8.2.1; gRPC's reserved headers (`:method`,
  /// `te`, `content-type`, `grpc-timeout`, `grpc-encoding`, …) are the upstream's own.
  package var metadata: HeaderBlock
  /// When the call ends with DEADLINE_EXCEEDED; sent as `grpc-timeout`. Nil: never.
  package var deadline: NIODeadline?
  /// What set `deadline`.
  package var limit: CallLimit?
  /// The first message, in its gRPC frame (5-byte prefix); nil if messages follow by `send`.
  package var message: ByteBuffer?
  /// How messages are compressed whose frames are marked as compressed; sent as `grpc-encoding`.
  package var encoding: CompressionFormat?
  /// Whether the request is complete with `message`.
  package var isComplete: Bool
  package var framing: Framing
  package var options = Options()

  package init(
    path: String, metadata: HeaderBlock = HeaderBlock(), deadline: NIODeadline? = nil,
    message: ByteBuffer?, isComplete: Bool = true,
    framing: Framing = .messages(replyByteLimit: 64 << 20)
  ) {
    self.path = path
    self.metadata = metadata
    self.deadline = deadline
    self.message = message
    self.isComplete = isComplete
    self.framing = framing
  }

  package var isRaw: Bool { self.framing == .raw }
}
