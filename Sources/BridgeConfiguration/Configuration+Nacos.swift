extension Configuration {
  /// Endpoints registered as instances of a service in Nacos (`endpoint: {nacos: {…}}`).
  package struct Nacos: Sendable {
    /// Protocol of the registry.
    package enum Access: String, Sendable, CaseIterable {
      /// Subscription over gRPC, with changes pushed immediately. Nacos 2.x and 3.x.
      case grpc
      /// Polling over HTTP. Nacos 1.x, 2.x, and 3.x in its default configuration.
      case httpV1 = "http-v1"
      /// Polling over HTTP. Nacos 2.x; 3.x rejects it unless configured otherwise.
      case httpV2 = "http-v2"
      /// Polling over HTTP. Nacos 3.x.
      case httpV3 = "http-v3"
    }

    /// Credentials for the registry.
    package enum Credentials: Sendable {
      /// None: a registry without access control.
      case none
      /// A user of the registry, who gets a token by logging in.
      case password(username: String, password: SecretSource)
      /// An Alibaba Cloud access key, which each request is signed with.
      case key(access: SecretSource, secret: SecretSource)
    }

    /// HTTP addresses of the registry. If one fails, the next is tried. At least one.
    package var servers: [Endpoint]
    /// The service's name, without its group.
    package var service: String
    /// Default `public`.
    package var namespace = "public"
    /// Default `pai-eas`, where PAI-EAS registers services.
    package var group = "pai-eas"
    /// Clusters whose instances are used; empty: all. Default empty.
    package var clusters: [String] = []
    package var access = Access.grpc
    /// Offset of a server's gRPC port from its HTTP port. Default 1000.
    package var grpcPortOffset = 1000
    /// Prefix of HTTP paths; empty: none. Default `/nacos`.
    package var contextPath = "/nacos"
    package var credentials = Credentials.none
    /// Polling interval over HTTP; nil: what the registry returns, else 10 s. Default nil.
    package var pollInterval: Duration?
    /// Port to call instead of the registered one; nil: the registered one. Default nil.
    package var port: Int?
    /// Key in an instance's metadata of its gRPC port, which is called if it's there; nil: none. Default
    /// `gRPC_port`, which gRPC starters for Spring set.
    package var portMetadata: String? = Self.usualPortMetadata

    static let usualPortMetadata = "gRPC_port"

    package init(servers: [Endpoint], service: String) {
      self.servers = servers
      self.service = service
    }
  }
}

extension Configuration.Nacos: CustomStringConvertible {
  /// For logs: `nacos pai-eas/infer (10.0.0.9:8848)`.
  package var description: String {
    let servers = self.servers.map(\.description).joined(separator: ", ")
    let namespace = self.namespace == "public" ? "" : "\(self.namespace)/"
    return "nacos \(namespace)\(self.group)/\(self.service) (\(servers))"
  }
}

extension Configuration.Nacos {
  /// Reads the section `nacos` of an endpoint; nil, with an error reported, if servers or service are
  /// missing or invalid.
  ///
  /// - Parameter isHTTP: whether messages are sent to the instances over HTTP/1.1.
  init?(_ section: SectionReader, isHTTP: Bool) {
    let servers = section.list("servers", example: "nacos.internal:8848", Self.server)
    if section.node("servers") == nil {
      section.missing("servers", "write the registry's servers, such as nacos.internal:8848")
    }
    let name = { (text: String) throws(ValueError) in try Self.name(text) }
    let service = section.value("service", example: "infer", name)
    if section.node("service") == nil {
      section.missing("service", "write the service's name in the registry")
    }
    self.init(servers: servers ?? [], service: service ?? "")
    if let namespace = section.value("namespace", example: "public", name) {
      self.namespace = namespace
    }
    if let group = section.value("group", example: "pai-eas", name) { self.group = group }
    if let clusters = section.list("clusters", example: "DEFAULT", name) {
      self.clusters = clusters
    }
    section.choice(
      "protocol", into: &self.access,
      ["grpc": .grpc, "http-v1": .httpV1, "http-v2": .httpV2, "http-v3": .httpV3])
    section.integer("grpc_port_offset", into: &self.grpcPortOffset, example: "1000", in: 0...64_000)
    let context = section.value("context_path", example: "/nacos") { text throws(ValueError) in
      text.isEmpty || text == "/" ? "" : try ConfigurationValues.prefix(text)
    }
    if let context { self.contextPath = context }
    self.pollInterval = section.pollInterval("poll_interval", example: "10s")
    self.port = section.portOverride()
    // The gRPC port doesn't accept HTTP/1.1.
    if isHTTP { self.portMetadata = nil }
    let entry = section.value("port_metadata", example: "gRPC_port") { text throws(ValueError) in
      try Self.metadataEntry(text)
    }
    if let entry { self.portMetadata = entry == "off" ? nil : entry }
    if self.port != nil, entry != nil, entry != "off" {
      section.fault("port_metadata", "port is set too, and applies to all instances; keep one")
    }
    self.credentials = Credentials(section)
    section.finish()
    if self.access == .grpc, let last = self.servers.compactMap(\.port).max(),
      last + self.grpcPortOffset > 65_535
    {
      section.fault(
        "servers", "the gRPC port would be \(last + self.grpcPortOffset); see grpc_port_offset")
    }
    if self.access == .grpc, self.pollInterval != nil {
      section.fault(
        "poll_interval", "over gRPC the registry pushes changes; leave it out, or set protocol")
    }
    guard let servers, !servers.isEmpty, service != nil else { return nil }
  }

