internal import LocalFiles

extension Configuration {
  /// Loading a service's schema from its endpoint (gRPC server reflection).
  package struct Reflection: Sendable, Equatable {
    /// Absolute path of the descriptor cache, so that a start succeeds while the endpoint is down. Nil:
    /// none.
    package var cache: String?
    /// Interval of refreshes, besides one after each loss of connection. Default nil: none.
    package var refresh: Duration?
    /// Timeout of one exchange, including connecting. Default 10 s.
    package var timeout: Duration = .seconds(10)
    /// Full names of the services to serve; empty: all listed ones. Default empty.
    package var services: [String] = []

    package init() {}

    /// Default cache file, below the user's cache folder (XDG Base Directory Specification). Its name
    /// depends on the service and on what it requests: another endpoint has another file. Nil if there
    /// is no such folder.
    package static func standardCache(
      service: String, _ cluster: Cluster, services: [String] = [],
      environment: (String) -> String?
    ) -> String? {
      var folder: String?
      if let given = environment("XDG_CACHE_HOME"), given.hasPrefix("/") {
        folder = given
      } else if let home = environment("HOME"), home.hasPrefix("/") {
        folder = FilePaths.absolute(".cache", in: home)
      }
      let question = ([cluster.kind.description] + services.sorted()).joined(separator: "\n")
      let digest = String(StableHash.of(question.utf8), radix: 16)
      return folder.map { folder in
        FilePaths.absolute("\(Product.name)/\(service)-\(digest).binpb", in: folder)
      }
    }
  }
}

extension Configuration.Reflection {
  /// The keyword for the endpoint's own schema. A file of this name is `./reflection`.
  private static let word = "reflection"

  /// Reads the key `schemas`; nil if it names files.
  ///
  /// - Parameter isHTTP: whether the transport isn't gRPC, which reflection requires.
  init?(
    of service: SectionReader, name: String, _ cluster: Configuration.Cluster?, isHTTP: Bool
  ) {
    guard let node = service.node("schemas") else { return nil }
    self.init()
    var cache = CacheSetting.standard
    switch node.value {
    case .scalar(Self.word, _):
      break
    case .list(let nodes):
      let isMixed = nodes.contains { node in
        if case .scalar(Self.word, _) = node.value { return true }
        return false
      }
      guard isMixed else { return nil }
      service.fault(
        "schemas",
        "reflection can't be combined with files; write schemas: reflection, or ./reflection for a file of that name"
      )
    case .mapping:
      guard let outer = service.section("schemas") else { break }
      if let section = outer.section(Self.word) {
        cache = self.read(section)
      } else if outer.node(Self.word) == nil {
        outer.missing(Self.word, "write schemas: {reflection: {refresh: 30s}}, or paths")
      }
      outer.finish()
    case .scalar:
      return nil
    }
    if isHTTP {
      service.fault(
        "schemas",
        "reflection requires gRPC, which transport: {http-protobuf: …} doesn't use; name the "
          + ".proto files or descriptor sets")
    }
    if service.node("import_paths") != nil {
      service.fault("import_paths", "has no effect with schemas: reflection; leave it out")
    }
    switch cache {
    case .off: self.cache = nil
    case .file(let path): self.cache = path
    case .standard:
      self.cache = cluster.flatMap {
        Self.standardCache(
          service: name, $0, services: self.services, environment: service.context.environment
        )
      }
    }
  }

  private enum CacheSetting {
    case standard
    case off
    case file(String)
  }

  /// Reads the section `reflection` of `schemas`.
  private mutating func read(_ section: SectionReader) -> CacheSetting {
    section.duration("timeout", into: &self.timeout, example: "10s")
    if let refresh = section.duration("refresh") {
      if refresh < Self.shortestRefresh {
        section.fault("refresh", "an endpoint is polled at most once a second; write 1s or more")
      }
      self.refresh = refresh
    }
    let cache = section.value("cache", example: "bench.binpb") { text throws(ValueError) in
      guard !text.isEmpty, !text.hasSuffix("/") else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a file name; write a path such as bench.binpb, or off"
        )
      }
      return text == "off"
        ? CacheSetting.off : .file(section.context.absolute(text))
    }
    self.services =
      section.list("services", example: "acme.v1.Books") { text throws(ValueError) in
        try Self.serviceName(text)
      } ?? []
    section.finish()
    return cache ?? .standard
  }

  private static let shortestRefresh = Duration.seconds(1)

  /// Parses a full Protobuf name.
  private static func serviceName(_ text: String) throws(ValueError) -> String {
    let isName = text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.first?.isNumber == false
        && part.isAlphanumeric(or: "_")
    }
    guard isName, text.utf8.count <= 500 else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a service's full name; write one such as "
          + "acme.v1.Books")
    }
    return text
  }

  /// Reports services that share a cache file.
  static func checkCaches(_ services: [Configuration.Service], _ section: SectionReader) {
    var seen: Set<String> = []
    for service in services {
      guard let cache = service.reflection?.cache, !seen.insert(cache).inserted else { continue }
      section.faults.add(
        service.location, section.path(of: service.name) + ".schemas.self.cache",
        "\(cache) is already used by another service; give each its own")
    }
  }
}
