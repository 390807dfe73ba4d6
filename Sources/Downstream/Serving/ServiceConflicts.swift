internal import Codec
internal import Routing

/// Finds conflicting routes, which match the same requests, in services with a common host and prefix.
///
/// Conflicts between explicit rules are rejected, unless the later service is configured otherwise.
/// Routes by method name aren't explicit rules, and neither are those of services that servers commonly
/// offer besides their own (health, reflection, Envoy's): in these cases the first service gets the
/// requests, and the other one a warning.
struct ServiceConflicts {
  private let services: [ServedService]
  private var pairs: [Pair: Overlap] = [:]
  /// In the order in which they were found.
  private var order: [Pair] = []

  /// Services whose methods many servers have. A trailing dot matches a whole package.
  private static let shared = [
    "grpc.health.", "grpc.reflection.", "grpc.channelz.", "grpc.binarylog.", "grpc.lb.",
    "grpc.lookup.", "envoy.", "xds.", "udpa.", "google.longrunning.", "google.iam.v1.",
    "google.cloud.location.",
  ]

  private struct Pair: Hashable {
    var first: Int
    var second: Int
  }

  /// Routes of the second service that the first one also has.
  private struct Overlap {
    /// Explicit rules: the first conflict, and how many.
    var written: (route: Route, other: Route)?
    var writtenCount = 0
    /// The others.
    var unwritten: Route?
    var unwrittenCount = 0
  }

  init(_ services: [ServedService]) {
    self.services = services
  }

  /// Compares the services of a group of equally specific entries.
  mutating func add(_ entries: [(service: Int, hosts: [HostPattern])]) {
    guard entries.count > 1 else { return }
    if entries[0].hosts.isEmpty {
      var compared: Set<Pair> = []
      self.compare(entries.map(\.service), &compared)
      return
    }
    // Services by each of their hosts; a pair that shares several is compared once.
    var byHost: [[UInt8]: [Int]] = [:]
    var hosts: [[UInt8]] = []
    for entry in entries {
      for host in entry.hosts.map(\.key) {
        if byHost[host] == nil { hosts.append(host) }
        if byHost[host]?.last != entry.service { byHost[host, default: []].append(entry.service) }
      }
    }
    var compared: Set<Pair> = []
    for host in hosts {
      guard let services = byHost[host], services.count > 1 else { continue }
      self.compare(services, &compared)
    }
  }

  private mutating func compare(_ places: [Int], _ compared: inout Set<Pair>) {
    var builder = RouteTreeBuilder()
    var routes: [(route: Route, service: Int)] = []
    var found: Set<Pair> = []
    for index in places {
      for route in self.services[index].routes.routes {
        let earlier = builder.insert(routes.count, method: route.httpMethod, route.template)
        guard let earlier else {
          routes.append((route, index))
          continue
        }
        let pair = Pair(first: routes[earlier].service, second: index)
        guard pair.first != index, !compared.contains(pair) else { continue }
        found.insert(pair)
        self.add(route, behind: routes[earlier].route, pair)
      }
    }
    compared.formUnion(found)
  }

  private mutating func add(_ route: Route, behind other: Route, _ pair: Pair) {
    var overlap = self.pairs[pair] ?? Overlap()
    if self.pairs[pair] == nil { self.order.append(pair) }
    let isWritten =
      !route.isByName && !other.isByName
      && !(Self.isShared(route) && Self.isShared(other))
    if isWritten {
      if overlap.written == nil { overlap.written = (route, other) }
      overlap.writtenCount += 1
    } else {
      if overlap.unwritten == nil { overlap.unwritten = route }
      overlap.unwrittenCount += 1
    }
    self.pairs[pair] = overlap
  }

  /// Rules from a configuration are explicit even for such a service.
  private static func isShared(_ route: Route) -> Bool {
    !route.isFromOutside && Self.shared.contains(where: route.method.serviceName.hasPrefix)
  }

  // MARK: Results

  /// One for each pair of services.
  var refused: [RouteConflict] {
    self.order.compactMap { pair in
      guard let overlap = self.pairs[pair], let (route, other) = overlap.written,
        !self.isFirstServed(pair)
      else { return nil }
      return RouteConflict(
        httpMethod: route.httpMethod, first: Self.side(other), second: Self.side(route),
        more: overlap.writtenCount - 1,
        services: RouteConflict.Services(
          first: self.services[pair.first].name, second: pair.second))
    }
  }

  /// One for each pair of services.
  var warnings: [(service: Int, text: String)] {
    self.order.compactMap { pair in
      guard let overlap = self.pairs[pair] else { return nil }
      let counts = self.isFirstServed(pair)
      let count = overlap.unwrittenCount + (counts ? overlap.writtenCount : 0)
      guard let route = overlap.unwritten ?? (counts ? overlap.written?.route : nil) else {
        return nil
      }
      let more = count == 1 ? "" : " and \(count - 1) more"
      let path = "\(route.httpMethod) \(ForeignText.shown(route.template.text, limit: 100))"
      let all = count == self.services[pair.second].routes.routes.count
      return (
        pair.second,
        "\(path)\(more) \(count == 1 ? "reaches" : "reach") service \(self.services[pair.first].name), "
          + "which is listed first and has \(count == 1 ? "it" : "them") too"
          + (all ? "; no request reaches this service" : "")
          + "; set hosts or prefix for one of the two services to reach both"
      )
    }
  }

  private func isFirstServed(_ pair: Pair) -> Bool {
    self.services[pair.second].routing.clashes == .first
  }

  private static func side(_ route: Route) -> RouteConflict.Side {
    RouteConflict.Side(method: route.name, template: route.template.text, file: route.source)
  }
}
