extension Configuration {
  /// An endpoint and its share of the calls.
  package struct WeightedEndpoint: Sendable, Hashable {
    package var endpoint: Endpoint
    /// Calls go out in proportion to it; 0: none.
    package var weight: Int

    /// The largest weight; Envoy and Nacos stay below it.
    package static let most = 1_000_000

    package init(_ endpoint: Endpoint, weight: Int = 1) {
      self.endpoint = endpoint
      self.weight = weight
    }
  }
}

extension ConfigurationReader {
  /// A list of addresses, each alone or with a weight: `[a:1, {address: b:1, weight: 3}]`. Nil where
  /// the key isn't there or nothing in it is right.
  func targets(
    _ key: String, of section: SectionReader
  ) -> [Configuration.WeightedEndpoint]? {
    guard let node = section.node(key) else { return nil }
    let path = section.path(of: key)
    let example = "127.0.0.1:50051"
    let address = { (text: String) throws(ValueError) in
      try ConfigurationValues.endpoint(text, folder: section.context.folder)
    }
    guard case .list(let nodes) = node.value else {
      return section.value(key, example: example, address).map { [.init($0)] }
    }
    if nodes.isEmpty {
      section.faults.add(
        node.location, path, "an empty list; write at least one, such as \(example)")
    }
    var endpoints: [Configuration.WeightedEndpoint] = []
    var seen: Set<Configuration.Endpoint> = []
    for (index, node) in nodes.enumerated() {
      let path = "\(path)[\(index)]"
      var found: Configuration.WeightedEndpoint?
      if case .mapping = node.value {
        guard let target = section.section(of: node, path: path) else { continue }
        found = target.value("address", example: example, address).map { .init($0) }
        if target.node("address") == nil {
          target.missing("address", "write host:port, such as \(example)")
        }
        let weight = target.value("weight", example: "1") { text throws(ValueError) in
          try ConfigurationValues.integer(text, in: 0...Configuration.WeightedEndpoint.most)
        }
        if let weight { found?.weight = weight }
        target.finish()
      } else {
        found = section.value(of: node, path: path, example: example, address).map { .init($0) }
      }
      guard let found else { continue }
      if !seen.insert(found.endpoint).inserted {
        section.faults.add(node.location, path, "\(found.endpoint) is there twice; keep one")
      }
      endpoints.append(found)
    }
    if !endpoints.isEmpty, endpoints.allSatisfy({ $0.weight == 0 }) {
      section.faults.add(node.location, path, "all weights are 0; nothing would get a call")
    }
    return endpoints.isEmpty ? nil : endpoints
  }
}
