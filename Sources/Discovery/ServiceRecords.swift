internal import Addresses
internal import BridgeConfiguration

/// Converts SRV records to endpoints, once their target hosts have been resolved. Pure.
enum ServiceRecords {
  /// The records grouped by priority, in the order in which to try them. Records without a usable target
  /// or port are dropped.
  static func groups(_ records: [ServiceRecord]) -> [[ServiceRecord]] {
    let usable = records.filter {
      !$0.target.isEmpty && $0.target != "." && (1...65_535).contains($0.port)
    }
    let byPriority = Dictionary(grouping: usable, by: \.priority)
    return byPriority.sorted { $0.key < $1.key }.map(\.value)
  }

  /// The endpoints of records of one priority, in a stable order.
  ///
  /// Weights are multiplied by ten, so that a weight of 0 beside others gets the "very small chance" that
  /// RFC 2782 requires. The addresses of one host share its weight; an address of several records gets
  /// the sum of theirs.
  ///
  /// - Parameter addresses: the addresses of each target.
  static func endpoints(
    _ records: [ServiceRecord], addresses: [String: [String]]
  ) -> [Configuration.WeightedEndpoint] {
    var weights: [Configuration.Endpoint: Int] = [:]
    for record in records {
      let hosts = addresses[record.target] ?? []
      for host in hosts {
        let weight = max(1, record.weight * 10 / hosts.count)
        weights[Configuration.Endpoint(host: host, port: record.port), default: 0] += weight
      }
    }
    let sorted = weights.sorted { "\($0.key)" < "\($1.key)" }
    return sorted.map { endpoint, weight in
      .init(endpoint, weight: min(weight, Configuration.WeightedEndpoint.most))
    }
  }
}
