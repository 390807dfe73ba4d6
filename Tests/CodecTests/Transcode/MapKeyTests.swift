import Testing

@testable import Codec

/// A key of a map stands in it once, however large the map is.
@Suite("keys of maps")
struct MapKeyTests {
  /// Sizes around those at which a set changes its way, the largest one with several parts.
  static let sizes = [2, 15, 16, 17, 18, 1_000, 8_192, 8_193, 40_000]

  @Test(arguments: Self.sizes)
  func `a duplicate key is found anywhere in JSON`(count: Int) throws {
    for (first, second) in [(0, count - 1), (count / 2 - 1, count / 2), (count - 2, count - 1)] {
      var keys = (0..<count).map { "key\($0)" }
      keys[second] = keys[first]
      for (type, head) in [("byString", #"{"byString":{"#), ("struct", #"{"struct":{"#)] {
        let members = keys.map { "\"\($0)\": \"a\"" }
        let json = head + members.joined(separator: ", ") + "}}"
        let offset =
          head.utf8.count + members[..<second].joined(separator: ", ").utf8.count
          + (second > 0 ? 2 : 0)
        let error = try #require(throws: CodecError.self) { _ = try encode(json) }
        #expect(error.code == .duplicateField)
        #expect(error.offset == offset, "\(count), \(second)")
        #expect(error.path == "\(type)[\"\(keys[first])\"]")
      }
    }
  }

  @Test func `distinct keys are accepted, and a number in either spelling is one key`() throws {
    for count in Self.sizes {
      let members = (0..<count).map { "\"\($0 - count / 2)\":\"\"" }
      let json = "{\"bySint32\":{\(members.joined(separator: ","))}}"
      #expect(try decode(try encode(json)) == json)
      let error = try #require(throws: CodecError.self) {
        _ = try encode("{\"bySint32\":{\(members.joined(separator: ",")),\"1e0\":\"\",\"1\":\"\"}}")
      }
      #expect(error.code == .duplicateField)
    }
  }

  @Test(arguments: Self.sizes)
  func `of several entries of a key on the wire the last one counts`(count: Int) throws {
    let key = { (index: Int) in "key\(index)" }
    let first = (0..<count).map { "\"\(key($0))\":\"a\"" }.joined(separator: ",")
    for again in [0, count / 2, count - 1] {
      let wire =
        try encode(#"{"byString":{\#(first)},"struct":{\#(first)}}"#)
        + encode(#"{"byString":{"\#(key(again))":"b"},"aInt32":1,"struct":{"\#(key(again))":"b"}}"#)
      let json = try decode(wire)
      for field in ["byString", "struct"] {
        let text = try #require(json.firstRange(of: "\"\(field)\":{"))
        let entries = json[text.upperBound...].prefix { $0 != "}" }
        #expect(entries.split(separator: ",").count == count)
        #expect(entries.contains("\"\(key(again))\":\"b\""))
        #expect(!entries.contains("\"\(key(again))\":\"a\""))
      }
    }
  }
}
