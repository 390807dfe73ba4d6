import Testing

@testable import Routing

/// Which template a path matches, and what its variables capture.
struct RouteTreeTests {
  /// What of `templates` (`METHOD /template`) a request matches: the template and its captured values
  /// as they stand in the path, or nil.
  private func match(_ templates: [String], _ request: String) throws -> String? {
    let (tree, parsed) = try Self.tree(templates)
    var scratch = RouteScratch()
    let words = request.split(separator: " ", maxSplits: 1)
    let path = Array(words[1].utf8)
    let method = tree.method(String(words[0]))
    guard let route = tree.match(method, path.span.bytes, &scratch) else { return nil }
    let template = parsed[route]
    var text = templates[route].split(separator: " ")[1].description
    for variable in template.variables {
      let range = scratch.range(of: variable.segments, in: template, path.span.bytes)
      text += " \(variable.fieldPath)=\(String(decoding: path[range], as: UTF8.self))"
    }
    return text
  }

  private static func tree(_ templates: [String]) throws -> (RouteTree, [PathTemplate]) {
    var builder = RouteTreeBuilder()
    var parsed: [PathTemplate] = []
    for (index, text) in templates.enumerated() {
      let words = text.split(separator: " ")
      let template = try PathTemplate(String(words[1]))
      #expect(builder.insert(index, method: String(words[0]), template) == nil)
      parsed.append(template)
    }
    return (builder.freeze(), parsed)
  }

  private static let library = [
    "GET /",
    "GET /v1/shelves",
    "POST /v1/shelves",
    "GET /v1/shelves/{shelf}",
    "DELETE /v1/shelves/{shelf}",
    "GET /v1/shelves/popular",
    "GET /v1/{name=shelves/*/books/*}",
    "GET /v1/{name=shelves/*/books/*}:archive",
    "POST /v1/{name=shelves/*}:merge",
    "GET /v1/files/{path=**}",
    "GET /v1/files/{path=**}/meta",
    "GET /v1/files/{path=**}/meta/full",
    "GET /v1/files/{path=**}:sum",
    "GET /v1/*/always/{x}",
    "GET /v1/shelves/*/never/deep/deeper",
    "* /v1/any/{x}",
    "PURGE /v1/cache",
    "GET /a%2Fb/{x}",
  ]

