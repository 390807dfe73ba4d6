import Testing

@testable import BridgeConfiguration

/// What of YAML is read, and that the rest does no harm.
struct YAMLDocumentTests {
  private static func root(
    _ text: String, allowsTextBlocks: Bool = true
  ) -> (root: YAMLNode?, faults: String) {
    let (root, faults) = YAMLDocument.read(
      text, file: "f", allowsTextBlocks: allowsTextBlocks)
    return (root, faults.map(\.description).joined(separator: "\n"))
  }

  /// The values of a mapping of texts, by key.
  private static func texts(_ text: String) throws -> [String: String] {
    let (root, faults) = Self.root(text)
    #expect(faults == "")
    guard case .mapping(let members) = try #require(root).value else { return [:] }
    var texts: [String: String] = [:]
    for member in members {
      if case .scalar(let text, _) = member.value.value { texts[member.key] = text }
    }
    return texts
  }

  private static func isRefused(_ text: String) -> Bool {
    !Self.root(text).faults.isEmpty
  }

  @Test func `a block scalar contains no indicators`() throws {
    let texts = try Self.texts(
      """
      a: |
        *alias and &anchor and !tag
        'open quote, "another
        [{
      b: >-   # a comment: "

          *more
         # no comment

      c: |2-
         - *x
      d: |
      e: 'x'
      f: |+
        |
        >
      """)
    #expect(texts["a"] == "*alias and &anchor and !tag\n'open quote, \"another\n[{\n")
    #expect(texts["d"] == "")
    #expect(texts["e"] == "x")
    #expect(texts["c"]?.hasPrefix(" - *x") == true)
    #expect(texts["f"]?.hasPrefix("|\n>") == true)
  }

  @Test(arguments: [
    "a: |\n  text\nb: *x\n", "a: |\n  text\nb: &x y\n", "a: |\n  text\nb: !x y\n",
    "a: |\n\n  text\n\n\nb: *x\n", "a: |\n    text\n  *x\n", "a: |\nb: *x\n",
    "a:\n  b: |\n  *x\n", "- a: |\n    text\n  b: *x\n", "a: |2\n  text\n*x : y\n",
    "a: |\r\n  text\r\nb: *x\r\n", "a: >\n  \"\nb: *x\n", "a: |\n  text\n---\n*x\n",
    "a: | *x\n  text\nb: *x\n", "a: |x\n  text\n", "{a: |\n  text\n}\n",
  ])
  func `indicators are found again after a block scalar`(text: String) {
    #expect(Self.isRefused(text))
  }

