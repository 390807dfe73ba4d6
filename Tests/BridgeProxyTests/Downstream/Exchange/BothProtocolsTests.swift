import Codec
import NIOCore
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import Downstream
@testable import GRPCWire
@testable import HTTP2

/// Responses that are the same over HTTP/1.1 and HTTP/2, but for how they are framed.
@Suite struct BothProtocolsTests {
  enum ClientProtocol: CaseIterable {
    case http1
    case http2
  }

  /// A response as either protocol brings it.
  struct Response: Equatable {
    var status = 0
    var fields: [String: String] = [:]
    var body = ""
    /// Bytes of the body, which may be too large to be kept as text.
    var bodyByteCount = 0
    /// The trailer section.
    var trailers: [String: String] = [:]
    /// Whether it came to its end.
    var isWhole = false
  }

  /// A client of one of the protocols.
  private struct Caller {
    let client: TestClient
    private let caller: TestCaller?
    private var stream: HTTP2Stream?
    private var isHead = false

    init(
      _ kind: ClientProtocol, configure: (inout Configuration.Service) -> Void = { _ in }
    ) throws {
      self.client = try TestClient(configure: configure)
      self.caller = kind == .http2 ? try TestCaller(self.client) : nil
    }

    mutating func request(
      _ method: String, _ path: String, _ fields: [(String, String)] = [], body: String? = nil
    ) throws {
      self.isHead = method == "HEAD"
      if let caller = self.caller {
        self.stream = try caller.request(method, path, fields, body: body)
      } else {
        self.client.request("\(method) \(path)", fields.map { "\($0): \($1)" }, body: body)
      }
    }

    /// All that has come, once for each request.
    func response() throws -> Response {
      if let caller = self.caller, let stream = self.stream {
        try caller.exchange()
        return Self.response(caller.reply(stream))
      }
      return try Self.response(self.client.received(), isHead: self.isHead)
    }

    private static func response(_ reply: TestCaller.Reply) -> Response {
      var response = Response(
        body: reply.body, bodyByteCount: reply.byteCount,
        isWhole: reply.closed == HTTP2ErrorCode.noError)
      for (index, block) in reply.blocks.enumerated() {
        for line in block.split(separator: ", ") {
          let parts = line.drop { $0 == ":" }.split(separator: ": ", maxSplits: 1)
          guard parts.count == 2 else { continue }
          let (name, value) = (String(parts[0]), String(parts[1].prefix { $0 != "|" }))
          if name == "status" {
            response.status = Int(value) ?? 0
          } else if index == 0 {
            response.fields[name] = value.trimmed
          } else {
            response.trailers[name] = value.trimmed
          }
        }
      }
      return response
    }

