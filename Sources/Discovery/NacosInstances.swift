internal import BridgeConfiguration
internal import Codec

/// What a registry says of a service's instances, whichever way it was asked.
struct NacosInstances {
  /// Those that may be called.
  let update: EndpointUpdate
  /// How long the registry wants its answer to be kept; nil where it says nothing.
  let cacheTime: Duration?
  /// When the registry made the list, in milliseconds of its own clock; nil where it says nothing.
  let madeAt: Int?

  /// Reads a `ServiceInfo`: `{"hosts": [...], "lastRefTime", "cacheMillis", "reachProtectionThreshold"}`.
  /// Nil for JSON of another kind.
  init?(serviceInfo: JSONValue, _ settings: Configuration.Nacos, source: String) {
    guard case .object = serviceInfo else { return nil }
    let hosts = serviceInfo["hosts"]
    guard hosts == nil || hosts?.array != nil else { return nil }
    // Too few are healthy: the registry wants all of them to be called, so that those few don't have to
    // carry everything. 1.x spells it another way.
    let isProtected =
      (serviceInfo["reachProtectionThreshold"] ?? serviceInfo["reachProtectThreshold"])?.bool
      ?? false
    self.update = Self.update(
      hosts?.array ?? [], settings, takesUnhealthy: isProtected, source: source)
    self.cacheTime = (serviceInfo["cacheMillis"]?.int).flatMap { milliseconds in
      milliseconds > 0 ? min(.milliseconds(milliseconds), .seconds(300)) : nil
    }
    self.madeAt = serviceInfo["lastRefTime"]?.int
  }

  /// Reads a bare list of instances.
  init(list: [JSONValue], _ settings: Configuration.Nacos, source: String) {
    self.update = Self.update(list, settings, takesUnhealthy: false, source: source)
    self.cacheTime = nil
    self.madeAt = nil
  }

  /// What every client of the registry does: only those that are healthy, enabled and have a weight.
  private static func update(
    _ instances: [JSONValue], _ settings: Configuration.Nacos, takesUnhealthy: Bool,
    source: String
  ) -> EndpointUpdate {
    var found = DiscoveredEndpoints()
    for instance in instances {
      let weight = instance["weight"]?.double ?? 1
      // 1.x says `valid`.
      let isHealthy = (instance["healthy"] ?? instance["valid"])?.bool ?? true
      let cluster = instance["clusterName"]?.string
      guard isHealthy || takesUnhealthy, instance["enabled"]?.bool ?? true, weight > 0,
        settings.clusters.isEmpty || cluster.map(settings.clusters.contains) ?? true
      else { continue }
      found.add(
        host: instance["ip"]?.string,
        port: settings.port ?? Self.metadataPort(of: instance, settings) ?? instance["port"]?.int,
        weight: weight)
    }
    return found.update(from: source)
  }

  /// The port that an instance's metadata names, as text or as a number; nil where that's none.
  private static func metadataPort(
    of instance: JSONValue, _ settings: Configuration.Nacos
  ) -> Int? {
    guard let key = settings.portMetadata, let entry = instance["metadata"]?[key] else {
      return nil
    }
    let port = entry.int ?? entry.string.flatMap { Int($0) }
    return port.flatMap { (1...65_535).contains($0) ? $0 : nil }
  }
}
