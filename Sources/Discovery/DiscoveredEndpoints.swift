internal import BridgeConfiguration
internal import Codec

/// Collects the instances that a registry lists into a list of endpoints.
struct DiscoveredEndpoints {
  /// Maximum length of a list. Stops a registry from making the balancer and its pools grow without
  /// bound.
  static let countLimit = 10_000

  private var found: [(endpoint: Configuration.Endpoint, weight: Double)] = []
  private var seen: Set<Configuration.Endpoint> = []

  /// Adds an instance; invalid ones and duplicates are skipped.
  ///
  /// - Parameters:
  ///   - port: nil if the registry gave none.
  ///   - weight: negative values count as 0, values above the maximum as the maximum.
  mutating func add(host: String?, port: Int?, weight: Double) {
    guard let host, let port, (1...65_535).contains(port), host.utf8.count <= 253,
      let endpoint = try? ConfigurationValues.endpoint(
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"),
      self.seen.insert(endpoint).inserted
    else { return }
    let most = Double(Configuration.WeightedEndpoint.most)
    self.found.append((endpoint, weight.isNaN ? 0 : min(max(0, weight), most)))
  }

  /// The list: weights unchanged if all are integers, else multiplied by 100, so that 0.5 keeps its
  /// share. A positive weight stays at least 1.
  var list: [Configuration.WeightedEndpoint] {
    let areWhole = self.found.allSatisfy { $0.weight == $0.weight.rounded() }
    return self.found.map { found in
      guard found.weight > 0 else { return .init(found.endpoint, weight: 0) }
      let scaled = (found.weight * (areWhole ? 1 : 100)).rounded()
      let weight = min(max(1, Int(scaled)), Configuration.WeightedEndpoint.most)
      return .init(found.endpoint, weight: weight)
    }
  }

  /// The list as an update; a failure if it's too long.
  func update(from source: String) -> EndpointUpdate {
    guard self.found.count <= Self.countLimit else {
      return .failure(
        "\(source) returned \(self.found.count) endpoints; the limit is \(Self.countLimit)")
    }
    return .endpoints(self.list)
  }
}

extension JSONValue {
  /// A registry's response body as JSON, or why it can't be parsed.
  static func parse(_ body: [UInt8], of url: String) -> Result<JSONValue, HTTPFetchError> {
    do throws(CodecError) {
      return .success(try JSONValue(parsing: body))
    } catch {
      // The error may quote the body.
      return .failure(
        HTTPFetchError("\(url) returned invalid JSON: \(ForeignText.shown("\(error)"))"))
    }
  }
}
