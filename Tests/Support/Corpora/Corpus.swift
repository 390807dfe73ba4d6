/// A JSON text of a message of Protos/bench/codec.proto: what the codec's benchmark measures and the
/// allocation tests count. Made by rule, the same in every run.
package struct Corpus: Sendable, CustomStringConvertible {
  package let name: String
  /// One clause for the table's foot.
  package let about: String
  /// The full name of the message type.
  package let type: String
  package let json: [UInt8]
  /// How many numbers a column of "ns per number" divides by; nil where it says nothing.
  package let numbers: Int?

  package var description: String { self.name }

  init(_ name: String, _ about: String, type: String, json: String, numbers: Int? = nil) {
    self.name = name
    self.about = about
    self.type = "bridge.bench.\(type)"
    self.json = Array(json.utf8)
    self.numbers = numbers
  }

  /// One of the benchmark by its name; with `@` and a number behind it, of another size where it has
  /// one: `map@100000`.
  package static func named(_ text: String) -> Corpus? {
    let parts = text.split(separator: "@", maxSplits: 1).map(String.init)
    guard let name = parts.first else { return nil }
    guard parts.count == 2 else { return Self.all.first { $0.name == name } }
    guard let size = Int(parts[1]), size > 0 else { return nil }
    switch name {
    case "tensor": return .tensor(of: size)
    case "base64": return .base64(byteCount: size)
    case "nested": return .nested(levels: size)
    case "map": return .dictionary(of: size)
    case "batch": return .batch(of: size)
    default: return nil
    }
  }

  /// All of the benchmark, in the order of its table.
  package static var all: [Corpus] {
    [
      .echo, .order, .tensor(of: 10_000), .base64(byteCount: 786_432), .longStringsASCII,
      .longStringsUTF8, .nested(levels: 80), .dictionary(of: 1_000), .batch(of: 100),
    ]
  }
}
