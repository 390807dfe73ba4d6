internal import DemoBackend
internal import Foundation
internal import NIOCore

/// The command line of `bench-upstream`.
struct Command {
  private(set) var host = "127.0.0.1"
  private(set) var port = 0
  /// Number of event loops. One serves more requests than any proxy here sends.
  private(set) var threads = 1
  private(set) var replies: [CannedReply] = []

  static let usage = """
    usage: bench-upstream [--host 127.0.0.1] [--port 0] [--threads 1] REPLY...
      REPLY is one of the following; FILE is read once at startup:
      --reply /package.Service/Method=FILE[,COUNT]   FILE is one message, sent COUNT times (1)
      --framed /package.Service/Method=FILE          FILE contains messages with their gRPC prefixes
      --held /package.Service/Method                 only the head, until the client cancels
    """

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let option = rest.popFirst() {
      guard let value = rest.popFirst() else {
        throw UsageError(description: "\(option) needs a value\n\(Self.usage)")
      }
      switch option {
      case "--host": self.host = value
      case "--port": self.port = try Self.number(option, value, in: 0...65535)
      case "--threads": self.threads = try Self.number(option, value, in: 1...64)
      case "--reply": self.replies.append(try Self.reply(value, isFramed: false))
      case "--held": self.replies.append(CannedReply(heldPath: value))
      case "--framed": self.replies.append(try Self.reply(value, isFramed: true))
      default: throw UsageError(description: "\(option) is unknown\n\(Self.usage)")
      }
    }
    guard !self.replies.isEmpty else {
      throw UsageError(description: "there is no reply to give\n\(Self.usage)")
    }
  }

  /// Options for a server that does as little as possible.
  var serverOptions: GRPCServer.Options {
    var options = GRPCServer.Options()
    options.host = self.host
    options.port = self.port
    options.readsMessages = false
    // One frame per message, as servers send them.
    options.joinsMessages = false
    options.concurrentStreams = 1 << 16
    return options
  }

  private static func number(
    _ option: String, _ text: String, in range: ClosedRange<Int>
  ) throws -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw UsageError(description: "\(option) \(text): not a number in \(range)")
    }
    return number
  }

  private static func reply(_ text: String, isFramed: Bool) throws -> CannedReply {
    guard let equals = text.firstIndex(of: "="), text.hasPrefix("/") else {
      throw UsageError(description: "\(text): not /package.Service/Method=FILE")
    }
    var file = text[text.index(after: equals)...]
    var count = 1
    if !isFramed, let comma = file.lastIndex(of: ",") {
      count = try Self.number("COUNT", String(file[file.index(after: comma)...]), in: 0...1_000_000)
      file = file[..<comma]
    }
    guard let content = FileManager.default.contents(atPath: String(file)) else {
      throw UsageError(description: "\(file): can't be read")
    }
    return CannedReply(
      path: String(text[..<equals]), content: ByteBuffer(bytes: content), isFramed: isFramed,
      count: count)
  }
}
