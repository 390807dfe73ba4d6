internal import Codec
package import Routing

/// All service entries, by host and path prefix; immutable, replaced as a whole on reload.
///
/// The most specific host is preferred, as `HostPattern` orders them, then the longest prefix. Several
/// entries with equally specific hosts and the same prefix are served side by side: the first one that
/// has a route for the request takes it. Explicit rules that conflict between them are rejected at
/// load; method names, and the services that most servers offer, aren't.
package final class ServingTable: Sendable {
  /// An entry with its selection criteria.
  private struct Entry: Sendable {
    var service: Int
    /// The hosts of the service that share one rank; empty: any.
    var hosts: [HostPattern]
    var rank: Int
    var prefix: [UInt8]
    /// Equal for entries of equal rank and prefix.
    var group = 0
  }

  /// In order of declaration, as are their upstreams in a `LoopContext`.
  package let services: [ServedService]
  /// Whether any service defines its own error shape.
  let shapesErrors: Bool
  /// Whether any service merges consecutive slashes.
  let mergesSlashes: Bool
  /// Routes that don't reach a service because another one comes first, by service index.
  package let warnings: [(service: Int, text: String)]
  /// In order of preference.
  private let entries: [Entry]

  /// Orders the services.
  ///
  /// - Throws: `RouteConflictError` if entries with the same prefix and a host in common have
  ///   conflicting routes; their services are named before the methods.
  package init(_ services: [ServedService]) throws(RouteConflictError) {
    self.services = services
    self.shapesErrors = services.contains { $0.errors != nil }
    self.mergesSlashes = services.contains { $0.routing.mergesSlashes }
    var entries: [Entry] = []
    for (index, service) in services.enumerated() {
      let prefix = Array(service.prefix.utf8)
      let hosts = service.hosts.map(HostPattern.init)
      if hosts.isEmpty {
        entries.append(Entry(service: index, hosts: [], rank: HostPattern.anyRank, prefix: prefix))
      }
      for (rank, hosts) in Dictionary(grouping: hosts, by: \.rank) {
        entries.append(Entry(service: index, hosts: hosts, rank: rank, prefix: prefix))
      }
    }
    entries.sort { left, right in
      if left.rank != right.rank { return left.rank > right.rank }
      if left.prefix.count != right.prefix.count { return left.prefix.count > right.prefix.count }
      if left.prefix != right.prefix { return left.prefix.lexicographicallyPrecedes(right.prefix) }
      return left.service < right.service
    }
    for index in entries.indices.dropFirst() {
      let last = entries[index - 1]
      let isSame = last.prefix == entries[index].prefix && last.rank == entries[index].rank
      entries[index].group = isSame ? last.group : last.group + 1
    }
    self.entries = entries
    var clashes = ServiceConflicts(services)
    for group in entries.chunked(by: \.group) {
      clashes.add(group.map { (service: $0.service, hosts: $0.hosts) })
    }
    self.warnings = clashes.warnings
    let refused = clashes.refused
    guard refused.isEmpty else { throw RouteConflictError(clashes: refused) }
  }

  /// The destination of a request.
  package enum Choice {
    /// A route of a service.
    case route(service: Int, route: Int, prefixLength: Int)
    /// No service has this host and prefix.
    case noService
    /// The service may or may not have the path: its schema isn't available yet.
    case noSchema(service: Int)
    /// The service has no such path.
    case noRoute(service: Int, prefixLength: Int)
    /// The service has the path, but for other methods.
    case otherMethods(service: Int, allowed: [String])
  }

  /// Chooses a service and a route.
  ///
  /// - Parameters:
  ///   - authority: that of the absolute form, else the Host header; empty without either.
  ///   - path: from its leading `/`, as sent, without the query.
  package func choose(
    _ method: String, authority: RawSpan, path: RawSpan, _ scratch: inout RouteScratch
  ) -> Choice {
    var first: Entry?
    for entry in self.entries {
      if let first, entry.group != first.group { break }
      guard Self.matches(entry, authority: authority, path: path) else { continue }
      if first == nil { first = entry }
      let routes = self.services[entry.service].routes
      let prefixLength = entry.prefix.count
      let rest = path.extracting(droppingFirst: prefixLength)
      if let route = routes.match(method, rest, &scratch) {
        return .route(service: entry.service, route: route, prefixLength: prefixLength)
      }
      if routes.hasClosedRules, routes.reasonNotServed(method, rest, &scratch) != nil {
        return .noRoute(service: entry.service, prefixLength: prefixLength)
      }
    }
    guard let first else { return .noService }
    return self.explain(first, authority: authority, path: path, &scratch)
  }

  /// The destination of a gRPC call that is passed through.
  package struct CallChoice: Equatable {
    package var service: Int
    /// `/package.Service/Method`: the path without the service's prefix.
    package var callPath: String
  }

  /// Chooses the service for a gRPC call that is passed through; nil if there's none.
  ///
  /// By host and prefix as for other requests: the first service of the group whose schema has the
  /// method. gRPC clients can't specify a prefix, so a service with one is also reached without it if
  /// its schema has the method and the group's don't. A method that no schema has (reflection, health)
  /// goes to the first service of the group, or to the first one whose schema isn't available yet.
  package func chooseForCall(authority: RawSpan, path: String) -> CallChoice? {
    var first: CallChoice?
    var isFirstMissing = false
    var group = 0
    for entry in self.entries {
      if first != nil, entry.group != group { break }
      guard Self.matches(entry, authority: authority, path: unsafe path.utf8.span.bytes) else {
        continue
      }
      let rest = String(Substring(path.utf8.dropFirst(entry.prefix.count)))
      let choice = CallChoice(service: entry.service, callPath: rest)
      if self.services[entry.service].hasMethod(rest) { return choice }
      let isMissing = self.services[entry.service].missingSchema != nil
      if first == nil || (isMissing && !isFirstMissing) {
        first = choice
        group = entry.group
        isFirstMissing = isMissing
      }
    }
    for entry in self.entries where !entry.prefix.isEmpty {
      if self.services[entry.service].hasMethod(path),
        Self.hasHost(entry, authority: authority)
      {
        return CallChoice(service: entry.service, callPath: path)
      }
    }
    return first
  }

  /// The reason that a request that reached a group has no route there.
  @inline(never)
  private func explain(
    _ first: Entry, authority: RawSpan, path: RawSpan, _ scratch: inout RouteScratch
  ) -> Choice {
    let rest = path.extracting(droppingFirst: first.prefix.count)
    var allowed: Set<String> = []
    var service = first.service
    for entry in self.entries where entry.group == first.group {
      guard Self.matches(entry, authority: authority, path: path) else { continue }
      if self.services[entry.service].missingSchema != nil {
        return .noSchema(service: entry.service)
      }
      let methods = self.services[entry.service].routes.allowedMethods(rest, &scratch)
      if allowed.isEmpty, !methods.isEmpty { service = entry.service }
      allowed.formUnion(methods)
    }
    if !allowed.isEmpty { return .otherMethods(service: service, allowed: allowed.sorted()) }
    return .noRoute(service: first.service, prefixLength: first.prefix.count)
  }

  private static func matches(_ entry: Entry, authority: RawSpan, path: RawSpan) -> Bool {
    Self.hasPrefix(entry.prefix, path) && Self.hasHost(entry, authority: authority)
  }

  private static func hasHost(_ entry: Entry, authority: RawSpan) -> Bool {
    if entry.hosts.isEmpty { return true }
    for host in entry.hosts where host.matches(authority) { return true }
    return false
  }

  /// Whether the path begins with the prefix and a segment ends there.
  private static func hasPrefix(_ prefix: [UInt8], _ path: RawSpan) -> Bool {
    guard !prefix.isEmpty else { return true }
    guard path.byteCount >= prefix.count else { return false }
    for index in prefix.indices where path[index] != prefix[index] { return false }
    return path.byteCount == prefix.count || path[prefix.count] == UInt8(ascii: "/")
  }
}

extension Array {
  /// Splits into runs of adjacent elements that have the same value.
  fileprivate func chunked(by value: (Element) -> Int) -> [ArraySlice<Element>] {
    var chunks: [ArraySlice<Element>] = []
    var start = self.startIndex
    for index in self.indices where index > start && value(self[index]) != value(self[start]) {
      chunks.append(self[start..<index])
      start = index
    }
    if start < self.endIndex { chunks.append(self[start...]) }
    return chunks
  }
}
