import Codec
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire

/// Templates of errors, from their text to JSON.
struct ErrorTemplateTests {
  private static var values: ErrorValues {
    var values = ErrorValues(
      code: .notFound, httpStatus: 404, message: "no \"a\\b\"\n\u{1}\u{E9}",
      requestID: Array("id-\"1\"".utf8), rpc: "a.B/Get", service: "bench")
    values.summary.reason = "GONE"
    values.summary.domain = "test.example"
    values.summary.field = "a[1].b"
    values.details = Array(#"[{"@type":"x/y"}]"#.utf8)
    return values
  }

  private static func text(
    _ template: ErrorTemplate, _ values: ErrorValues = Self.values
  ) -> String {
    var sink = ByteSink()
    template.write(values, to: &sink)
    return String(decoding: sink.array, as: UTF8.self)
  }

  private static func compiled(_ text: String, isPlain: Bool = false) throws -> ErrorTemplate {
    var builder = ErrorTemplate.Builder()
    if isPlain {
      try builder.append(plain: text)
    } else {
      try builder.append(template: text)
    }
    return builder.build()
  }

  @Test(arguments: [
    ("${code}", "5"), ("${code_name}", "\"NOT_FOUND\""), ("${http_status}", "404"),
    ("${message}", #""no \"a\\b\"\n\u0001é""#), ("${reason}", "\"GONE\""),
    ("${domain}", "\"test.example\""), ("${field}", "\"a[1].b\""),
    ("${details}", #"[{"@type":"x/y"}]"#), ("${request_id}", #""id-\"1\"""#),
    ("${rpc}", "\"a.B/Get\""), ("${service}", "\"bench\""),
  ])
  func `a lone placeholder keeps the type of its value`(
    _ template: String, _ expected: String
  ) throws {
    #expect(try Self.text(Self.compiled(template)) == expected)
  }

  @Test func `every placeholder has a test of its value`() throws {
    #expect(ErrorTemplate.Placeholder.allCases.count == 11)
  }

  @Test(arguments: [
    ("", #""""#), ("plain", #""plain""#), (" ${code}", #"" 5""#),
    ("${code}${http_status}", #""5404""#), ("${code:string}", #""5""#),
    ("a \"${message}\"", #""a \"no \"a\\b\"\n\u0001é\"""#),
    ("$${code}", #""${code}""#), ("$$${code}", #""$${code}""#), ("$${${code}}", #""${5}""#),
    ("$", #""$""#), ("$5 {}", #""$5 {}""#), ("a\u{2028}\t\\", "\"a\u{2028}\\t\\\\\""),
    ("${details} ${request_id}", #""[{\"@type\":\"x/y\"}] id-\"1\"""#),
  ])
  func `text around placeholders makes a string`(_ template: String, _ expected: String) throws {
    #expect(try Self.text(Self.compiled(template)) == expected)
  }

  @Test func `what an error lacks is null, an empty list or empty text`() throws {
    let bare = ErrorValues(code: .internal, httpStatus: 500, message: "")
    for name in ["reason", "domain", "field", "rpc"] {
      #expect(try Self.text(Self.compiled("${\(name)}"), bare) == "null")
      #expect(try Self.text(Self.compiled("<${\(name)}>"), bare) == "\"<>\"")
      #expect(try Self.text(Self.compiled("${\(name):string}"), bare) == "\"\"")
    }
    #expect(try Self.text(Self.compiled("${details}"), bare) == "[]")
    #expect(try Self.text(Self.compiled("${message}"), bare) == "\"\"")
  }

  @Test(arguments: [
    ("true", "true"), ("False", "false"), ("~", "null"), ("", "null"), ("null", "null"),
    ("0", "0"), ("-1", "-1"), ("1.50", "1.50"), ("1e+9", "1e+9"), ("-0.5E-2", "-0.5E-2"),
    ("1.2.3", "\"1.2.3\""), ("on", "\"on\""), ("text", "\"text\""), ("-", "\"-\""),
    ("2026-01-01", "\"2026-01-01\""), ("inf", "\"inf\""), ("${code}", "5"),
  ])
  func `an unquoted scalar has the JSON type of its spelling`(
    _ text: String, _ expected: String
  ) throws {
    #expect(try Self.text(Self.compiled(text, isPlain: true)) == expected)
    #expect(try Self.text(Self.compiled("true")) == "\"true\"")
  }

  @Test(
    arguments: [
      ("${mesage}", "${mesage} is not a placeholder; did you mean ${message}?"),
      (
        "${xyzzy}",
        "${xyzzy} is not a placeholder; the placeholders are code, code_name, http_status, message, reason, "
          + "domain, field, details, request_id, rpc, service"
      ),
      ("${}", nil), ("${code:int}", nil),
      ("a ${code", #""a ${code": a ${ without its }; write $${ for the characters"#),
    ] as [(String, String?)])
  func `the error names what can't be used`(_ template: String, _ expected: String?) {
    do throws(ValueError) {
      var builder = ErrorTemplate.Builder()
      try builder.append(template: template)
      Issue.record("taken")
    } catch {
      if let expected { #expect(error.reason == expected) }
    }
  }

  @Test(arguments: ["007", "+1", "0x1F", "1.", ".5", "-.5"])
  func `numbers that JSON lacks are refused`(_ text: String) {
    var builder = ErrorTemplate.Builder()
    #expect(throws: ValueError.self) { try builder.append(plain: text) }
  }

  @Test func `adjacent literal bytes are joined into one piece`() throws {
    var builder = ErrorTemplate.Builder()
    builder.append(literal: "{")
    try builder.append(key: "a\"b")
    builder.append(literal: "[")
    try builder.append(template: "${code}")
    builder.append(literal: "]")
    builder.append(literal: "}")
    let template = builder.build()
    #expect(
      template.pieces == [
        .literal(Array(#"{"a\"b":["#.utf8)), .value(.code), .literal(Array("]}".utf8)),
      ])
    #expect(template.uses(.code, .message))
    #expect(!template.uses(.message, .details))
  }
}

/// What's read of a google.rpc.Status without a schema.
struct StatusSummaryTests {
  private static func summary(_ bytes: [UInt8]) -> StatusSummary {
    unsafe StatusSummary(of: bytes.span.bytes)
  }

  @Test func `reason, domain and field come from the first detail that has them`() {
    let whole = TestStatus.bytes(code: 5)
    let summary = Self.summary(whole)
    #expect(summary.reason == "OUT_OF_STOCK")
    #expect(summary.domain == "test.example")
    #expect(summary.field == "order.id")
  }

  @Test func `truncated or corrupt details cause no failure`() {
    let whole = TestStatus.bytes(code: 5)
    for count in 0..<whole.count { _ = Self.summary(Array(whole.prefix(count))) }
    for index in whole.indices {
      for bit in 0..<8 {
        var damaged = whole
        damaged[index] ^= 1 << bit
        _ = Self.summary(damaged)
      }
    }
    #expect(Self.summary([]) == StatusSummary())
    #expect(Self.summary([0xFF, 0xFF]) == StatusSummary())
  }
}

/// A google.rpc.Status with details, as an endpoint sends it.
enum TestStatus {
  static func bytes(code: Int, message: String = "gone") -> [UInt8] {
    var status = WireWriter()
    status.varint(1, code)
    status.string(2, message)
    status.message(3) { any in
      any.string(1, "type.googleapis.com/google.rpc.BadRequest")
      any.message(2) { badRequest in
        badRequest.message(1) { violation in
          violation.string(1, "order.id")
          violation.string(2, "unknown")
        }
        badRequest.message(1) { $0.string(1, "second") }
      }
    }
    for (reason, domain) in [("OUT_OF_STOCK", "test.example"), ("LATER", "other.example")] {
      status.message(3) { any in
        any.string(1, "type.googleapis.com/google.rpc.ErrorInfo")
        any.message(2) {
          $0.string(1, reason)
          $0.string(2, domain)
        }
      }
    }
    return status.bytes
  }
}
