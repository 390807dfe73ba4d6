import RepeatableRandom
import Testing

@testable import Codec

@Suite("Text")
struct TextTests {
  private func isValid(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return true }
      return UTF8Validator.firstFault(in: start, count: buffer.count) == nil
    }
  }

  @Test func `UTF-8 is validated like the standard library does, up to three bytes`() {
    // Of each byte the values at which a rule changes.
    let edges: [UInt8] = [
      0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1,
      0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    // Gathered, because a million expectations take a minute.
    var wrong: [[UInt8]] = []
    for first in edges {
      for second in edges {
        for third in edges {
          for fourth in edges {
            for length in 1...4 {
              let bytes = Array([first, second, third, fourth][..<length])
              let expected = String(validating: bytes, as: UTF8.self) != nil
              if self.isValid(bytes) != expected { wrong.append(bytes) }
            }
          }
        }
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test func `an invalid byte is found anywhere in a long text`() {
    var generator = SeededGenerator(seed: 6)
    let pieces = ["a", "é", "語", "日本語の文字", "😀", "plain ascii text", "\u{7FF}", "\u{FFFD}"]
    for _ in 0..<2000 {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0...12, using: &generator) {
        bytes += Array(pieces.randomElement(using: &generator)?.utf8 ?? "".utf8)
      }
      #expect(self.isValid(bytes))
      guard !bytes.isEmpty else { continue }
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
        in: 0...255, using: &generator)
      #expect(self.isValid(bytes) == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
    }
  }

  /// Where the standard library's parser stops.
  private func firstFault(_ bytes: [UInt8]) -> Int? {
    var parser = Unicode.UTF8.ForwardParser()
    var iterator = bytes.makeIterator()
    var offset = 0
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .valid(let scalar): offset += scalar.count
      case .emptyInput: return nil
      case .error: return offset
      }
    }
  }

  @Test func `an invalid byte is located on either side of a block's edge`() {
    let edges: [UInt8] = [
      0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
      0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    var generator = SeededGenerator(seed: 9)
    for round in 0..<20_000 {
      var bytes = [UInt8](repeating: 0x61, count: Int.random(in: 24...40, using: &generator))
      for _ in 0..<4 { bytes.append(edges.randomElement(using: &generator) ?? 0) }
      let tail = round % 2 == 0 ? "ascii behind it, enough for two blocks of it" : "日本語の文字の列が二つ分"
      bytes += Array(tail.utf8)
      let found = bytes.withUnsafeBufferPointer { buffer in
        buffer.baseAddress.flatMap { UTF8Validator.firstFault(in: $0, count: buffer.count) }
      }
      #expect(found == self.firstFault(bytes), "\(bytes)")
    }
  }

  @Test func `strings survive encoding and decoding, whatever needs escaping`() throws {
    var generator = SeededGenerator(seed: 7)
    let pieces = [
      "a", "\"", "\\", "\n", "\u{0}", "\u{1F}", "\u{7F}", "é", "日本", "😀", "\u{2028}", "\u{2029}",
      "\u{2027}", "\u{202A}", "€", "/", "</script>", "twelve bytes", "\t\r\u{8}\u{c}",
    ]
    for _ in 0..<3000 {
      var text = ""
      for _ in 0..<Int.random(in: 0...20, using: &generator) {
        text += pieces.randomElement(using: &generator) ?? ""
      }
      let utf8 = Array(text.utf8)
      var sink = ByteSink(capacity: 64)
      sink.append(0x7A)
      sink.reserve(16)
      sink.storeVarint(UInt64(utf8.count))
      for byte in utf8 { sink.append(byte) }
      let wire = text.isEmpty ? [] : sink.array
      let json = try decode(wire)
      #expect(!json.utf8.contains { $0 < 0x20 })
      #expect(!json.contains("\u{2028}") && !json.contains("\u{2029}"))
      #expect(try encode(json) == wire)
    }
  }

  @Test func `every character may be written as an escape`() throws {
    for value in stride(from: UInt32(0), through: 0x10_FFFF, by: 61) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let units = Array(String(Character(scalar)).utf16)
      let escape = units.map { "\\u" + String("000\(String($0, radix: 16))".suffix(4)) }.joined()
      let wire = try encode("{\"aString\":\"\(escape)\"}")
      #expect(wire == [0x7A, UInt8(wire.count - 2)] + Array(String(Character(scalar)).utf8))
    }
  }

  @Test func `base64 of every length is read in both alphabets, with and without padding`() throws {
    var generator = SeededGenerator(seed: 8)
    for length in 0...120 {
      let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
      var sink = ByteSink(capacity: 64)
      sink.append(0x82)
      sink.append(0x01)
      sink.append(UInt8(length))
      for byte in bytes { sink.append(byte) }
      let wire = length == 0 ? [] : sink.array
      let json = try decode(wire)
      #expect(try encode(json) == wire)
      let urlSafe = String(
        json.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }.filter { $0 != "=" })
      #expect(try encode(urlSafe) == wire)
    }
  }

  @Test func `the first character outside base64 is located`() {
    let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_".utf8)
    for ordinal in [0, 1, 30, 31, 32, 33, 62, 63, 64, 90, 99] {
      for byte in UInt8.min...UInt8.max {
        var text = Array(repeating: UInt8(ascii: "Q"), count: 100)
        text[ordinal] = byte
        var sink = ByteSink(capacity: 64)
        let fault = text.withUnsafeBufferPointer { buffer in
          buffer.baseAddress.flatMap { Base64.decode($0, count: buffer.count, into: &sink) }
        }
        let isRight = alphabet.contains(byte) || (byte == UInt8(ascii: "=") && ordinal == 99)
        #expect(fault == (isRight ? nil : ordinal), "\(byte) at \(ordinal)")
      }
    }
  }

  @Test(arguments: [
    "A", "AAAAA", "AA=A", "A===", "====", "AAAA=", "AA A", "AAA\\n", "AAAé", "AA*A",
  ])
  func `invalid base64 is refused`(text: String) throws {
    let error = try #require(throws: CodecError.self) { _ = try encode("{\"aBytes\":\"\(text)\"}") }
    #expect(error.code == .invalidValue)
  }
}
