import Testing

@testable import Codec

@Suite("Hints")
struct SpellingSuggestionTests {
  @Test(
    arguments: [
      ("titel", "title"), ("nmae", "name"), ("tilte", "title"), ("Title", "title"),
      ("display-name", "displayName"), ("dispalyNmae", "displayName"), ("nam", "name"),
      ("xx", nil), ("", nil),
    ] as [(String, String?)])
  func `the intended name is suggested`(name: String, expected: String?) {
    #expect(SpellingSuggestion.name(to: name, among: ["title", "name", "displayName"]) == expected)
  }

  @Test(arguments: [
    ("ab", "ba", 1), ("abcd", "badc", 2), ("abc", "ca", 3), ("abc", "abc", 0), ("", "ab", 2),
    ("ab", "", 2), ("kitten", "sitting", 3),
  ])
  func `swapped neighbours count as one change`(first: String, second: String, expected: Int) {
    #expect(SpellingSuggestion.distance(Array(first.utf8), Array(second.utf8)) == expected)
  }

  @Test func `echoed text is truncated at a character boundary`() {
    #expect(EchoedText.cut("abc") == "abc")
    let long = String(repeating: "€", count: 1000)
    #expect(EchoedText.cut(long) == String(repeating: "€", count: 33) + "…")
    #expect(EchoedText.cut([UInt8](repeating: 0x80, count: 70_000)).utf8.count < 400)
    #expect(EchoedText.cut(String(repeating: "a", count: 100)).utf8.count == 100)
    let message = "begin" + String(repeating: "ü", count: 50_000) + "end"
    let shortened = EchoedText.shortened(message)
    #expect(shortened.utf8.count <= EchoedText.messageByteLimit)
    #expect(shortened.hasPrefix("beginü") && shortened.hasSuffix("üend"))
    #expect(!shortened.contains("\u{FFFD}"))
    #expect(EchoedText.shortened("abc") == "abc")
  }
}
