internal import Addresses
internal import BridgeConfiguration

/// Records as endpoints, once the hosts that they name have been looked up. Pure.
enum ServiceRecords {
  /// In the order in which they're to be tried: all of one priority, then those of the next. Without
  /// those that lead nowhere.
  static func groups(_ records: [ServiceRecord]) -> [[ServiceRecord]] {
    let usable = records.filter {
      !$0.target.isEmpty && $0.target != "." && (1...65_535).contains($0.port)
    }
    let byPriority = Dictionary(grouping: usable, by: \.priority)
    return byPriority.sorted { $0.key < $1.key }.map(\.value)
  }

  /// The endpoints of records of one priority, in an order that stays.
  ///
  /// Weights are taken tenfold, so that a weight of 0 beside others gets the "very small chance" that RFC
  /// 2782 wants for it. The addresses of one host share its weight; an address that several records lead
  /// to has all of theirs.
  ///
  /// - Parameter addresses: of each target.
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
