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
  @Test(arguments: ClientProtocol.allCases)
  func `a unary call succeeds`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    client.upstream.echoes()
    try client.request(
      "POST /v1/echo", ["content-type: application/json", "x-request-id: r"],
      body: #"{"name":"a"}"#)
    var response = try client.response()
    #expect(response.fields["date"] != nil)
    response.fields["date"] = nil
    #expect(
      response
        == ProtocolClient.Response(
          status: 200,
          fields: [
            "content-type": "application/json", "content-length": "12", "x-request-id": "r",
          ], body: #"{"name":"a"}"#, bodyByteCount: 12, isWhole: true))
    #expect(client.log.entries.map(\.httpStatus) == [200])
    #expect(client.log.entries.allSatisfy { $0.responseBytes > 12 })
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an error needs no call`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /no/such/path")
    let response = try client.response()
    #expect(response.status == 404 && response.isWhole)
    #expect(response.bodyByteCount > 100)
    #expect(response.fields["content-length"] == String(response.bodyByteCount))
    #expect(response.fields["content-type"] == "application/json")
  }

  @Test(arguments: ClientProtocol.allCases)
  func `HEAD has the fields of GET and no body`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("HEAD /v1/notes/a")
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(text: "hi"))
    call.end()
    let response = try client.response()
    #expect(response.status == 200 && response.body.isEmpty && response.isWhole)
    #expect(response.fields["content-length"] == "13")
  }

  @Test(arguments: ClientProtocol.allCases)
  func `trailers follow the body for a client that accepts them`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/notes/a", ["te: trailers"])
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(text: "hi"))
    call.end(GRPCStatus(.ok), trailers: [("x-a", "1"), ("x-b", "2")])
    let response = try client.response()
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
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a", ["accept: \(format.type)"])
    let call = try #require(client.upstream.calls.first)
    for text in ["1", "2"] { call.reply(TestSchema.note(text: text)) }
    call.end()
    let response = try client.response()
    #expect(response.status == 200 && response.body == format.body && response.isWhole)
    #expect(response.fields["content-type"] == format.type)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a stream that fails ends with its error if the format allows it`(
    _ kind: ClientProtocol
  ) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a")
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(text: "1"))
    call.end(GRPCStatus(.dataLoss, "gone"))
    let response = try client.response()
    #expect(response.isWhole && response.body.hasPrefix("{\"text\":\"1\"}\n{\"error\":"))
  }

  @Test(arguments: ClientProtocol.allCases)
  func `an array that fails is truncated`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind)
    try client.request("GET /v1/watch/a", ["accept: application/json"])
    let call = try #require(client.upstream.calls.first)
    call.reply(TestSchema.note(text: "1"))
    call.end(GRPCStatus(.dataLoss, "gone"))
    // Over HTTP/2 nothing precedes the reset.
    #expect(try client.partialResponse()?.isWhole != true)
  }

  @Test(arguments: ClientProtocol.allCases)
  func `a preflight response has no body`(_ kind: ClientProtocol) throws {
    let client = try ProtocolClient(kind) {
      $0.cors = Configuration.CORS(origins: ["https://a.example"])
    }
    try client.request(
      "OPTIONS /v1/echo",
      ["origin: https://a.example", "access-control-request-method: POST"])
    let response = try client.response()
    #expect(response.status == 204 && response.body.isEmpty && response.isWhole)
    #expect(response.fields["access-control-allow-origin"] == "https://a.example")
    #expect(response.fields["vary"] == "origin")
  }
}