    private static func response(_ text: String, isHead: Bool) throws -> Response {
      // The trailer section is cut off, because `Answer` doesn't parse it.
      var parts = text.split(separator: "\r\n0\r\n", maxSplits: 1).map(String.init)
      let isChunked = text.contains("transfer-encoding: chunked") && !isHead
      if isChunked, parts.count == 2 { parts[0] += "\r\n0\r\n\r\n" }
      let answer = try #require(
        try Answer.parse(isChunked ? parts[0] : text, isHead: isHead).first)
      var response = Response(
        status: answer.status, fields: answer.fields, body: answer.body,
        bodyByteCount: answer.body.utf8.count,
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

  @Test(arguments: ClientProtocol.allCases)
  func `a unary call succeeds`(_ kind: ClientProtocol) throws {
    var caller = try Caller(kind)
    caller.client.upstream.echoes()
    try caller.request(
      "POST", "/v1/echo", [("content-type", "application/json"), ("x-request-id", "r")],
      body: #"{"name":"a"}"#)
    var response = try caller.response()
    #expect(response.fields["date"] != nil)
    response.fields["date"] = nil
    #expect(
      response
        == Response(
          status: 200,
          fields: [
            "content-type": "application/json", "content-length": "12", "x-request-id": "r",
          ], body: #"{"name":"a"}"#, bodyByteCount: 12, isWhole: true))
    #expect(caller.client.log.entries.map(\.httpStatus) == [200])
    #expect(caller.client.log.entries.allSatisfy { $0.responseBytes > 12 })
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an error needs no call`(_ kind: ClientProtocol) throws {
    var caller = try Caller(kind)
    try caller.request("GET", "/no/such/path")
    let response = try caller.response()
    #expect(response.status == 404 && response.isWhole)
    #expect(response.bodyByteCount > 100)
    #expect(response.fields["content-length"] == String(response.bodyByteCount))
    #expect(response.fields["content-type"] == "application/json")
  }

  @Test(arguments: ClientProtocol.allCases)
  func `HEAD has the fields of GET and no body`(_ kind: ClientProtocol) throws {
    var caller = try Caller(kind)
    try caller.request("HEAD", "/v1/notes/a")
    let call = try #require(caller.client.upstream.calls.first)
    call.reply(TestSchema.note(text: "hi"))
    call.end()
    let response = try caller.response()
    #expect(response.status == 200 && response.body.isEmpty && response.isWhole)
    #expect(response.fields["content-length"] == "13")
  }

  @Test(arguments: ClientProtocol.allCases)
  func `trailers follow the body for a client that accepts them`(_ kind: ClientProtocol) throws {
    var caller = try Caller(kind)
    try caller.request("GET", "/v1/notes/a", [("te", "trailers")])
    let call = try #require(caller.client.upstream.calls.first)
    call.reply(TestSchema.note(text: "hi"))
    call.end(GRPCStatus(.ok), trailers: [("x-a", "1"), ("x-b", "2")])
    let response = try caller.response()
    #expect(response.status == 200 && response.body == #"{"text":"hi"}"# && response.isWhole)
    #expect(response.trailers == ["grpc-trailer-x-a": "1", "grpc-trailer-x-b": "2"])
    #expect(response.fields["content-length"] == nil)
  }

  @Test(
    arguments: ClientProtocol.allCases,
    [
      ("application/x-ndjson", "{\"text\":\"1\"}\n{\"text\":\"2\"}\n"),
      ("application/json", "[{\"text\":\"1\"},\n{\"text\":\"2\"}]\n"),
      ("text/event-stream", "data: {\"text\":\"1\"}\n\ndata: {\"text\":\"2\"}\n\n"),
    ])
  func `a stream is sent in each format`(
    _ kind: ClientProtocol, _ format: (type: String, body: String)
  ) throws {
    var caller = try Caller(kind)
    try caller.request("GET", "/v1/watch/a", [("accept", format.type)])
    let call = try #require(caller.client.upstream.calls.first)
    for text in ["1", "2"] { call.reply(TestSchema.note(text: text)) }
    call.end()
    caller.client.run()
    let response = try caller.response()
    #expect(response.status == 200 && response.body == format.body && response.isWhole)
    #expect(response.fields["content-type"] == format.type)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a stream that fails ends with its error if the format allows it`(
    _ kind: ClientProtocol
  ) throws {
    var caller = try Caller(kind)
    try caller.request("GET", "/v1/watch/a")
    let call = try #require(caller.client.upstream.calls.first)
    call.reply(TestSchema.note(text: "1"))
    call.end(GRPCStatus(.dataLoss, "gone"))
    caller.client.run()
    let response = try caller.response()
    #expect(response.isWhole && response.body.hasPrefix("{\"text\":\"1\"}\n{\"error\":"))
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an array that fails is truncated`(_ kind: ClientProtocol) throws {
    var caller = try Caller(kind)
    try caller.request("GET", "/v1/watch/a", [("accept", "application/json")])
    let call = try #require(caller.client.upstream.calls.first)
    call.reply(TestSchema.note(text: "1"))
    call.end(GRPCStatus(.dataLoss, "gone"))
    caller.client.run()
    let response = try caller.response()
    #expect(!response.isWhole)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a preflight response has no body`(_ kind: ClientProtocol) throws {
    var caller = try Caller(kind) { $0.cors = Configuration.CORS(origins: ["https://a.example"]) }
    try caller.request(
      "OPTIONS", "/v1/echo",
      [("origin", "https://a.example"), ("access-control-request-method", "POST")])
    let response = try caller.response()
    #expect(response.status == 204 && response.body.isEmpty && response.isWhole)
    #expect(response.fields["access-control-allow-origin"] == "https://a.example")
    #expect(response.fields["vary"] == "origin")
  }
}

extension String {
  fileprivate var trimmed: String { self.hasSuffix(" ") ? String(self.dropLast()) : self }
}