  @Test(arguments: [
    ("GET /", "/"),
    ("GET /v1/shelves", "/v1/shelves"),
    ("GET /v1/shelves/", "/v1/shelves"),
    ("GET /v1/shelves//", nil),
    ("GET //v1/shelves", nil),
    ("GET /v1//shelves", nil),
    ("GET /V1/shelves", nil),
    ("POST /v1/shelves", "/v1/shelves"),
    ("PUT /v1/shelves", nil),
    ("get /v1/shelves", nil),
    ("GET /v1/shelves/7", "/v1/shelves/{shelf} shelf=7"),
    ("GET /v1/shelves/7/", "/v1/shelves/{shelf} shelf=7"),
    ("GET /v1/shelves/a%2Fb", "/v1/shelves/{shelf} shelf=a%2Fb"),
    ("GET /v1/shelves/popular", "/v1/shelves/popular"),
    ("GET /v1/shelves/popul%61r", "/v1/shelves/popular"),
    ("GET /v1/shelves/populars", "/v1/shelves/{shelf} shelf=populars"),
    ("DELETE /v1/shelves/popular", "/v1/shelves/{shelf} shelf=popular"),
    ("HEAD /v1/shelves/7", "/v1/shelves/{shelf} shelf=7"),
    ("GET /v1/shelves/7/books/8", "/v1/{name=shelves/*/books/*} name=shelves/7/books/8"),
    ("GET /v1/shelves/7/books/", nil),
    (
      "GET /v1/shelves/7/books/8:archive",
      "/v1/{name=shelves/*/books/*}:archive name=shelves/7/books/8"
    ),
    (
      "GET /v1/shelves/7/books/8:other",
      "/v1/{name=shelves/*/books/*} name=shelves/7/books/8:other"
    ),
    (
      "GET /v1/shelves/7/books/8:x:archive",
      "/v1/{name=shelves/*/books/*}:archive name=shelves/7/books/8:x"
    ),
    ("GET /v1/shelves/7/books/8:", "/v1/{name=shelves/*/books/*} name=shelves/7/books/8:"),
    ("POST /v1/shelves/7:merge", "/v1/{name=shelves/*}:merge name=shelves/7"),
    ("GET /v1/shelves/7:merge", "/v1/shelves/{shelf} shelf=7:merge"),
    ("POST /v1/shelves/:merge", nil),
    ("GET /v1/files", "/v1/files/{path=**} path="),
    ("GET /v1/files/", "/v1/files/{path=**} path="),
    ("GET /v1/files/a", "/v1/files/{path=**} path=a"),
    ("GET /v1/files/a/b%2Fc/d", "/v1/files/{path=**} path=a/b%2Fc/d"),
    ("GET /v1/files/a//b", "/v1/files/{path=**} path=a//b"),
    ("GET /v1/files/meta", "/v1/files/{path=**}/meta path="),
    ("GET /v1/files/a/meta", "/v1/files/{path=**}/meta path=a"),
    ("GET /v1/files/a/b/meta/", "/v1/files/{path=**}/meta path=a/b"),
    ("GET /v1/files/a/b/m%65ta", "/v1/files/{path=**}/meta path=a/b"),
    ("GET /v1/files/a/meta/full", "/v1/files/{path=**}/meta/full path=a"),
    ("GET /v1/files/meta/full", "/v1/files/{path=**}/meta/full path="),
    ("GET /v1/files/full", "/v1/files/{path=**} path=full"),
    ("GET /v1/files/a/b:sum", "/v1/files/{path=**}:sum path=a/b"),
    ("GET /v1/files/a:sum/b", "/v1/files/{path=**} path=a:sum/b"),
    ("GET /v1/shelves/always/3", "/v1/*/always/{x} x=3"),
    ("GET /v1/shelves/7/never/deep", nil),
    ("GET /v1/shelves/7/never/deep/deeper", "/v1/shelves/*/never/deep/deeper"),
    ("GET /v1/any/1", "/v1/any/{x} x=1"),
    ("BREW /v1/any/1", "/v1/any/{x} x=1"),
    ("PURGE /v1/cache", "/v1/cache"),
    ("BREW /v1/cache", nil),
    ("GET /a%2fb/1", "/a%2Fb/{x} x=1"),
    ("GET /a/b/1", nil),
    ("GET /v1/shelves/%zz", "/v1/shelves/{shelf} shelf=%zz"),
    ("GET *", nil),
    ("GET v1/shelves", nil),
  ])
  func `a path matches the most specific template, in any order of declaration`(
    _ request: String, _ expected: String?
  ) throws {
    #expect(try self.match(Self.library, request) == expected)
    #expect(try self.match(Self.library.reversed(), request) == expected)
  }

  @Test func `an empty path after the prefix is the root`() throws {
    let (tree, parsed) = try Self.tree(Self.library)
    var scratch = RouteScratch()
    let path: [UInt8] = []
    let route = try #require(tree.match(tree.method("GET"), path.span.bytes, &scratch))
    #expect(parsed[route].text == "/")
  }

  @Test(arguments: [
    ("/v1/a/x/b", "/v1/{p=a/**/b} p=a/x/b"),
    ("/v1/a/b", "/v1/{p=a/**/b} p=a/b"),
    ("/v1/a/x/y/z/b", "/v1/{p=a/**/b} p=a/x/y/z/b"),
    ("/v1/b", nil),
    ("/v2/x/y/z/tail/c/d", "/v2/{h}/{p=**}/{t=tail/c}/d h=x p=y/z t=tail/c"),
    ("/v2/x/tail/c/d", "/v2/{h}/{p=**}/{t=tail/c}/d h=x p= t=tail/c"),
    ("/v2/tail/c/d", nil),
  ])
  func `variables around a ** are counted from both ends`(
    _ path: String, _ expected: String?
  ) throws {
    let templates = ["GET /v1/{p=a/**/b}", "GET /v2/{h}/{p=**}/{t=tail/c}/d"]
    #expect(try self.match(templates, "GET \(path)") == expected)
  }

