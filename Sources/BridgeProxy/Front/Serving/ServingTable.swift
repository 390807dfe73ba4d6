internal import Codec

/// All service entries, by host and path prefix, frozen; a reload swaps the whole.
///
/// Entries with a matching host are preferred to those for any host, then the longest prefix wins.
/// Several entries with the same hosts and prefix are served side by side: the first one that has a
/// route for the request takes it, and routes that clash between them are refused at load.
package final class ServingTable: Sendable {
  /// An entry with what it's chosen by.
  private struct Entry: Sendable {
    var service: Int
    /// Lower case, with whether a port is part of it.
    var hosts: [(bytes: [UInt8], hasPort: Bool)]
    var prefix: [UInt8]
    /// The same for entries of equal rank and prefix.
    var group: Int
  }

  /// In order of declaration: the places of their upstreams in a `LoopContext`.
  package let services: [ServedService]
  /// Whether any service has errors of a shape of its own.
  let shapesErrors: Bool
  /// Whether any service takes several slashes in a row for one.
  let mergesSlashes: Bool
  /// In order of preference.
  private let entries: [Entry]

  /// Orders the services.
  ///
  /// - Throws: `RouteClashes` where entries with the same prefix and a host in common have routes
  ///   that clash; their services are named in front of the methods.
  package init(_ services: [ServedService]) throws(RouteClashes) {
    self.services = services
    self.shapesErrors = services.contains { $0.errors != nil }
    self.mergesSlashes = services.contains { $0.routing.mergesSlashes }
    let ordered = services.indices.sorted { left, right in
      let (left, right) = (services[left], services[right])
      if left.hosts.isEmpty != right.hosts.isEmpty { return right.hosts.isEmpty }
      if left.prefix.utf8.count != right.prefix.utf8.count {
        return left.prefix.utf8.count > right.prefix.utf8.count
      }
      return left.prefix < right.prefix
    }
    var entries: [Entry] = []
    for index in ordered {
      let service = services[index]
      let hosts = service.hosts.map { host in
        (bytes: host.utf8.map(ASCII.lowercased), hasPort: Self.portStart(Array(host.utf8)) != nil)
      }
      let prefix = Array(service.prefix.utf8)
      var group = 0
      if let last = entries.last {
        let isSame = last.prefix == prefix && last.hosts.isEmpty == hosts.isEmpty
        group = isSame ? last.group : last.group + 1
      }
      entries.append(Entry(service: index, hosts: hosts, prefix: prefix, group: group))
    }
    self.entries = entries
    try Self.refuseClashes(entries, services)
  }

  /// Where a request goes.
  package enum Choice {
    /// A route of a service.
    case route(service: Int, route: Int, prefixLength: Int)
    /// No service has this host and prefix.
    case noService
    /// The service may have the path or not: its schema isn't there yet.
    case noSchema(service: Int)
    /// The service has no such path.
    case noRoute(service: Int, prefixLength: Int)
    /// The service has the path for other methods.
    case otherMethods(service: Int, allowed: [String])
  }

  /// Chooses service and route.
  ///
  /// - Parameters:
  ///   - authority: of the absolute form, else the Host header; empty without either.
  ///   - path: from its leading `/`, as it was sent, without the query.
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
    }
    guard let first else { return .noService }
    return self.explain(first, authority: authority, path: path, &scratch)
  }

  /// Where a gRPC call goes that is passed through.
  package struct CallChoice: Equatable {
    package var service: Int
    /// `/package.Service/Method`: the path without the service's prefix.
    package var callPath: String
  }

  /// Chooses the service for a gRPC call that is passed through; nil where there's none.
  ///
  /// By host and prefix as for other requests: the first one of the group whose schema has the
  /// method. gRPC clients can't write a prefix, so a service with one is also reached without it where
  /// its schema has the method and the group's don't. A method that no schema has (reflection, health)
  /// goes to the first service of the group, or to the first one whose schema isn't there yet.
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

  /// Why a request that reached a group has no route there.
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
    for host in entry.hosts where Self.isSame(host.bytes, hasPort: host.hasPort, authority) {
      return true
    }
    return false
  }

  /// Whether the path begins with the prefix and a segment ends there.
  private static func hasPrefix(_ prefix: [UInt8], _ path: RawSpan) -> Bool {
    guard !prefix.isEmpty else { return true }
    guard path.byteCount >= prefix.count else { return false }
    for index in prefix.indices where path[index] != prefix[index] { return false }
    return path.byteCount == prefix.count || path[prefix.count] == UInt8(ascii: "/")
  }

  /// Compares a host without regard to case, and without regard to the port where none was configured.
  private static func isSame(_ host: [UInt8], hasPort: Bool, _ authority: RawSpan) -> Bool {
    guard authority.byteCount >= host.count else { return false }
    for index in host.indices where ASCII.lowercased(authority[index]) != host[index] {
      return false
    }
    if authority.byteCount == host.count { return true }
    guard !hasPort, authority[host.count] == UInt8(ascii: ":") else { return false }
    for index in host.count + 1..<authority.byteCount {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(authority[index]) else {
        return false
      }
    }
    return true
  }

  /// Where the port of a host begins; colons inside the brackets of an IPv6 address are none.
  private static func portStart(_ host: [UInt8]) -> Int? {
    guard let colon = host.lastIndex(of: UInt8(ascii: ":")) else { return nil }
    guard let bracket = host.lastIndex(of: UInt8(ascii: "]")) else { return colon }
    return colon > bracket ? colon : nil
  }

  private static func refuseClashes(
    _ entries: [Entry], _ services: [ServedService]
  ) throws(RouteClashes) {
    var clashes: [RouteClash] = []
    for (index, first) in entries.enumerated() {
      for second in entries[(index + 1)...] {
        guard second.group == first.group else { break }
        let isShared =
          first.hosts.isEmpty
          || first.hosts.contains { host in second.hosts.contains { $0.bytes == host.bytes } }
        guard isShared else { continue }
        clashes += Self.clashes(services, first.service, second.service)
      }
    }
    guard clashes.isEmpty else { throw RouteClashes(clashes: clashes) }
  }

  private static func clashes(
    _ services: [ServedService], _ firstIndex: Int, _ secondIndex: Int
  ) -> [RouteClash] {
    let first = services[firstIndex]
    let second = services[secondIndex]
    var builder = RouteTreeBuilder()
    let routes = first.routes.routes + second.routes.routes
    let boundary = first.routes.routes.count
    var clashes: [RouteClash] = []
    for (index, route) in routes.enumerated() {
      let other = builder.insert(index, method: route.httpMethod, route.template)
      guard let other, other < boundary else { continue }
      clashes.append(
        RouteClash(
          httpMethod: route.httpMethod, first: Self.side(routes[other], of: first),
          second: Self.side(route, of: second), service: secondIndex))
    }
    return clashes
  }

  private static func side(_ route: Route, of service: ServedService) -> RouteClash.Side {
    RouteClash.Side(
      method: "\(route.name) in service \(service.name)", template: route.template.text,
      file: route.source)
  }
}
