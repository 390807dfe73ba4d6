import Codec
import Foundation
import Testing

@testable import BridgeConfiguration
@testable import BridgeProxy
@testable import Downstream
@testable import Upstream

/// The tables of Tests/Cases/http against front, routing and codec, without a socket: which method is
/// called with which message, or which error the client gets. End to end they are sampled by
/// Tests/EndToEnd/test_mapping.py.
struct HTTPCaseTests {
  private static let schemaPath = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../Cases/showcase.binpb").standardized.path

  private static let schema = Result {
    var builder = SchemaBuilder()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.schemaPath)))
    try builder.add(descriptorSet: bytes.span.bytes, source: "showcase.binpb")
    return try builder.build()
  }

  @Test(arguments: try HTTPCase.load("templates.json"))
  func `each template case has its expected response`(_ item: HTTPCase) async throws {
    try await self.run(item)
  }

  @Test(arguments: try HTTPCase.load("query.json"))
  func `each query case has its expected response`(_ item: HTTPCase) async throws {
    try await self.run(item)
  }

  @Test(arguments: try HTTPCase.load("body.json"))
  func `each body case has its expected response`(_ item: HTTPCase) async throws {
    try await self.run(item)
  }

  @Test(arguments: try HTTPCase.load("errors.json"))
  func `each error case has its expected response`(_ item: HTTPCase) async throws {
    try await self.run(item)
  }

  @Test func `no case is lost, and each has a unique name`() throws {
    let cases = try ["templates", "query", "body", "errors"].flatMap {
      try HTTPCase.load("\($0).json")
    }
    #expect(cases.count >= 470)
    #expect(Set(cases.map(\.name)).count == cases.count)
  }

  // MARK: One case

  private func run(_ item: HTTPCase) async throws {
    let text =
      (["services:", "  s:", "    schemas: \(Self.schemaPath)", "    endpoint: 127.0.0.1:1"]
      + item.service.map { "    " + $0 }).joined(separator: "\n")
    let configuration: Configuration
    let plan: ServingPlan
    do {
      configuration = try ConfigurationReader { _ in nil }
        .read(text: text, file: "bridge.yaml", folder: "/")
      plan = try await ServingPlan.load(configuration, file: "bridge.yaml") {
        _ throws(SchemaLoadError) in
        do {
          return try Self.schema.get()
        } catch {
          throw SchemaLoadError(["\(error)"])
        }
      }
    } catch {
      guard case .fault(let expected) = item.outcome else { throw error }
      #expect("\(error)".contains(expected), "\(error)")
      return
    }
    let service = plan.table.services[0]
    switch item.outcome {
    case .fault(let expected):
      Issue.record("served in spite of: \(expected)")
    case .call(let method, let message):
      try self.expectCall(item, service, method: method, message: message)
    case .error(let refusal):
      try self.expectRefusal(item, service, refusal)
    }
  }

  private func send(_ item: HTTPCase, _ service: ServedService) throws -> TestClient {
    let client = try TestClient(serving: service, limits: Configuration.Limits())
    client.request(item.request, item.headers, body: item.body)
    return client
  }

  private func expectCall(
    _ item: HTTPCase, _ service: ServedService, method: String, message: String
  ) throws {
    let client = try self.send(item, service)
    guard client.upstream.calls.count == 1, let call = client.upstream.calls.first else {
      Issue.record("no call, but \(try client.received())")
      return
    }
    #expect(call.request.path == "/bridge.showcase.v1.Showcase/\(method)")
    let schema = service.schema
    let type = try #require(schema.message(named: "bridge.showcase.v1.ThingRequest"))
    var sink = ByteSink()
    try Transcoder().decode(
      call.message.span.bytes, as: type, of: schema, responseBody: nil, options: DecodeOptions(),
      into: &sink)
    let got = try Self.value(
      String(decoding: (0..<sink.count).map { sink.bytes[$0] }, as: UTF8.self))
    let expected = try Self.value(message)
    #expect(got == expected)
  }

  private func expectRefusal(
    _ item: HTTPCase, _ service: ServedService, _ refusal: HTTPCase.Refusal
  ) throws {
    let client = try self.send(item, service)
    #expect(client.upstream.calls.isEmpty)
    let response = try client.response()
    #expect(response.status == refusal.status, "\(response)")
    let status = try #require(Self.value(response.body) as? NSDictionary)
    let details = status["details"] as? [NSDictionary] ?? []
    let text = try #require(status["message"] as? String)
    if let reason = refusal.reason {
      #expect(details.contains { $0["reason"] as? String == reason }, "\(response)")
    }
    let fields = details.compactMap { $0["fieldViolations"] as? [NSDictionary] }.flatMap(\.self)
      .map { $0["field"] as? String }
    if let field = refusal.field { #expect(fields == [field], "\(response)") }
    if let says = refusal.says { #expect(text.contains(says), "\(text)") }
    if let allow = refusal.allow { #expect(response.fields["allow"] == allow) }
  }

  private static func value(_ text: String) throws -> NSObject {
    let value = try JSONSerialization.jsonObject(
      with: Data(text.utf8), options: [.fragmentsAllowed])
    return try #require(value as? NSObject)
  }
}