  /// Parses a metadata key, or `off`.
  private static func metadataEntry(_ text: String) throws(ValueError) -> String {
    guard (1...256).contains(text.utf8.count),
      text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a metadata key; write one such "
          + "as gRPC_port, or off")
    }
    return text
  }

  /// Parses `host` or `host:port`; the registry's default port is 8848.
  private static func server(_ text: String) throws(ValueError) -> Configuration.Endpoint {
    if let scheme = ["http://", "https://"].first(where: text.hasPrefix) {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)): write it without \(scheme), such as "
          + "nacos.internal:8848")
    }
    _ = try ConfigurationValues.host(text)
    let hasPort = text.hasPrefix("[") ? text.contains("]:") : text.contains(":")
    return try ConfigurationValues.endpoint(hasPort ? text : "\(text):8848")
  }

  /// Parses a name in the registry. On the wire `@@` separates group and service, `,` clusters.
  private static func name(_ text: String) throws(ValueError) -> String {
    guard (1...256).contains(text.utf8.count),
      text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && $0 != "," })
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a name in a registry; blanks and commas aren't allowed"
      )
    }
    guard !text.contains("@@") else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)): write the part before @@ as group, and the rest as "
          + "service")
    }
    return text
  }
}

extension Configuration.Nacos.Credentials {
  /// Reads the credentials in the section `nacos`.
  fileprivate init(_ section: SectionReader) {
    let username = section.value("username", example: "bridge") { text throws(ValueError) in
      guard (1...256).contains(text.utf8.count) else {
        throw ValueError("write the name of a user of the registry")
      }
      return text
    }
    let password = Configuration.SecretSource(
      "password", of: section, example: "NACOS_PASSWORD", for: .other)
    let access = Configuration.SecretSource(
      "access_key", of: section, example: "NACOS_ACCESS_KEY", for: .header)
    let secret = Configuration.SecretSource(
      "secret_key", of: section, example: "NACOS_SECRET_KEY", for: .other)
    let has = { (key: String) in
      section.node("\(key)_env") != nil || section.node("\(key)_file") != nil
    }
    let hasUser = section.node("username") != nil
    if hasUser || has("password"), has("access_key") || has("secret_key") {
      section.fault(
        hasUser ? "username" : "password_env", "a key is set too; keep one of them")
    }
    if hasUser, !has("password") {
      section.missing("password_env", "name the environment variable that holds the password")
    }
    if has("password"), !hasUser {
      section.missing("username", "write the user of the password")
    }
    if has("access_key"), !has("secret_key") {
      section.missing("secret_key_env", "name the environment variable that holds the secret key")
    }
    if has("secret_key"), !has("access_key") {
      section.missing("access_key_env", "name the environment variable that holds the key's name")
    }
    if let username, let password {
      self = .password(username: username, password: password)
    } else if let access, let secret {
      self = .key(access: access, secret: secret)
    } else {
      self = .none
    }
  }
}
