internal import BridgeConfiguration
internal import Codec
internal import HTTP2
internal import NIOCore
internal import NIOHTTP1
internal import Routing
internal import Upstream

/// State of the request in progress and its response; created anew for each request.
///
/// A value stored in a property of the driver. Nothing is called while one of its parts is being
/// modified, so the compiler can prove exclusive access and emits no run-time checks.
struct Exchange {
  var method: HTTPMethod
  /// The request target as sent.
  var target: String
  /// Whether the client speaks HTTP/1.0.
  var isHTTP10: Bool
  /// When its head arrived; only set if there's an access log.
  var start: NIODeadline?
  /// Nil until a route has been found.
  var accepted: AcceptedCall?
  /// The service of a request without a route: of a preflight, or of a request that matched no route if
  /// its errors take the service's shape.
  var unroutedService: ServedService?
  /// Inflated, if it arrived compressed.
  var body: ByteBuffer?
  /// Nil if the body isn't compressed.
  var inflater: BodyInflater?
  /// Nil if the body is UTF-8.
  var charset: CharsetDecoder?
  /// Whether the body is a form that serves as the query of a GET.
  var takesForm = false
  /// Set until its end for a request that is a stream of messages.
  var requests: StreamedRequestBody?
  /// Whether the call has no room for more messages.
  var isHeld = false
  /// The `Content-Length` that the client declared.
  var announcedLength = 0
  /// Whether the client accepts trailers after the body.
  var takesTrailers = false
  /// How the response may be compressed.
  var responseCoding = ContentCoding.identity
  var call: (any UpstreamCall)?
  /// The metadata from the reply's head.
  var replyMetadata = HeaderBlock()
  var hasReplyHead = false
  /// The HTTP status of the response if the call succeeds.
  var successStatus = 200
  /// The content type of a body that becomes a `google.api.HttpBody`, until its first message is encoded.
  var requestContentType = ""
  /// The content type of a response that isn't JSON: that of its `google.api.HttpBody`.
  var responseContentType = ""
  /// How a streamed response is written.
  var format = StreamFormat.lines
  /// The message of a unary reply.
  var reply: ByteBuffer?
  /// The protocol to which the connection switches once the request is complete.
  var upgrade: Upgrade?
  var requestByteCount = 0
  /// The writer's `writtenByteCount` when the head arrived.
  var writtenBefore = 0

  init(_ head: RequestHead) {
    self.method = head.method
    self.target = head.target
    self.isHTTP10 = head.isHTTP10
  }

  /// Bytes of the request that are held until its call ends, plus those of its reply.
  var heldBytes: Int {
    let reply = self.reply?.readableBytes ?? 0
    if self.route?.method.isClientStreaming == true {
      // Messages that the call has taken aren't held, even after the last one.
      return (self.requests?.pendingByteCount ?? 0) + (self.call?.unsentBytes ?? 0) + reply
    }
    // The message is about as large as the body, and kept in case it must be sent again.
    return (self.call == nil ? self.body?.readableBytes ?? 0 : self.requestByteCount) + reply
  }

  /// The service of the request, if known.
  var service: ServedService? { self.accepted?.service ?? self.unroutedService }
  var route: Route? { self.accepted?.route }

  /// Whether the response has no body.
  var isHead: Bool { self.method == .HEAD }
}