  @Test(arguments: [
    ("/v1/shelves", ["GET", "HEAD", "POST"]),
    ("/v1/shelves/popular", ["DELETE", "GET", "HEAD"]),
    ("/v1/shelves/7:merge", ["DELETE", "GET", "HEAD", "POST"]),
    ("/v1/cache", ["PURGE"]),
    ("/nothing/here", []),
  ])
  func `a path that matches other methods lists them`(_ path: String, _ methods: [String]) throws {
    let (tree, _) = try Self.tree(Self.library.filter { !$0.hasPrefix("* ") })
    var scratch = RouteScratch()
    #expect(tree.allowedMethods(path.utf8.span.bytes, &scratch) == methods)
  }

  @Test func `a template of the same method and shape is reported with the first one`() throws {
    var builder = RouteTreeBuilder()
    #expect(builder.insert(0, method: "GET", try PathTemplate("/v1/{a}/b")) == nil)
    #expect(builder.insert(1, method: "GET", try PathTemplate("/v1/{other=*}/b")) == 0)
    #expect(builder.insert(2, method: "POST", try PathTemplate("/v1/{a}/b")) == nil)
    #expect(builder.insert(3, method: "GET", try PathTemplate("/v1/{a}/b:verb")) == nil)
    #expect(builder.insert(4, method: "GET", try PathTemplate("/v1/x/b")) == nil)
    #expect(builder.insert(5, method: "GET", try PathTemplate("/v1/{a=**}/b")) == nil)
    #expect(builder.insert(6, method: "GET", try PathTemplate("/v1/**/b")) == 5)
  }

  @Test(arguments: [
    String(repeating: "/", count: 64_000),
    String(repeating: "/a", count: 32_000),
    "/" + String(repeating: "a/b:c/", count: 10_000),
    "/" + String(repeating: ":", count: 64_000),
    "/" + String(repeating: "%2F", count: 20_000),
  ])
  func `a hostile path costs no more steps than the size of the tree`(_ path: String) throws {
    // Two ways at each of twelve levels, none of which ends where the path does.
    var templates: [String] = []
    for bits in 0..<64 {
      let segments = (0..<6).map { bits >> $0 & 1 == 0 ? "a" : "*" }
      templates.append("GET /" + segments.joined(separator: "/") + "/end")
    }
    templates.append("GET /a/{p=**}/x/y/z")
    templates.append("GET /q:c")
    let (tree, _) = try Self.tree(templates)
    var scratch = RouteScratch()
    #expect(tree.match(tree.method("GET"), path.utf8.span.bytes, &scratch) == nil)
    #expect(scratch.steps <= 2 * (tree.nodes.count + tree.tailLabels.count) + 4)
  }

  @Test func `an empty tree matches nothing`() {
    let tree = RouteTreeBuilder().freeze()
    var scratch = RouteScratch()
    for path in ["/", "/a", "", "*"] {
      #expect(tree.match(tree.method("GET"), path.utf8.span.bytes, &scratch) == nil)
    }
  }
}

/// Percent-decoding of captured values.
struct PercentCodingTests {
  @Test(
    arguments: [
      ("a%2Fb+c", .everything, "a/b+c"),
      ("a%2Fb%2fc%20d+", .allButSlash, "a%2Fb%2fc d+"),
      ("a+b%2Bc%2F", .query, "a b+c/"),
      ("%E2%82%AC", .everything, "\u{20AC}"),
      ("", .everything, ""),
      ("%", .everything, nil),
      ("%2", .everything, nil),
      ("a%2", .query, nil),
      ("%g0", .allButSlash, nil),
      ("%0g", .allButSlash, nil),
      ("%+1", .query, nil),
    ] as [(String, PercentCoding.Scope, String?)])
  func `escapes are decoded by the rules of their position`(
    _ text: String, _ scope: PercentCoding.Scope, _ expected: String?
  ) {
    let bytes = Array(text.utf8)
    var output: [UInt8] = []
    let isValid = PercentCoding.decode(bytes.span.bytes, 0..<bytes.count, scope, into: &output)
    #expect(isValid == (expected != nil))
    if let expected { #expect(String(decoding: output, as: UTF8.self) == expected) }
  }
}
