/// The reason that there are no results.
enum BenchError: Error, CustomStringConvertible {
  case unreadable
  case schema(String)
  case unknownType(String)
  case unknownCorpus(String)
  case disagreement(String)

  var description: String {
    switch self {
    case .unreadable: "simdjson can't read a corpus"
    case .schema(let reason): reason
    case .unknownType(let name): "the schema has no type \(name)"
    case .unknownCorpus(let name): "there is no corpus \(name)"
    case .disagreement(let name):
      "the codec's message for corpus \(name) differs from swift-protobuf's"
    }
  }
}
