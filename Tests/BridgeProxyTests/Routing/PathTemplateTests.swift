import BridgeProxy
import Testing

@testable import Routing

/// The grammar of google/api/http.proto: what is a template, and where others stop being one.
struct PathTemplateTests {
  @Test(
    arguments: [
      ("/", "/", [], nil),
      ("/v1", "/v1", [], nil),
      ("/v1/books", "/v1/books", [], nil),
      ("/v1/*", "/v1/*", [], nil),
      ("/v1/**", "/v1/**", [], nil),
      ("/**", "/**", [], nil),
      ("/v1/{name}", "/v1/*", ["name 1..<2"], nil),
      ("/v1/{name=*}", "/v1/*", ["name 1..<2"], nil),
      ("/v1/{name=books}", "/v1/books", ["name 1..<2"], nil),
      ("/v1/{name=**}", "/v1/**", ["name 1..<2 multi"], nil),
      ("/v1/{name=shelves/*/books/*}", "/v1/shelves/*/books/*", ["name 1..<5 multi"], nil),
      ("/v1/{name=shelves/**}", "/v1/shelves/**", ["name 1..<3 multi"], nil),
      ("/v1/{a.b_c.d2}/x/{e}", "/v1/*/x/*", ["a.b_c.d2 1..<2", "e 3..<4"], nil),
      ("/v1/{name=**}/children", "/v1/**/children", ["name 1..<2 multi"], nil),
      ("/v1/{name=a/**/b/c}/d", "/v1/a/**/b/c/d", ["name 1..<5 multi"], nil),
      ("/v1/books:list", "/v1/books:list", [], "list"),
      ("/v1/{name=books/*}:move", "/v1/books/*:move", ["name 1..<3 multi"], "move"),
      ("/v1/{name=**}:move", "/v1/**:move", ["name 1..<2 multi"], "move"),
      ("/a-b._~!$&'()+,;=@c", "/a-b._~!$&'()+,;=@c", [], nil),
      ("/a%2Fb/c%3Ad", "/a%2Fb/c%3Ad", [], nil),
      ("/%61bc", "/abc", [], nil),
      ("/caf\u{E9}", "/caf\u{E9}", [], nil),
      ("/v1:a:b", "/v1:a%3Ab", [], "a:b"),
      ("/v1/{name=a/*}:x:y", "/v1/a/*:x%3Ay", ["name 1..<3 multi"], "x:y"),
      ("/v1/**:x:y:z", "/v1/**:x%3Ay%3Az", [], "x:y:z"),
      ("/v1:a/b", "/v1%3Aa/b", [], nil),
      ("/a:b:c/d:e", "/a%3Ab%3Ac/d:e", [], "e"),
    ] as [(String, String, [String], String?)])
  func `a valid template has its segments, variables and verb`(
    _ text: String, _ shape: String, _ variables: [String], _ verb: String?
  ) throws {
    let template = try PathTemplate(text)
    #expect(template.shape == shape)
    let described = template.variables.map {
      "\($0.fieldPath) \($0.segments)" + ($0.isMultiSegment ? " multi" : "")
    }
    #expect(described == variables)
    #expect(template.verb.map { String(decoding: $0, as: UTF8.self) } == verb)
    #expect(template.description == text)
  }

  @Test(arguments: [
    ("", 1, "begins with"),
    ("v1/books", 1, "begins with"),
    ("//", 2, "can't be empty"),
    ("/v1/", 5, "expected a segment after"),
    ("/v1//books", 5, "can't be empty"),
    ("/:verb", 2, "before the verb"),
    ("/v1:", 5, "expected a verb"),
    ("/v1:a::b", 7, "expected a verb"),
    ("/v1:a:", 7, "expected a verb"),
    ("/v1:a:b:c:d:e:f", 14, "at most 4 colons"),
    ("/v1/{a}:x/y", 10, "nothing may follow the verb"),
    ("/v1/*:x/y", 8, "nothing may follow the verb"),
    ("/v1/{", 6, "field name"),
    ("/v1/{}", 6, "field name"),
    ("/v1/{1a}", 6, "field name"),
    ("/v1/{a.}", 8, "field name"),
    ("/v1/{a..b}", 8, "field name"),
    ("/v1/{a", 7, "isn't closed"),
    ("/v1/{a=", 8, "expected a segment"),
    ("/v1/{a=}", 8, "expected a segment after"),
    ("/v1/{a=b", 9, "isn't closed"),
    ("/v1/{a=b/", 10, "expected a segment after"),
    ("/v1/{a-b}", 7, "after the field name"),
    ("/v1/{a=b:c}", 9, "%3A"),
    ("/v1/{a=b:c/*}", 9, "%3A"),
    ("/v1/{a=*:c}", 9, "%3A"),
    ("/v1/{a={b}}", 8, "nested in another"),
    ("/v1/{a=x/{b}}", 10, "nested in another"),
    ("/v1/{a}/{a}", 10, "twice"),
    ("/v1/{a}b", 8, "whole segment"),
    ("/v1/b{a}", 6, "whole segment"),
    ("/v1/}", 5, "without"),
    ("/v1/a}", 6, "without"),
    ("/v1/a*", 6, "%2A"),
    ("/v1/*a", 6, "whole segment"),
    ("/v1/***", 7, "whole segment"),
    ("/v1/**/**", 8, "second"),
    ("/v1/**/*", 8, "only literals"),
    ("/v1/{a=**}/{b}", 14, "only literals"),
    ("/v1?x=1", 4, "no query"),
    ("/v1#x", 4, "no fragment"),
    ("/v1/a b", 6, "percent-encoded"),
    ("/v1/%zz", 5, "hexadecimal"),
    ("/v1/%2", 5, "hexadecimal"),
    ("/caf\u{E9}/{", 8, "field name"),
  ])
  func `an invalid template is refused with its column and a correction`(
    _ text: String, _ column: Int, _ reason: String
  ) {
    let error = #expect(throws: TemplateError.self) { try PathTemplate(text) }
    #expect(error?.column == column)
    #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
  }

  @Test func `a template past its limits is refused`() {
    let deep = String(repeating: "/a", count: PathTemplate.segmentLimit)
    #expect(throws: Never.self) { try PathTemplate(deep) }
    #expect(throws: TemplateError.self) { try PathTemplate(deep + "/a") }
    #expect(throws: TemplateError.self) {
      try PathTemplate("/" + String(repeating: "a", count: PathTemplate.byteLimit))
    }
    #expect(throws: TemplateError.self) {
      try PathTemplate("/" + String(repeating: "{", count: 4000))
    }
  }
}
