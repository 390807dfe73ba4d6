internal import BridgeConfiguration
internal import Codec

/// The instances of a service as a registry lists them, by push or by poll.
struct NacosInstances {
  /// The instances that may be called.
  let update: EndpointUpdate
  /// How long the registry wants its response cached; nil if it doesn't specify that.
  let cacheTime: Duration?
  /// When the registry generated the list, in milliseconds of its own clock; nil if it doesn't specify
  /// that.
  let madeAt: Int?

  /// Reads a `ServiceInfo`: `{"hosts": [...], "lastRefTime", "cacheMillis", "reachProtectionThreshold"}`.
  /// Nil for JSON of another kind.
  init?(serviceInfo: JSONValue, _ settings: Configuration.Nacos, source: String) {
    guard case .object = serviceInfo else { return nil }
    let hosts = serviceInfo["hosts"]
    guard hosts == nil || hosts?.array != nil else { return nil }
    // Too few instances are healthy: the registry wants calls to go to all of them, so that the healthy
    // ones aren't overloaded. 1.x spells the key differently.
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

  /// Filters as every client of the registry does: healthy, enabled, and with a weight above 0.
  private static func update(
    _ instances: [JSONValue], _ settings: Configuration.Nacos, takesUnhealthy: Bool,
    source: String
  ) -> EndpointUpdate {
    var found = DiscoveredEndpoints()
    for instance in instances {
      let weight = instance["weight"]?.double ?? 1
      // 1.x uses `valid`.
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

  /// The port in an instance's metadata, as a string or a number; nil if there's no valid one.
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
