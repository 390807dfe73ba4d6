internal import HTTP2
internal import NIOCore

/// Takes the bytes of an answer apart that an `ExchangeDriver` has made, for a stream of HTTP/2.
///
/// An answer has one form in the bridge, that of HTTP/1.1, which nearly all clients speak. It's our own
/// writing, so what isn't understood is our bug.
struct AnswerReader {
  /// What comes next.
  enum Part: Equatable {
    /// A 1xx head.
    case interim(HeaderBlock)
    case head(HeaderBlock, endsStream: Bool)
    case body(ByteBuffer, endsStream: Bool)
    /// The end behind a body, with trailers or without.
    case end(HeaderBlock)
  }

  private enum State {
    case head
    /// So many bytes of the body are left.
    case body(Int)
    /// The line with the size of a chunk.
    case chunkSize
    /// So many bytes of a chunk are left.
    case chunk(Int)
    case trailers
    case complete
  }

  private var state = State.head
  private var bytes = ByteBuffer()
  /// Whether the request was a HEAD, whose answer has the length of a body and none.
  private let isHead: Bool

  /// - Parameter isHead: whether the request was a HEAD.
  init(isHead: Bool) {
    self.isHead = isHead
  }

  /// Whether the answer has come to its end.
  var isComplete: Bool {
    if case .complete = self.state { true } else { false }
  }

  /// Takes bytes that were written.
  mutating func append(_ written: ByteBuffer) {
    if self.bytes.readableBytes == 0 {
      self.bytes = written
    } else {
      self.bytes.writeImmutableBuffer(written)
    }
  }

  /// The next part; nil until more is written.
  mutating func next() -> Part? {
    while true {
      switch self.state {
      case .head:
        return self.readHead()
      case .body(let left):
        guard let part = self.bytes.readSlice(length: min(left, self.bytes.readableBytes)),
          part.readableBytes > 0
        else { return nil }
        let isLast = part.readableBytes == left
        self.state = isLast ? .complete : .body(left - part.readableBytes)
        return .body(part, endsStream: isLast)
      case .chunkSize:
        guard let line = self.readLine() else { return nil }
        // The end of the chunk before.
        if line.isEmpty { continue }
        guard let size = Int(line, radix: 16) else { preconditionFailure("no size of a chunk") }
        self.state = size == 0 ? .trailers : .chunk(size)
      case .chunk(let left):
        guard let part = self.bytes.readSlice(length: min(left, self.bytes.readableBytes)),
          part.readableBytes > 0
        else { return nil }
        self.state =
          part.readableBytes == left ? .chunkSize : .chunk(left - part.readableBytes)
        return .body(part, endsStream: false)
      case .trailers:
        guard let trailers = self.readTrailers() else { return nil }
        self.state = .complete
        return .end(trailers)
      case .complete:
        return nil
      }
    }
  }

  /// Reads a head once it's there to its end.
  private mutating func readHead() -> Part? {
    guard let length = self.sectionLength, let section = self.bytes.readSlice(length: length)
    else { return nil }
    var lines = String(buffer: section).split(separator: "\r\n", omittingEmptySubsequences: true)
    let status = lines.removeFirst().split(separator: " ").dropFirst().first ?? ""
    var head = HeaderBlock()
    head.append(":status", String(status))
    var bodyLength: Int?
    var isChunked = false
    for line in lines {
      guard let (name, value) = Self.field(line) else { continue }
      switch name {
      // Of the connection (RFC 9113 §8.2.2).
      case "connection", "keep-alive": continue
      case "transfer-encoding":
        isChunked = true
        continue
      case "content-length": bodyLength = Int(value)
      default: break
      }
      head.append(name, value)
    }
    if status.first == "1" { return .interim(head) }
    let hasBody = !self.isHead && (isChunked || (bodyLength ?? 0) > 0)
    if !hasBody {
      self.state = .complete
    } else {
      self.state = isChunked ? .chunkSize : .body(bodyLength ?? 0)
    }
    return .head(head, endsStream: !hasBody)
  }

  private mutating func readTrailers() -> HeaderBlock? {
    var trailers = HeaderBlock()
    if self.bytes.readableBytesView.starts(with: "\r\n".utf8) {
      self.bytes.moveReaderIndex(forwardBy: 2)
      return trailers
    }
    guard let length = self.sectionLength, let section = self.bytes.readSlice(length: length)
    else { return nil }
    for line in String(buffer: section).split(separator: "\r\n") {
      if let (name, value) = Self.field(line) { trailers.append(name, value) }
    }
    return trailers
  }

  /// The length of the lines up to an empty one, and of that.
  private var sectionLength: Int? {
    let view = self.bytes.readableBytesView
    var index = view.startIndex
    while let carriage = view[index...].firstIndex(of: UInt8(ascii: "\r")) {
      if view[carriage...].starts(with: "\r\n\r\n".utf8) { return carriage + 4 - view.startIndex }
      index = carriage + 1
    }
    return nil
  }

  private mutating func readLine() -> String? {
    let view = self.bytes.readableBytesView
    guard let end = view.firstIndex(of: UInt8(ascii: "\n")),
      let line = self.bytes.readString(length: end + 1 - view.startIndex)
    else { return nil }
    return String(line.dropLast(1))
  }

  private static func field(_ line: Substring) -> (name: String, value: String)? {
    guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    let value = line[colon...].dropFirst().drop { $0 == " " }
    return (line[..<colon].lowercased(), String(value))
  }
}
