internal import DemoBackend
internal import GRPCWire
internal import HTTP2
internal import NIOCore

/// The precomputed reply of one method.
struct CannedReply {
  let path: [UInt8]
  /// One buffer per DATA frame.
  let framed: [ByteBuffer]
  /// Whether the call is only opened: it gets a head, and nothing until the client cancels it.
  let isHeld: Bool

  init(path: String, content: ByteBuffer, isFramed: Bool, count: Int) {
    self.path = Array(path.utf8)
    let message = isFramed ? content : GRPCMessage.framed(content)
    self.framed = Array(repeating: message, count: count)
    self.isHeld = false
  }

  init(heldPath: String) {
    self.path = Array(heldPath.utf8)
    self.framed = []
    self.isHeld = true
  }
}

/// Responds by path and ignores the request otherwise.
struct CannedService: GRPCService {
  private let replies: [CannedReply]
  private let head = GRPCServerCall.okHead
  private let trailers: HeaderBlock

  init(_ replies: [CannedReply]) {
    self.replies = replies
    var trailers = HeaderBlock()
    trailers.append("grpc-status", "0")
    self.trailers = trailers
  }

  func serve(_ call: GRPCServerCall) {
    let path = call.pathBytes
    for reply in self.replies where path.elementsEqual(reply.path) {
      if reply.isHeld {
        call.sendHead()
      } else {
        call.reply(head: self.head, framed: reply.framed, trailers: self.trailers)
      }
      return
    }
    call.finish(GRPCStatus(.unimplemented, "there is no reply for \(call.path)"))
  }
}
