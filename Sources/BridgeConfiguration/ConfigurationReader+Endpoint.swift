/// The endpoints of a service: the key `endpoint` and those beside it that say how calls get there.
extension ConfigurationReader {
  /// Nil, and a fault, where no endpoint is named or what stands there can't be one.
  ///
  /// - Parameter isHTTP: whether messages go to it over HTTP/1.1.
  func cluster(
    _ service: SectionReader, folder: String, isHTTP: Bool
  ) -> Configuration.Cluster? {
    guard let node = service.node("endpoint") else {
      service.missing("endpoint", "write the gRPC server's host:port, such as 127.0.0.1:50051")
      return nil
    }
    let kind: Configuration.EndpointKind?
    if case .mapping = node.value {
      kind = service.section("endpoint").flatMap { self.endpointKind($0, folder: folder, isHTTP) }
    } else {
      kind = service.value("endpoint", example: "127.0.0.1:50051") { text throws(ValueError) in
        .static([
          Configuration.WeightedEndpoint(try ConfigurationValues.endpoint(text, folder: folder))
        ])
      }
    }
    let authority = service.value("authority", example: "bench.internal", Self.authority)
    let balance = self.balance(service)
    let connections = service.section("connections").map {
      self.connections($0, defaults: kind?.connections ?? Configuration.Connections())
    }
    let retry = service.section("retry").map(self.retry)
    let health = service.section("health").map(self.health)
    let tls = self.tls(service, folder: folder, isHTTP: isHTTP)
    guard let kind else { return nil }
    var cluster = Configuration.Cluster(kind, authority: authority ?? kind.authority)
    if let balance { cluster.balance = balance }
    cluster.connections = connections ?? kind.connections
    cluster.retry = retry
    if let health { cluster.health = health }
    cluster.tls = tls
    cluster.settle()
    return cluster
  }

  /// `{static: [...]}`: exactly one kind.
  private func endpointKind(
    _ section: SectionReader, folder: String, _ isHTTP: Bool
  ) -> Configuration.EndpointKind? {
    let faultsBefore = section.faults.list.count
    var kinds: [(key: String, kind: Configuration.EndpointKind)] = []
    if let endpoints = self.targets("static", of: section, folder: folder) {
      kinds.append(("static", .static(endpoints)))
    }
    if let dns = self.dns(section) { kinds.append(("dns", .dns(dns))) }
    let gateway = section.section("eas-gateway").flatMap { self.easGateway($0, isHTTP: isHTTP) }
    if let gateway { kinds.append(("eas-gateway", .easGateway(gateway))) }
    if let nlb = self.nlb(section) { kinds.append(("nlb", .nlb(nlb))) }
    if let eas = section.section("eas-direct").flatMap(self.easDirect) {
      kinds.append(("eas-direct", .easDirect(eas)))
    }
    let nacos = section.section("nacos").flatMap {
      self.nacos($0, folder: folder, isHTTP: isHTTP)
    }
    if let nacos { kinds.append(("nacos", .nacos(nacos))) }
    section.finish()
    if kinds.count > 1 {
      section.fault(kinds[1].key, "\(kinds[0].key) is there as well; keep one kind of endpoint")
    } else if kinds.isEmpty && section.faults.list.count == faultsBefore {
      section.faults.add(
        section.location, section.path,
        "no kind of endpoint; write one, such as {static: [127.0.0.1:50051]}")
    }
    return kinds.first?.kind
  }

  /// `host:port`, or that as `address`, or a service's name as `srv`, with `interval` and `timeout`.
  private func dns(_ section: SectionReader) -> Configuration.DNS? {
    guard let node = section.node("dns") else { return nil }
    let example = "bench.internal:50051"
    let address = { (text: String) throws(ValueError) in
      let endpoint = try ConfigurationValues.endpoint(text)
      guard case .tcp(let host, let port) = endpoint.address else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is no name to look up; write one such as \(example)")
      }
      return Configuration.DNS(.host(host, port: port))
    }
    guard case .mapping = node.value else {
      return section.value("dns", example: example, address)
    }
    guard let settings = section.section("dns") else { return nil }
    let byAddress = settings.value("address", example: example, address)
    let byService = settings.value("srv", example: "_grpc._tcp.bench.internal", Self.serviceName)
    switch (settings.node("address") == nil, settings.node("srv") == nil) {
    case (true, true): settings.missing("address", "write one such as \(example)")
    case (false, false): settings.fault("srv", "address is there as well; keep one of them")
    case (true, false), (false, true): break
    }
    var dns = byAddress ?? byService
    var interval = Configuration.DNS.usualInterval
    Self.duration("interval", in: settings, &interval)
    dns?.interval = interval
    var timeout = Configuration.DNS.usualTimeout
    Self.duration("timeout", in: settings, &timeout)
    dns?.timeout = timeout
    settings.finish()
    return dns
  }

  /// `_service._protocol.name` (RFC 2782).
  private static func serviceName(_ text: String) throws(ValueError) -> Configuration.DNS {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    let name = labels.dropFirst(2).joined(separator: ".")
    let areMarked = labels.prefix(2).allSatisfy { $0.hasPrefix("_") && $0.utf8.count > 1 }
    guard labels.count > 2, areMarked, !name.contains(":"),
      (try? ConfigurationValues.host(name)) != nil, text.utf8.count <= 253
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is no name of SRV records; write it as "
          + "_service._protocol.name, such as _grpc._tcp.bench.internal")
    }
    return Configuration.DNS(.service(text))
  }

  /// A list of addresses, each alone or with a weight: `[a:1, {address: b:1, weight: 3}]`. Nil where
  /// the key isn't there or nothing in it is right.
  private func targets(
    _ key: String, of section: SectionReader, folder: String
  ) -> [Configuration.WeightedEndpoint]? {
    guard let node = section.node(key) else { return nil }
    let path = section.path(of: key)
    let example = "127.0.0.1:50051"
    let address = { (text: String) throws(ValueError) in
      try ConfigurationValues.endpoint(text, folder: folder)
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
        guard
          let target = SectionReader(
            node, path: path, location: node.location, faults: section.faults)
        else { continue }
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

  /// A host with or without a port (RFC 9110 §7.2).
  private static func authority(_ text: String) throws(ValueError) -> String {
    try ConfigurationValues.host(text)
  }
}
