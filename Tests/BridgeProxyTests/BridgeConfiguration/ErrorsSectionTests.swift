import Codec
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire

/// The section `errors` of a service.
struct ErrorsSectionTests {
  private static func service(_ errors: String) throws -> Configuration.Service {
    let text = "services:\n  a:\n    schemas: .\n    endpoint: h:1\n    errors:\n" + errors
    let configuration = try ConfigurationReader { _ in nil }
      .read(text: text, file: "b.yaml", folder: "/")
    return try #require(configuration.services.first)
  }

  private static func errors(_ text: String) throws -> Configuration.Errors {
    try #require(try Self.service(text).errors)
  }

  private static func faults(_ errors: String) -> String {
    do {
      _ = try Self.service(errors)
      return ""
    } catch {
      return "\(error)"
    }
  }

  private static func body(_ text: String) throws -> String {
    let template = try #require(try Self.errors(text).body)
    var sink = ByteSink()
    template.write(ErrorValues(code: .aborted, httpStatus: 409, message: "m"), to: &sink)
    return String(decoding: sink.array, as: UTF8.self)
  }

  @Test func `a YAML tree is converted to JSON once`() throws {
    let body = try Self.body(
      """
            body:
              errcode: ${code}
              "errmsg": "${message}"
              success: false
              "quoted": "false"
              number: 1.5
              nothing:
              list: [1, "${reason}", {}, [], 'it''s "${http_status}"']
              nested: {detail: {code: "${code:string}"}}
              "a \\"key\\"": on
      """)
    #expect(
      body
        == #"{"errcode":10,"errmsg":"m","success":false,"quoted":"false","number":1.5,"#
        + #""nothing":null,"list":[1,null,{},[],"it's \"409\""],"#
        + #""nested":{"detail":{"code":"10"}},"a \"key\"":"on"}"#)
  }

  @Test func `a template can be any JSON value`() throws {
    #expect(try Self.body("      body: '${message}'") == "\"m\"")
    #expect(try Self.body("      body: ['${code}', \"${details}\"]") == "[10,[]]")
  }

  @Test func `each key has its location`() throws {
    let errors = try Self.errors(
      """
            status: {NOT_FOUND: 200, INTERNAL: 599}
            content_type: application/problem+json; charset=utf-8
      """)
    #expect(errors.body == nil)
    #expect(errors.contentType == "application/problem+json; charset=utf-8")
    #expect(errors.httpStatus(of: .notFound, usually: 404) == 200)
    #expect(errors.httpStatus(of: .internal, usually: 500) == 599)
    #expect(errors.httpStatus(of: .invalidArgument, usually: 415) == 415)
    let same = try Self.errors("      status: 200")
    #expect(same.httpStatus(of: .invalidArgument, usually: 415) == 200)
    #expect(same.contentType == nil)
  }

  @Test func `without the section, errors have their default form`() throws {
    let configuration = try ConfigurationReader { _ in nil }
      .read(
        text: "services: {a: {schemas: ., endpoint: 'h:1'}}", file: "b.yaml", folder: "/")
    #expect(configuration.services.first?.errors == nil)
  }

  @Test func `all errors are reported at once, with locations`() {
    #expect(
      Self.faults(
        """
              body:
                a: ["${mesage}", 007]
                "${code}": 1
                b: {c: "${code"}
              status: {NOTFOUND: 200, OK: 200, INTERNAL: 199, ABORTED: 204, UNKNOWN: x}
              content_type: json
              bdy: {}
        """)
          == """
          b.yaml:7:13: services.a.errors.body.a[0]: ${mesage} is not a placeholder; did you mean \
          ${message}?
          b.yaml:7:26: services.a.errors.body.a[1]: "007" is not a JSON number; write it as \
          in JSON, or put it in quotes
          b.yaml:8:9: services.a.errors.body.${code}: keys can't contain placeholders; use one in the value
          b.yaml:9:16: services.a.errors.body.b.c: "${code": a ${ without its }; write $${ for the \
          characters
          b.yaml:10:16: services.a.errors.status.NOTFOUND: not the code of an error; did you mean \
          NOT_FOUND?
          b.yaml:10:31: services.a.errors.status.OK: not the code of an error; write its name, such \
          as NOT_FOUND
          b.yaml:10:50: services.a.errors.status.INTERNAL: "199" is not a number from 200 to 599
          b.yaml:10:64: services.a.errors.status.ABORTED: a response with the status 204 has no body; \
          write another one
          b.yaml:10:78: services.a.errors.status.UNKNOWN: "x" is not a number from 200 to 599
          b.yaml:11:21: services.a.errors.content_type: "json" is not a content type; write one such \
          as application/json
          b.yaml:12:7: services.a.errors.bdy: unknown key; did you mean body?
          """)
    #expect(
      Self.faults("      body:")
        == "b.yaml:6:12: services.a.errors.body: expected the JSON of an error, as YAML, found "
        + "nothing")
    #expect(Self.faults("      status: [1]").contains("expected a single value such as 200"))
    #expect(
      Self.faults("      content_type: \"a/b\\r\\nx: y\"").contains("is not a content type"))
  }
}
