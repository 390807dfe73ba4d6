extension Configuration {
  /// An endpoint and its weight in load balancing.
  package struct WeightedEndpoint: Sendable, Hashable {
    package var endpoint: Endpoint
    /// Relative share of the calls; 0: none.
    package var weight: Int

    /// Maximum weight; those of Envoy and Nacos are smaller.
    package static let most = 1_000_000

    package init(_ endpoint: Endpoint, weight: Int = 1) {
      self.endpoint = endpoint
      self.weight = weight
    }
  }
}

extension Configuration.WeightedEndpoint {
  /// Reads a list of addresses with optional weights: `[a:1, {address: b:1, weight: 3}]`. Nil if the key
  /// is missing or has no valid element.
  static func list(_ key: String, of section: SectionReader) -> [Self]? {
    guard let node = section.node(key) else { return nil }
    let path = section.path(of: key)
    let address = { (text: String) throws(ValueError) in
      Self(try ConfigurationValues.endpoint(text, folder: section.context.folder))
    }
    guard case .list(let nodes) = node.value else {
      return section.value(key, example: Self.example, address).map { [$0] }
    }
    if nodes.isEmpty {
      section.faults.add(
        node.location, path, "an empty list; write at least one, such as \(Self.example)")
    }
    var endpoints: [Self] = []
    var seen: Set<Configuration.Endpoint> = []
    for (index, node) in nodes.enumerated() {
      let path = "\(path)[\(index)]"
      let found =
        if case .mapping = node.value {
          section.section(of: node, path: path).flatMap { Self($0, address) }
        } else {
          section.value(of: node, path: path, example: Self.example, address)
        }
      guard let found else { continue }
      if !seen.insert(found.endpoint).inserted {
        section.faults.add(node.location, path, "\(found.endpoint) appears twice; keep one")
      }
      endpoints.append(found)
    }
    if !endpoints.isEmpty, endpoints.allSatisfy({ $0.weight == 0 }) {
      section.faults.add(node.location, path, "all weights are 0; no endpoint would get a call")
    }
    return endpoints.isEmpty ? nil : endpoints
  }

  private static let example = "127.0.0.1:50051"

  private init?(_ section: SectionReader, _ address: (String) throws(ValueError) -> Self) {
    let found = section.value("address", example: Self.example, address)
    if section.node("address") == nil {
      section.missing("address", "write host:port, such as \(Self.example)")
    }
    let weight = section.integer("weight", example: "1", in: 0...Self.most)
    section.finish()
    guard let found else { return nil }
    self = found
    if let weight { self.weight = weight }
  }
}
