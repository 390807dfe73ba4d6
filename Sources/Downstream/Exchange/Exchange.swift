internal import BridgeConfiguration
internal import Codec
internal import HTTP2
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// What is known of the request under way and its answer; made anew for each.
///
/// A value in a property of the driver's. Nothing is called while one of its parts is being changed, so
/// that the compiler sees that no two accesses can meet, and needs no checks at run time.
struct Exchange {
  var method: HTTPMethod
  /// The request target as it was sent.
  var target: String
  /// Whether the client speaks HTTP/1.0.
  var isHTTP10: Bool
  /// When its head arrived; only taken when there's a log to tell.
  var start: NIODeadline?
  /// Nil until a route was found.
  var accepted: AcceptedCall?
  /// The service of a request without a route: of a preflight, and of one that no route was found for where its
  /// errors have the service's shape.
  var unroutedService: ServedService?
  /// Inflated, where it came compressed.
  var body: ByteBuffer?
  /// Nil for a body that isn't compressed.
  var inflater: BodyInflater?
  /// Nil for a body in UTF-8.
  var charset: CharsetDecoder?
  /// Whether the body is a form that is the query of a GET.
  var takesForm = false
  /// Of a request that is a stream of messages, until its end.
  var requests: StreamedRequestBody?
  /// Whether the call has no room for more messages.
  var isHeld = false
  /// The length that the client announced.
  var announcedLength = 0
  /// Whether the client reads trailers behind an answer.
  var takesTrailers = false
  /// How the answer may be compressed.
  var responseCoding = ContentCoding.identity
  var call: (any UpstreamCall)?
  /// What came with the reply's head.
  var replyMetadata = HeaderBlock()
  var hasReplyHead = false
  /// The HTTP status of an answer to a call that ends well.
  var successStatus = 200
  /// Of a body that isn't JSON; then of an answer that isn't.
  var contentType = ""
  /// How a streamed answer is written.
  var format = StreamFormat.lines
  /// The message of a unary reply.
  var reply: ByteBuffer?
  /// Of a request that becomes a WebSocket when it's complete.
  final class Handshake {
    let head: HTTPRequestHead
    /// The first one that the client named; empty where it named none.
    let protocolName: String

    init(head: HTTPRequestHead, protocolName: String) {
      self.head = head
      self.protocolName = protocolName
    }
  }

  var handshake: Handshake?
  var requestByteCount = 0
  /// The writer's `writtenByteCount` when the head arrived.
  var writtenBefore = 0

  init(_ head: RequestHead) {
    self.method = head.method
    self.target = head.target
    self.isHTTP10 = head.isHTTP10
  }

  /// Bytes of the request that are held until its call is over, and of its reply.
  var heldBytes: Int {
    let reply = self.reply?.readableBytes ?? 0
    if self.route?.method.isClientStreaming == true {
      // Messages that the call has taken aren't held, also after the last one.
      return (self.requests?.pendingByteCount ?? 0) + (self.call?.unsentBytes ?? 0) + reply
    }
    // The message is about as large as the body, and kept in case that it has to be sent again.
    return (self.call == nil ? self.body?.readableBytes ?? 0 : self.requestByteCount) + reply
  }

  /// The service of the request, as far as it's known.
  var service: ServedService? { self.accepted?.service ?? self.unroutedService }
  var route: Route? { self.accepted?.route }

  /// Whether the answer has no body.
  var isHead: Bool { self.method == .HEAD }
}
