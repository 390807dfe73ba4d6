import Codec
import Testing

/// What's printed of other people's text.
struct ForeignTextTests {
  @Test(arguments: [
    ("plain: text", "plain: text"), ("Zürich → 東京", "Zürich → 東京"), ("", ""),
    ("a\r\nb\tc\0", "a??b?c?"), ("\u{1B}[31mred\u{9B}0m\u{7F}", "?[31mred?0m?"),
    ("exe.\u{202E}gpj", "exe.?gpj"), ("\u{2066}a\u{2069}\u{200F}\u{061C}", "?a???"),
    ("a\u{2028}b\u{2029}c\u{85}d", "a?b?c?d"), ("zero\u{200B}width\u{FEFF}", "zero?width?"),
    ("\u{E0041}tag", "?tag"),
  ])
  func `foreign text fits one line, without control characters`(text: String, expected: String) {
    #expect(ForeignText.shown(text) == expected)
  }

  @Test func `long text is truncated`() {
    let long = String(repeating: "ä", count: 100_000)
    #expect(ForeignText.shown(long, limit: 3) == "äää…")
    #expect(ForeignText.shown(long).count == ForeignText.lengthLimit + 1)
    #expect(ForeignText.line(long).count == ForeignText.lineLimit + 1)
    #expect(ForeignText.shown("abc", limit: 3) == "abc")
  }

  @Test func `the first ten warnings of each kind are kept`() {
    var list = WarningList()
    for index in 0..<25 { list.add("odd things", "odd \(index)\n") }
    list.add("rare things", "rare")
    for index in 0..<10 { list.add("even things", "even \(index)") }
    #expect(list.texts.count == 10 + 1 + 10 + 1)
    #expect(list.texts[0] == "odd 0?" && list.texts[10] == "rare")
    #expect(list.texts.last == "… and 15 more odd things")
  }
}
