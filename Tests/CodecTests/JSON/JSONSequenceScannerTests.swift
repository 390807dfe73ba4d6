import Testing

@testable import Codec

/// Streams of JSON texts, cut everywhere.
struct JSONSequenceScannerTests {
  /// What a scanner finds in a stream that comes in these parts.
  private static func values(
    _ parts: [[UInt8]], form: JSONSequenceScanner.Form? = nil
  ) throws -> [String] {
    var scanner = JSONSequenceScanner(form: form)
    var pending: [UInt8] = []
    var values: [String] = []
    for index in 0...parts.count {
      let isComplete = index == parts.count
      if !isComplete { pending += parts[index] }
      while let found = try scanner.next(in: pending.span.bytes, isComplete: isComplete) {
        values.append(String(decoding: pending[found], as: UTF8.self))
        let start = scanner.start
        pending.removeFirst(start)
        scanner.discard(start)
      }
      let start = scanner.start
      pending.removeFirst(start)
      scanner.discard(start)
    }
    return values
  }

  /// The same of a text: whole, cut in two at each place, and byte by byte. All must agree.
  private static func values(
    _ text: String, form: JSONSequenceScanner.Form? = nil
  ) throws -> [String] {
    let bytes = Array(text.utf8)
    let whole = try Self.values([bytes], form: form)
    for cut in 0...bytes.count {
      let halves = [Array(bytes[..<cut]), Array(bytes[cut...])]
      #expect(try Self.values(halves, form: form) == whole, "cut at \(cut)")
    }
    #expect(try Self.values(bytes.map { [$0] }, form: form) == whole)
    return whole
  }

  @Test(
    arguments: [
      ("", []),
      (" \n\r\t", []),
      ("[]", []),
      (" [ ] \n", []),
      ("\u{FEFF}", []),
      ("\u{FEFF} [{}, 1]", ["{}", "1"]),
      ("\u{FEFF}{}\n{}", ["{}", "{}"]),
      ("{}", ["{}"]),
      ("[{}]", ["{}"]),
      ("[{},{}]", ["{}", "{}"]),
      ("[ {\"a\": [1, 2]} ,\n{\"b\": {}} ]", ["{\"a\": [1, 2]}", "{\"b\": {}}"]),
      ("{\"a\":1}\n{\"a\":2}\n", ["{\"a\":1}", "{\"a\":2}"]),
      ("{\"a\":1}\r\n\r\n{\"a\":2}", ["{\"a\":1}", "{\"a\":2}"]),
      ("{}{}", ["{}", "{}"]),
      ("{\"a\":\"}]{[\"}{}", ["{\"a\":\"}]{[\"}", "{}"]),
      (#"["\"", "\\", "a\\\"b"]"#, [#""\"""#, #""\\""#, #""a\\\"b""#]),
      ("[1,2.5e3,true , null]", ["1", "2.5e3", "true", "null"]),
      ("1 2\n\"x\"\"y\" null", ["1", "2", "\"x\"", "\"y\"", "null"]),
      ("[[1],[2,[3]]]", ["[1]", "[2,[3]]"]),
      (
        "[\"ü€\u{1F600} and more than sixteen bytes\"]",
        ["\"ü€\u{1F600} and more than sixteen bytes\""]
      ),
    ] as [(String, [String])])
  func `values are found wherever the stream is split`(_ text: String, _ values: [String]) throws {
    #expect(try Self.values(text) == values)
  }

  @Test func `lines may be arrays if the client declares them`() throws {
    #expect(try Self.values("[1]\n[2]\n", form: .sequence) == ["[1]", "[2]"])
    #expect(throws: CodecError.self) { try Self.values("[1]\n[2]\n") }
  }

  @Test(arguments: [
    ("[{}{}]", "expected ',' or ']', got '{'", 3),
    ("[{},]", "expected a JSON value, got ']'", 4),
    ("[,{}]", "expected a JSON value, got ','; commas only separate the elements of an array", 1),
    ("{},{}", "expected a JSON value, got ','; commas only separate the elements of an array", 2),
    ("[] {}", "expected nothing after the array, got '{'", 3),
    ("]", "expected a JSON value, got ']'", 0),
    ("[{}", "expected ',' or ']', got the end of the body", 3),
    ("[", "expected a JSON value, got the end of the body", 1),
    ("[{},", "expected a JSON value, got the end of the body", 4),
    ("[1", "expected ',' or ']', got the end of the body", 2),
    ("{\"a\":", "expected the end of this value, got the end of the body", 5),
    ("\"a", "expected '\"', got the end of the body", 2),
    ("{\"a\\", "expected '\"', got the end of the body", 4),
  ])
  func `anything between values, or an incomplete value, is refused`(
    _ text: String, _ reason: String, _ offset: Int
  ) throws {
    let bytes = Array(text.utf8)
    do {
      var scanner = JSONSequenceScanner()
      while try scanner.next(in: bytes.span.bytes, isComplete: true) != nil {}
      Issue.record("\(text) was taken")
    } catch {
      #expect(error.reason == reason)
      #expect(error.offset == offset)
    }
    #expect(throws: CodecError.self) { try Self.values(bytes.map { [$0] }) }
  }
}
