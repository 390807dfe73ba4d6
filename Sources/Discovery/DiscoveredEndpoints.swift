internal import BridgeConfiguration
internal import Codec

/// Instances as a registry names them, on their way to a list of endpoints.
struct DiscoveredEndpoints {
  /// The most endpoints of a list. Stops a registry from making the balancer and its pools without end.
  static let countLimit = 10_000

  private var found: [(endpoint: Configuration.Endpoint, weight: Double)] = []
  private var seen: Set<Configuration.Endpoint> = []

  /// Takes an instance; one that can't be called, or is there already, is left out.
  ///
  /// - Parameters:
  ///   - port: nil where none was named.
  ///   - weight: negative ones count as 0, absurd ones as the largest.
  mutating func add(host: String?, port: Int?, weight: Double) {
    guard let host, let port, (1...65_535).contains(port), host.utf8.count <= 253,
      let endpoint = try? ConfigurationValues.endpoint(
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"),
      self.seen.insert(endpoint).inserted
    else { return }
    let most = Double(Configuration.WeightedEndpoint.most)
    self.found.append((endpoint, weight.isNaN ? 0 : min(max(0, weight), most)))
  }

  /// The list: weights as they are where all are whole, else a hundredfold, so that 0.5 keeps its share.
  /// Whatever has a weight keeps at least 1.
  var list: [Configuration.WeightedEndpoint] {
    let areWhole = self.found.allSatisfy { $0.weight == $0.weight.rounded() }
    return self.found.map { found in
      guard found.weight > 0 else { return .init(found.endpoint, weight: 0) }
      let scaled = (found.weight * (areWhole ? 1 : 100)).rounded()
      let weight = min(max(1, Int(scaled)), Configuration.WeightedEndpoint.most)
      return .init(found.endpoint, weight: weight)
    }
  }

  /// The list as an update; a failure where it's too long.
  func update(from source: String) -> EndpointUpdate {
    guard self.found.count <= Self.countLimit else {
      return .failure(
        "\(source) named \(self.found.count) endpoints; at most \(Self.countLimit) are taken")
    }
    return .endpoints(self.list)
  }
}

extension JSONValue {
  /// A registry's answer, or why it isn't one.
  static func parse(_ body: [UInt8], of url: String) -> Result<JSONValue, HTTPFetchError> {
    do throws(CodecError) {
      return .success(try JSONValue(parsing: body))
    } catch {
      // It may quote what came.
      return .failure(
        HTTPFetchError("\(url) answered no JSON: \(ForeignText.shown("\(error)"))"))
    }
  }
}
