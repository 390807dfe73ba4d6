import NIOCore
import Testing

@testable import BridgeConfiguration
@testable import HTTP2

/// A protocol that clients speak to the front.
enum ClientProtocol: CaseIterable {
  case http1
  case http2
}

/// A client over one of the protocols, with one request at a time, so that a test can make the same
/// assertions for both.
final class ProtocolClient {
  /// A response as either protocol delivers it, possibly incomplete.
  struct Response: Equatable {
    var status = 0
    /// Without those that frame an HTTP/1.1 response.
    var fields: [String: String] = [:]
    var body = ""
    /// Bytes of the body, which may be too large to be kept as text.
    var bodyByteCount = 0
    /// The trailer section.
    var trailers: [String: String] = [:]
    /// Whether it's complete.
    var isWhole = false
  }

  let client: TestClient
  private let caller: TestCaller?
  private var stream: HTTP2Stream?
  /// What HTTP/1.1 has delivered for the current request.
  private var text = ""
  private var isHead = false

  init(
    _ kind: ClientProtocol, configure: (inout Configuration.Service) -> Void = { _ in }
  ) throws {
    self.client = try TestClient(configure: configure)
    self.caller = kind == .http2 ? try TestCaller(self.client) : nil
  }

  var upstream: CannedUpstream { self.client.upstream }
  var log: AccessList { self.client.log }
  var isOpen: Bool { self.client.isOpen }

  /// Sends a complete request.
  ///
  /// - Parameters:
  ///   - line: method and target.
  ///   - fields: `Name: value`.
  func request(_ line: String, _ fields: [String] = [], body: String? = nil) throws {
    try self.begin(line, fields, body: body, ends: true)
  }

  /// Sends the head of a request with a body.
  func begin(_ line: String, _ fields: [String] = []) throws {
    try self.begin(line, fields, body: nil, ends: false)
  }

  private func begin(_ line: String, _ fields: [String], body: String?, ends: Bool) throws {
    let words = line.split(separator: " ").map(String.init)
    self.isHead = words[0] == "HEAD"
    self.text = ""
    guard let caller = self.caller else {
      self.client.request(
        line, fields + (ends ? [] : ["Transfer-Encoding: chunked"]), body: body)
      return
    }
    let pairs = fields.map { field in
      let parts = field.split(separator: ":", maxSplits: 1)
      return (parts[0].lowercased(), parts[1].drop { $0 == " " }.description)
    }
    // An absolute target's authority is the request's.
    let absolute = words[1].hasPrefix("http://") ? words[1].dropFirst(7) : nil
    let path = absolute.map { String($0.drop { $0 != "/" }) } ?? words[1]
    let authority = absolute.map { String($0.prefix { $0 != "/" }) } ?? "localhost"
    self.stream = try caller.request(
      words[0], path, pairs, body: body, authority: authority, ends: ends)
  }

  /// Sends a part of the body.
  func send(_ part: String, ends: Bool = false) throws {
    if let caller = self.caller, let stream = self.stream {
      return try caller.send(stream, ByteBuffer(string: part), ends: ends)
    }
    let size = String(part.utf8.count, radix: 16)
    self.client.sendRaw("\(size)\r\n\(part)\r\n" + (ends ? "0\r\n\r\n" : ""))
  }

  /// What has arrived for the current request; nil before the head.
  func partialResponse() throws -> Response? {
    self.client.run()
    if let caller = self.caller, let stream = self.stream {
      try caller.exchange()
      return Self.response(caller.reply(stream))
    }
    self.text += try self.client.received()
    return self.text.isEmpty ? nil : try Self.response(self.text, isHead: self.isHead)
  }

  /// The complete response.
  func response() throws -> Response {
    let response = try #require(try self.partialResponse())
    #expect(response.isWhole)
    return response
  }

  private static func response(_ reply: TestCaller.Reply) -> Response? {
    guard let head = reply.sections.first else { return nil }
    var response = Response(
      status: head["status"].flatMap { Int($0) } ?? 0, fields: head, body: reply.body,
      bodyByteCount: reply.byteCount, isWhole: reply.closed == HTTP2ErrorCode.noError)
    response.fields["status"] = nil
    if reply.sections.count > 1 { response.trailers = reply.sections[1] }
    return response
  }

  private static func response(_ text: String, isHead: Bool) throws -> Response {
    // The trailer section is cut off, because `ParsedResponse` doesn't parse it.
    var parts = text.split(separator: "\r\n0\r\n", maxSplits: 1).map(String.init)
    let isChunked = text.contains("transfer-encoding: chunked") && !isHead
    if isChunked, parts.count == 2 { parts[0] += "\r\n0\r\n\r\n" }
    let responses = try ParsedResponse.parse(isChunked ? parts[0] : text, isHead: isHead)
    #expect(responses.count == 1, "\(responses)")
    let parsed = try #require(responses.first)
    var response = Response(
      status: parsed.status, fields: parsed.fields, body: parsed.body,
      bodyByteCount: parsed.body.utf8.count,
      isWhole: !isChunked || parts.count == 2)
    if isChunked, parts.count == 2 {
      for line in parts[1].split(separator: "\r\n") {
        let field = line.split(separator: ": ", maxSplits: 1)
        if field.count == 2 { response.trailers[String(field[0])] = String(field[1]) }
      }
    }
    for name in ["transfer-encoding", "connection", "ended"] { response.fields[name] = nil }
    return response
  }
}
