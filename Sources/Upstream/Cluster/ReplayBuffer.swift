internal import NIOCore

/// The messages of a request, kept so that another attempt can send them again.
///
/// Bounded: gRPC's clients keep 256 KiB of a call by default; beyond it the call can't be attempted again.
struct ReplayBuffer {
  /// The message that a call begins with; nil if all messages follow.
  private(set) var first: ByteBuffer?
  /// The messages after the first.
  private(set) var rest: [ByteBuffer] = []
  private var restByteCount = 0

  init(first: ByteBuffer?) {
    self.first = first
  }

  /// All bytes kept.
  var byteCount: Int { self.restByteCount + (self.first?.readableBytes ?? 0) }

  /// Whether the messages after the first exceed the bound.
  var isOverfull: Bool { self.restByteCount > Self.byteLimit }

  mutating func append(_ message: ByteBuffer) {
    self.rest.append(message)
    self.restByteCount += message.readableBytes
  }

  mutating func removeAll() {
    self = ReplayBuffer(first: nil)
  }

  private static let byteLimit = 256 << 10
}
