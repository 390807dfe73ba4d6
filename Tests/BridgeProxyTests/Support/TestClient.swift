import Codec
import NIOCore
import NIOEmbedded

@testable import BridgeConfiguration
@testable import Downstream

/// One client connection to the front without a socket: bytes in, bytes out.
final class TestClient {
  let channel = EmbeddedChannel()
  let upstream: CannedUpstream
  let loop: LoopContext
  let log = AccessList()

  /// Loaded once: linking the built-in schemas takes a while.
  private static let notes = Result { try TestSchema.notes.load() }

  /// Connects to a front that serves `TestSchema.notes`.
  ///
  /// - Parameter address: where the client is.
  convenience init(
    limits: Configuration.Limits = Configuration.Limits(), from address: String = "127.0.0.1",
    checksHost: Bool = false, trusting hosts: [String] = [],
    configure: (inout Configuration.Service) -> Void = { _ in }
  ) throws {
    var configuration = Configuration.Service(
      name: "notes", schemas: [], endpoint: Configuration.Endpoint(host: "localhost", port: 1))
    configure(&configuration)
    try self.init(
      serving: ServedService(configuration, schema: Self.notes.get()), limits: limits,
      from: address, checksHost: checksHost, trusting: hosts)
  }

  /// Connects to a front that serves this service.
  init(
    serving service: ServedService, limits: Configuration.Limits,
    from address: String = "127.0.0.1", checksHost: Bool = false, trusting hosts: [String] = []
  ) throws {
    self.upstream = CannedUpstream(on: self.channel.embeddedEventLoop)
    self.loop = LoopContext(
      eventLoop: self.channel.eventLoop, table: try ServingTable([service]),
      upstreams: [[self.upstream]], limits: limits, recorder: self.log,
      trustedHosts: TrustedHosts(hosts))
    try HTTPFront.addHandlers(to: self.channel, self.loop, checksHost: checksHost)
    // Registers and activates.
    try self.channel.connect(to: SocketAddress(ipAddress: address, port: 1)).wait()
  }

  deinit {
    _ = try? self.channel.finish(acceptAlreadyClosed: true)
  }

  var isOpen: Bool { self.channel.isActive }

  /// Sends text; line ends are CRLF where the text has LF, bodies are given separately.
  func send(_ lines: String, body: String = "") {
    let head = lines.split(separator: "\n", omittingEmptySubsequences: false)
      .joined(separator: "\r\n")
    self.sendRaw(head + body)
  }

  /// Sends a whole request: request line, fields, empty line, body.
  func request(_ line: String, _ fields: [String] = [], body: String? = nil) {
    var text = "\(line) HTTP/1.1\r\nHost: localhost\r\n"
    for field in fields { text += field + "\r\n" }
    if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
    self.sendRaw(text + "\r\n" + (body ?? ""))
  }

  /// Sends bytes as they are, in one read.
  func sendRaw(_ text: String) {
    self.sendRaw(Array(text.utf8))
  }

  func sendRaw(_ bytes: [UInt8]) {
    guard self.channel.isActive else { return }
    self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
    self.channel.pipeline.fireChannelReadComplete()
    self.channel.embeddedEventLoop.run()
  }

  /// Closes the client's sending side.
  func closeInput() {
    self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    self.channel.embeddedEventLoop.run()
  }

  /// Makes the client stop or go on taking bytes.
  func setWritable(_ isWritable: Bool) {
    self.channel.isWritable = isWritable
    self.channel.pipeline.fireChannelWritabilityChanged()
    self.channel.embeddedEventLoop.run()
  }

  /// Sends bytes and, in the same turn, closes the sending side.
  func sendAndClose(_ text: String) {
    self.channel.pipeline.fireChannelRead(ByteBuffer(string: text))
    self.closeInput()
  }

  /// The client disconnects.
  func disconnect() throws {
    try self.channel.close().wait()
  }

  /// Lets what was put off to the end of the loop's turn happen.
  func run() {
    self.channel.embeddedEventLoop.run()
  }

  /// All that was written since the last call.
  func received() throws -> String {
    String(buffer: try self.receivedBytes())
  }

  /// The same, where it isn't text.
  func receivedBytes() throws -> ByteBuffer {
    var bytes = ByteBuffer()
    while let buffer = try self.channel.readOutbound(as: ByteBuffer.self) {
      bytes.writeImmutableBuffer(buffer)
    }
    return bytes
  }

  /// The responses that were written since the last call.
  func responses() throws -> [ParsedResponse] {
    try ParsedResponse.parse(try self.received())
  }

  /// The one response that was written since the last call.
  func response() throws -> ParsedResponse {
    let responses = try self.responses()
    guard responses.count == 1, let response = responses.first else {
      throw ResponseError(text: "\(responses.count) responses instead of one: \(responses)")
    }
    return response
  }
}

