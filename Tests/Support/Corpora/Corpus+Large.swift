internal import RepeatableRandom

// Messages of one large field: what models and documents are made of.
extension Corpus {
  /// Floats in -1..<1 as their shortest texts, as Python prints them.
  package static func tensor(of count: Int) -> Corpus {
    var random = SeededGenerator(seed: 1)
    let floats = (0..<count).map { _ in "\(Float.random(in: -1..<1, using: &random))" }
    return Corpus(
      "tensor", "\(count) floats as text", type: "Tensor",
      json: JSONText.object(
        ("name", JSONText.string("x")), ("datatype", JSONText.string("FP32")),
        ("shape", JSONText.array([JSONText.int64(count)])),
        ("fp32Contents", JSONText.array(floats))),
      numbers: count)
  }

  /// The bytes of a tensor in base64: `byteCount` bytes become four thirds of that in text.
  package static func base64(byteCount: Int) -> Corpus {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var random = SeededGenerator(seed: 2)
    var text: [UInt8] = []
    text.reserveCapacity(byteCount / 3 * 4)
    // A group of 24 random bits is four letters: whatever they are, they are valid without padding.
    for _ in 0..<byteCount / 3 {
      let bits = random.next()
      for place in 0..<4 { text.append(alphabet[Int((bits >> (UInt64(place) * 6)) & 63)]) }
    }
    return Corpus(
      "base64", "a tensor of \(byteCount / 4) floats as bytes", type: "Tensor",
      json: JSONText.object(
        ("name", JSONText.string("x")), ("datatype", JSONText.string("FP32")),
        ("shape", JSONText.array([JSONText.int64(byteCount / 4)])),
        ("rawContents", JSONText.string(String(decoding: text, as: UTF8.self)))))
  }

  /// Paragraphs of some 2 KB of plain ASCII.
  package static var longStringsASCII: Corpus {
    let words = [
      "the", "gear", "turns", "and", "every", "wheel", "of", "brass", "answers", "another;",
      "nothing", "is", "lost", "between", "them,", "not", "even", "a", "tooth.",
    ]
    return Self.document("ascii", "64 paragraphs of ASCII", words: words, seed: 5)
  }

  /// Paragraphs of some 2 KB: a quarter of the words, which is half of the bytes, are Chinese, Japanese
  /// or Korean; there are accents and an emoji; one word in eleven holds an escape.
  package static var longStringsUTF8: Corpus {
    let words = [
      "the", "gear", "turns", "and", "every", "wheel", "of", "brass", "齿轮转动", "每一个轮子",
      "歯車が回る", "真鍮の車輪", "톱니바퀴가", "돈다", "Zürich", "naïve", "😀", "them,\\n",
      "\\\"not\\\"", "a", "tooth.", "之间没有丢失", "何も失われない", "所有", "of", "wheels",
      "and", "tea", "for", "two", "\\u00e9t\\u00e9", "in", "a", "row",
    ]
    return Self.document(
      "utf8", "64 paragraphs with CJK and escapes", words: words, seed: 6)
  }

  private static func document(
    _ name: String, _ about: String, words: [String], seed: UInt64
  ) -> Corpus {
    var random = SeededGenerator(seed: seed)
    let paragraphs = (0..<64).map { _ in
      var text = ""
      while text.utf8.count < 2_000 {
        if !text.isEmpty { text += " " }
        text += words[Int(random.next() % UInt64(words.count))]
      }
      return JSONText.string(text)
    }
    return Corpus(
      name, about, type: "Document",
      json: JSONText.object(
        ("title", JSONText.string("On wheels")), ("paragraphs", JSONText.array(paragraphs))))
  }
}