  @Test(arguments: [
    "x: a:\"b\ny: &a [1, 2]\nz: *a\n",
    "x: p\n  \"q\ny: &a [1, 2]\nz: *a\n",
    "p,\"b: &a [1] #\"\nq,\"b: *a #\"\n",
    "a: |\n      \n  b\n  &a\n  *a : x\n",
    "a: |\n  text\u{2028}b: &a [1]\u{2028}c: *a\n",
    "a: \u{2028}b\u{85}&a [1]\nc: *a",
    "{x: a:\"b, y: &a [1], z: *a, w: c\"}",
    "a: 'it''s' \nb: x'\nc: &a [1]\nd: *a\ne: 'x",
  ])
  func `an alias hidden from the scanner has no anchor`(text: String) {
    for allows in [false, true] {
      let (root, faults) = Self.root(text, allowsTextBlocks: allows)
      // Either it's refused, or what looks like an anchor and an alias was text.
      if faults.isEmpty, let root { #expect(Self.count(root) < 12) }
      #expect(!faults.isEmpty || !Self.hasSharedList(root))
    }
  }

  private static func count(_ node: YAMLNode) -> Int {
    switch node.value {
    case .scalar: 1
    case .list(let nodes): nodes.reduce(1) { $0 + Self.count($1) }
    case .mapping(let members): members.reduce(1) { $0 + Self.count($1.value) }
    }
  }

  /// Whether a key `z`, `c` or `d` that was given an alias became the list that it named.
  private static func hasSharedList(_ root: YAMLNode?) -> Bool {
    guard case .mapping(let members)? = root?.value else { return false }
    return members.contains { member in
      guard case .list = member.value.value else { return false }
      return ["z", "d"].contains(member.key)
    }
  }

  @Test func `an alias bomb that the scanner misses fails at once`() {
    var text = "x: a:\"b\nk0: &k0 [x, x, x, x, x, x, x, x]\n"
    for index in 1..<12 {
      let alias = "*k\(index - 1)"
      let list = [String](repeating: alias, count: 8).joined(separator: ", ")
      text += "k\(index): &k\(index) [\(list)]\n"
    }
    text += "? *k11\n: y\n"
    #expect(Self.isRefused(text))
  }

  @Test func `ampersands in texts and keys, and private-use characters, are kept`() throws {
    let texts = try Self.texts("a&b: \"R&D &x\"\nc: x &y & z\n\u{F000}: '\u{F000}&\u{F001}'\n")
    #expect(texts == ["a&b": "R&D &x", "c": "x &y & z", "\u{F000}": "\u{F000}&\u{F001}"])
  }

  @Test(arguments: [
    (
      "x: a:\"b\ny: &a [1]\n",
      "f:2:4: y: anchors (&) and tags (!) are not supported; put the value in quotes"
    ),
    (
      "x: a:\"b\ny: !!set {}\n",
      "f:2:4: y: anchors (&) and tags (!) are not supported; put the value in quotes"
    ),
    (
      "x: a:\"b\n&a y: 1\n",
      "f:2:1: anchors (&) and tags (!) are not supported; put the value in quotes"
    ),
    ("x: a:\"b\ny: *a\n", "f:2:4: y: aliases (*name) are not supported; write the value out"),
    ("? [a]\n: 1\n", "f:1:3: a key must be a name, not a list or a mapping"),
    (
      "a: 1\r\nb: {\r\n",
      "f:3:1: not YAML: while parsing a flow node (line 3): did not find expected node content"
    ),
    (
      "a: 1\n...\nb: 1\n",
      "f:3:1: not YAML: did not find expected <document start>"
    ),
    ("é: \u{1}", "f:1:4: not YAML: control characters are not allowed"),
    ("# nothing\n", "f:1:1: the file is empty; write at least services"),
    (
      "a: 1\na: 2\nb: [\n",
      "f:2:1: a: written twice, first in line 1; keep one\nf:4:1: not YAML: while parsing a flow node (line 4): did not find expected node content"
    ),
  ])
  func `errors name the line and the column`(text: String, faults: String) {
    #expect(Self.root(text).faults == faults)
  }

  @Test func `a byte order mark is skipped, and does not shift columns`() {
    #expect(
      Self.root("\u{FEFF}a: 1\na: 2\n").faults
        == "f:2:1: a: written twice, first in line 1; keep one")
    #expect(Self.root("\u{FEFF}a: *x\n").faults.hasPrefix("f:1:4: "))
  }

  @Test func `all duplicate keys are found in one pass`() {
    for key in ["a", "timeout", "\"b c\"", "7"] {
      let text = String(repeating: "\(key): 1\n", count: 30_000)
      let faults = Self.root(text).faults.split(separator: "\n")
      #expect(faults.count == 11)
      #expect(faults.first?.hasSuffix("written twice, first in line 1; keep one") == true)
      #expect(faults.last == "f: … and 29989 more keys are written twice")
    }
    let places = Self.root("{a: 1, b: {a: 1}, c: [{d: 1, d: 2}], a: 2}").faults
    #expect(
      places == """
        f:1:30: c[0].d: written twice, first in line 1; keep one
        f:1:38: a: written twice, first in line 1; keep one
        """)
  }

  @Test func `text that resembles a duplicate key is kept`() {
    let (root, _) = Self.root(
      """
      a: 1
      a: "x
        y: z"
      b: {c: 'd: e', f: "g\\u0041: h"}
      # i: j
      - k
      """.replacing("\n- k", with: "") + "\nl: [m, n: o]\n")
    guard case .mapping(let members)? = root?.value else {
      Issue.record("no mapping")
      return
    }
    #expect(members.map(\.key) == ["a", "b", "l"])
    var texts: [String] = []
    for member in members { Self.collect(member.value, &texts) }
    #expect(texts == ["x y: z", "d: e", "gA: h", "m", "o"])
  }

  private static func collect(_ node: YAMLNode, _ texts: inout [String]) {
    switch node.value {
    case .scalar(let text, _): texts.append(text)
    case .list(let nodes): for node in nodes { Self.collect(node, &texts) }
    case .mapping(let members): for member in members { Self.collect(member.value, &texts) }
    }
  }

  @Test func `block scalars that aren't allowed are refused where they begin`() {
    #expect(
      Self.root("a:\n  b: >-\n    x\n", allowsTextBlocks: false).faults
        == "f:2:6: block scalars (| and >) are not supported; write the value in quotes")
  }
}