/// A response as a client reads it.
struct ParsedResponse: Equatable, CustomStringConvertible {
  var status: Int
  var fields: [String: String]
  var body: String

  /// What the status line and the fields say of the body is believed, except where a request was a
  /// HEAD, of which nothing is known here: give each response its own call then.
  static func parse(_ text: String, isHead: Bool = false) throws -> [ParsedResponse] {
    var rest = Substring(text)
    var responses: [ParsedResponse] = []
    while !rest.isEmpty {
      guard let end = rest.range(of: "\r\n\r\n") else { throw ResponseError(text: String(rest)) }
      let lines = rest[..<end.lowerBound].components(separatedBy: "\r\n")
      rest = rest[end.upperBound...]
      let words = lines[0].split(separator: " ")
      guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
        throw ResponseError(text: text)
      }
      var fields: [String: String] = [:]
      for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        fields[String(parts[0])] = parts[1].drop { $0 == " " }.description
      }
      var response = ParsedResponse(status: status, fields: fields, body: "")
      if status != 100, status != 204, !isHead {
        try Self.readBody(of: &response, &rest)
      }
      responses.append(response)
    }
    return responses
  }

  private static func readBody(of response: inout ParsedResponse, _ rest: inout Substring) throws {
    if let length = response.fields["content-length"].flatMap({ Int($0) }) {
      guard rest.utf8.count >= length else { throw ResponseError(text: String(rest)) }
      response.body = String(decoding: rest.utf8.prefix(length), as: UTF8.self)
      rest = Substring(String(decoding: rest.utf8.dropFirst(length), as: UTF8.self))
    } else if response.fields["transfer-encoding"] == "chunked" {
      while true {
        guard let end = rest.range(of: "\r\n"), let size = Int(rest[..<end.lowerBound], radix: 16)
        else { return }
        rest = rest[end.upperBound...]
        response.body += String(decoding: rest.utf8.prefix(size), as: UTF8.self)
        rest = Substring(String(decoding: rest.utf8.dropFirst(size), as: UTF8.self))
        guard rest.hasPrefix("\r\n") else { throw ResponseError(text: String(rest)) }
        rest = rest.dropFirst(1)
        if size == 0 {
          response.fields["ended"] = "yes"
          return
        }
      }
    } else {
      response.body = String(rest)
      rest = ""
    }
  }

  var description: String { "\(self.status) \(self.fields) \(self.body)" }
}

struct ResponseError: Error {
  var text: String
}

extension Substring {
  /// Where `text` stands first. Works on Unicode scalars, for which CR LF are two.
  fileprivate func range(of text: String) -> Range<Index>? {
    let scalars = self.unicodeScalars
    var start = scalars.startIndex
    let wanted = Array(text.unicodeScalars)
    while start < scalars.endIndex {
      if scalars[start...].starts(with: wanted) {
        return start..<scalars.index(start, offsetBy: wanted.count)
      }
      start = scalars.index(after: start)
    }
    return nil
  }

  fileprivate func components(separatedBy text: String) -> [Substring] {
    var parts: [Substring] = []
    var rest = self
    while let range = rest.range(of: text) {
      parts.append(rest[..<range.lowerBound])
      rest = rest[range.upperBound...]
    }
    return parts + [rest]
  }
}

extension TestSchema {
  /// What the tests of the front serve.
  static let notes = TestSchema(methods: [
    Method(
      name: "Echo",
      rules: [
        HTTPRule(verb: "POST", template: "/v1/echo", body: "*"),
        HTTPRule(verb: "GET", template: "/v1/notes/{name}"),
        HTTPRule(verb: "GET", template: "/v1/files/{name=**}"),
        HTTPRule(verb: "OPTIONS", template: "/v1/options/{name}"),
        HTTPRule(verb: "PUT", template: "/v1/notes/{name}", body: "inner", responseBody: "inner"),
      ]),
    Method(
      name: "Watch", isServerStreaming: true,
      rules: [
        HTTPRule(verb: "POST", template: "/v1/watch", body: "*"),
        HTTPRule(verb: "GET", template: "/v1/watch/{name}"),
      ]),
    Method(
      name: "Push", isClientStreaming: true,
      rules: [
        HTTPRule(verb: "POST", template: "/v1/push", body: "*"),
        HTTPRule(verb: "POST", template: "/v1/push/{name}", body: "*"),
        HTTPRule(verb: "GET", template: "/v1/push/{name}"),
        HTTPRule(verb: "POST", template: "/v1/tags", body: "tags"),
      ]),
    Method(
      name: "Chat", isClientStreaming: true, isServerStreaming: true,
      rules: [HTTPRule(verb: "POST", template: "/v1/chat", body: "*")]),
  ])

  /// The wire form of a note.
  static func note(name: String = "", text: String = "") -> [UInt8] {
    var writer = WireWriter()
    if !name.isEmpty { writer.string(1, name) }
    if !text.isEmpty { writer.string(2, text) }
    return writer.bytes
  }
}
