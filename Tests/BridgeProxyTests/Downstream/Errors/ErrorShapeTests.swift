import Codec
import NIOCore
import Testing

@testable import AccessLogging
@testable import BridgeConfiguration
@testable import GRPCWire

/// Responses of a service whose errors have a shape of its own.
struct ErrorShapeTests {
  private static func client(
    statuses: Configuration.Errors.Statuses = .byCode([:]), contentType: String? = nil,
    configure: (inout Configuration.Service) -> Void = { _ in }
  ) throws -> TestClient {
    var builder = ErrorTemplate.Builder()
    builder.append(literal: #"{"errcode":"#)
    try builder.append(template: "${code}")
    for name in ["http_status", "message", "reason", "field", "request_id", "rpc"] {
      builder.append(literal: ",")
      try builder.append(key: name)
      try builder.append(template: "${\(name)}")
    }
    builder.append(literal: #","detail":"#)
    try builder.append(template: "${details}")
    builder.append(literal: "}")
    var errors = Configuration.Errors()
    errors.body = builder.build()
    errors.statuses = statuses
    errors.contentType = contentType
    return try TestClient { service in
      service.errors = errors
      service.prefix = "/api"
      configure(&service)
    }
  }

  private static let id = ["X-Request-Id: r1"]

  @Test func `an invalid request message gets an error in the service's shape`() throws {
    let client = try Self.client()
    client.request("POST /api/v1/echo", Self.id, body: #"{"name":1}"#)
    let response = try client.response()
    #expect(response.status == 400)
    #expect(response.fields["content-type"] == "application/json")
    #expect(
      response.body
        == #"{"errcode":3,"http_status":400,"message":"name: expected a string, got 1 (line "#
        + #"1, column 9)","reason":"INVALID_MESSAGE","field":"name","request_id":"r1","#
        + #""rpc":"test.Notes/Echo","detail":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","#
        + #""reason":"INVALID_MESSAGE","domain":"bridge-proxy"},"#
        + #"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":"#
        + #"[{"field":"name","description":"expected a string, got 1"}]}]}"#)
  }

  @Test func `status and content type follow the shape, and the log has the same`() throws {
    let client = try Self.client(statuses: .all(200), contentType: "application/problem+json")
    client.request("GET /api/v1/notes/a", Self.id)
    client.upstream.calls[0].end(GRPCStatus(.notFound, "no \"a\""), trailers: [("x-cost", "7")])
    let response = try client.response()
    #expect(response.status == 200)
    #expect(response.fields["content-type"] == "application/problem+json")
    #expect(response.fields["grpc-trailer-x-cost"] == "7")
    #expect(
      response.body
        == #"{"errcode":5,"http_status":200,"message":"no \"a\"","reason":null,"field":null,"#
        + #""request_id":"r1","rpc":"test.Notes/Echo","detail":[]}"#)
    #expect(client.log.entries.map(\.httpStatus) == [200])
    #expect(client.log.entries.map(\.grpcCode) == [.notFound])
    // What's well stays as it is.
    client.request("GET /api/v1/notes/a")
    client.upstream.calls[1].reply(TestSchema.note(name: "a"))
    client.upstream.calls[1].end()
    #expect(try client.response().fields["content-type"] == "application/json")
  }

  @Test func `a status by code applies to errors of the endpoint and of the bridge`() throws {
    let client = try Self.client(statuses: .byCode([.invalidArgument: 422]))
    client.request("POST /api/v1/echo", ["Content-Type: text/plain"], body: "x")
    #expect(try client.response().status == 422)
    client.request("GET /api/v1/notes/a")
    client.upstream.calls[0].end(GRPCStatus(.outOfRange))
    #expect(try client.response().status == 400)
  }

  @Test func `details of an endpoint's error are a decoded array`() throws {
    let client = try Self.client()
    client.request("GET /api/v1/notes/a", Self.id)
    client.upstream.calls[0].end(
      GRPCStatus(.notFound, "gone", details: TestStatus.bytes(code: 5)))
    #expect(
      try client.response().body
        == #"{"errcode":5,"http_status":404,"message":"gone","reason":"OUT_OF_STOCK","#
        + #""field":"order.id","request_id":"r1","rpc":"test.Notes/Echo","detail":["#
        + #"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":"#
        + #"[{"field":"order.id","description":"unknown"},{"field":"second"}]},"#
        + #"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"OUT_OF_STOCK","#
        + #""domain":"test.example"},"#
        + #"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"LATER","#
        + #""domain":"other.example"}]}"#)
  }

  @Test(
    arguments: [
      [8, 5], TestStatus.bytes(code: 6), Array(TestStatus.bytes(code: 5).dropLast(3)),
      [8, 5, 0xFF],
    ] as [[UInt8]], [false, true])
  func `details that can't be printed are left out`(_ details: [UInt8], printsDefaults: Bool) throws
  {
    let client = try Self.client { $0.decode.alwaysPrintsDefaults = printsDefaults }
    client.request("GET /api/v1/notes/a")
    client.upstream.calls[0].end(GRPCStatus(.notFound, "gone", details: details))
    let response = try client.response()
    #expect(response.status == 404)
    #expect(response.body.hasSuffix(#","detail":[]}"#))
  }

  @Test func `an unknown route has the service's shape, and an unknown service none`() throws {
    let client = try Self.client(statuses: .byCode([.notFound: 200]))
    client.request("GET /api/v9/none", Self.id)
    let missed = try client.response()
    #expect(missed.status == 200)
    #expect(missed.body.hasPrefix(#"{"errcode":5,"http_status":200,"#))
    #expect(missed.body.contains(#""reason":"ROUTE_NOT_FOUND","field":null,"request_id":"r1","#))
    #expect(missed.body.contains(#""rpc":null,"#))
    client.request("DELETE /api/v1/echo")
    let refused = try client.response()
    #expect(refused.status == 405)
    #expect(refused.fields["allow"] == "POST")
    #expect(refused.body.contains(#""reason":"METHOD_NOT_ALLOWED""#))
    client.request("GET /other")
    let other = try client.response()
    #expect(other.status == 404)
    #expect(other.body.hasPrefix(#"{"code":5,"message":"no service"#))
    // What isn't HTTP is nobody's request.
    client.sendRaw("garbage\r\n\r\n")
    #expect(try client.response().body.hasPrefix(#"{"code":"#))
  }

  @Test func `an error within a stream has the shape, too`() throws {
    let client = try Self.client(statuses: .all(200))
    for accept in ["application/x-ndjson", "text/event-stream"] {
      client.request("GET /api/v1/watch/a", ["Accept: \(accept)", "X-Request-Id: r1"])
      let call = try #require(client.upstream.calls.last)
      call.reply(TestSchema.note(text: "1"))
      call.end(GRPCStatus(.aborted, "line\nbreak"))
      let response = try client.response()
      #expect(response.fields["content-type"] == accept)
      let error =
        #"{"errcode":10,"http_status":200,"message":"line\nbreak","reason":null,"field":null,"#
        + #""request_id":"r1","rpc":"test.Notes/Watch","detail":[]}"#
      let isEvents = accept == "text/event-stream"
      #expect(
        response.body.hasSuffix(
          isEvents ? "event: error\ndata: \(error)\n\n" : "\n{\"error\":\(error)}\n"))
    }
    // A reply that doesn't fit its schema is the bridge's own fault.
    client.request("GET /api/v1/watch/a")
    let call = try #require(client.upstream.calls.last)
    call.reply(TestSchema.note(text: "1"))
    call.reply([0xFF])
    #expect(try client.response().body.contains(#""reason":"INVALID_REPLY""#))
  }

  @Test func `a shape without a body keeps google.rpc.Status`() throws {
    let client = try TestClient { service in
      var errors = Configuration.Errors()
      errors.statuses = .all(200)
      service.errors = errors
    }
    client.request("GET /v1/notes/a")
    client.upstream.calls[0].end(GRPCStatus(.notFound, "no"))
    let response = try client.response()
    #expect(response.status == 200)
    #expect(response.body == #"{"code":5,"message":"no"}"#)
  }
}
