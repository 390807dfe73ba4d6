package import Codec
internal import LocalFiles
package import Routing

extension Configuration {
  /// A set of schemas and the endpoints that serve them.
  package struct Service: Sendable {
    /// Configured name, unique; for logs and errors.
    package var name: String
    /// `Host` values or absolute-form authorities that select it, in lower case, with a port only if one
    /// was given; empty: any.
    package var hosts: [String]
    /// A path prefix that selects it and is stripped before matching: `/bench`; empty: none.
    package var prefix: String
    /// Schema files or folders, absolute (relative to the config file's folder).
    package var schemas: [String]
    /// If set, the schema comes from the endpoint, and `schemas` is empty. Default nil.
    package var reflection: Reflection?
    /// Location of the schemas in the configuration file, for messages; nil if there is no file.
    package var location: TextLocation?
    /// Folders searched for imports of `.proto` files besides the folder of each file.
    package var importPaths: [String]
    package var cluster: Cluster
    /// Additional endpoint groups, which `choose` selects. Default: none.
    package var alternatives: [EndpointGroup] = []
    /// Rules that select a group. Default: none, so that all calls go to `cluster`.
    package var choose: [GroupRule] = []
    /// Nil: gRPC. Default nil.
    package var transport: HTTPProtobuf?
    /// Timeout of a unary call, which ends it with 504; a shorter client deadline applies. Default 30 s.
    package var timeout: Duration
    /// Metadata added to every call; names in lower case.
    package var metadata: [(name: String, value: String)]
    package var auth: Auth?
    package var encode = EncodeOptions()
    package var decode = DecodeOptions()
    package var compression = Compression()
    /// Nil: browsers block pages of other origins. Default nil.
    package var cors: CORS?
    /// Default: all fields.
    package var headers = HeaderRules()
    /// Default append.
    package var forwarded = Forwarded.append
    /// Whether every method, with or without an HTTP rule, is served as `POST /package.Service/Method`.
    /// Default on.
    package var mapsMethodsByName = true
    package var stream = Stream()
    /// Nil: google.rpc.Status in JSON. Default nil.
    package var errors: Errors?
    /// Rules that replace those of the schemas. Default: none.
    package var httpRules: [HTTPRuleSetting] = []
    /// Parsing of paths and queries.
    package var routing = RoutingOptions()
    /// Leniency towards requests that don't match their rules exactly.
    package var requests = RequestOptions()
    /// Name of the initial metadata field that sets the HTTP status of the response, in lower case.
    /// Default nil.
    package var statusHeader: String?

    package init(
      name: String, hosts: [String] = [], prefix: String = "", schemas: [String],
      importPaths: [String] = [], cluster: Cluster, timeout: Duration = .seconds(30),
      metadata: [(name: String, value: String)] = [], auth: Auth? = nil
    ) {
      self.name = name
      self.hosts = hosts
      self.prefix = prefix
      self.schemas = schemas
      self.importPaths = importPaths
      self.cluster = cluster
      self.timeout = timeout
      self.metadata = metadata
      self.auth = auth
    }

    /// A service with one endpoint.
    package init(
      name: String, hosts: [String] = [], prefix: String = "", schemas: [String],
      importPaths: [String] = [], endpoint: Endpoint, timeout: Duration = .seconds(30),
      metadata: [(name: String, value: String)] = [], auth: Auth? = nil
    ) {
      self.init(
        name: name, hosts: hosts, prefix: prefix, schemas: schemas, importPaths: importPaths,
        cluster: Cluster(endpoint), timeout: timeout, metadata: metadata, auth: auth)
    }
  }
}

extension Configuration.Service {
  /// Whether calls carry `via`; `deny` can list it.
  package var sendsVia: Bool { !self.headers.denies(byName: "via") }
}

extension Configuration.Service {
  /// Reads the section `services`. Services may share a host and a prefix; conflicts between them are
  /// detected once their routes are known.
  static func list(of top: SectionReader) -> [Self] {
    guard let section = top.section("services") else {
      if top.node("services") == nil {
        top.missing("services", "write at least one service with its schemas and its endpoint")
      }
      return []
    }
    if section.members.isEmpty {
      section.faults.add(
        section.location, section.path,
        "no services; write at least one, with schemas and an endpoint"
      )
    }
    var services: [Self] = []
    for member in section.members {
      let path = section.path(of: member.key)
      section.checkName(of: member)
      guard
        let reader = section.section(of: member.value, path: path, location: member.keyLocation),
        let service = Self(reader, name: member.key)
      else { continue }
      services.append(service)
    }
    Configuration.Reflection.checkCaches(services, section)
    return services
  }

  /// Nil if there are no schemas. A missing or invalid endpoint is reported and replaced by an address
  /// that can't be called, so that the schemas can still be checked.
  private init?(_ section: SectionReader, name: String) {
    let hosts =
      section.list("hosts", example: "bench.internal", ConfigurationValues.hostPattern) ?? []
    Self.checkRepeated(hosts, key: "hosts", in: section)
    let prefix = section.value("prefix", example: "/bench", ConfigurationValues.prefix)
    let schemasLocation = section.node("schemas")?.location
    let transport = TransportSetting(of: section, name: name)
    var cluster = Configuration.Cluster(of: section, isHTTP: transport.isHTTP)
    let reflection = Configuration.Reflection(
      of: section, name: name, cluster, isHTTP: transport.isHTTP)
    let schemas =
      reflection == nil ? Self.paths("schemas", of: section, mustBeFolders: false) : []
    let importPaths = Self.paths("import_paths", of: section, mustBeFolders: true)
    let timeout = section.duration("timeout")
    let metadata = section.section("metadata").map(Self.metadata) ?? []
    let auth = Configuration.Auth(
      of: section, metadata: metadata.map(\.name), isHTTP: transport.isHTTP)
    let json = section.section("json").map(JSONOptions.init)
    let headers = section.section("headers").map(Configuration.HeaderRules.init)
    let forwarded = Configuration.Forwarded(of: section)
    let cors = section.section("cors").flatMap(Configuration.CORS.init)
    let compression = section.section("compression").map(Configuration.Compression.init)
    let mapsByName = section.flag("map_by_name")
    let errors = section.section("errors").map(Configuration.Errors.init)
    let stream = section.section("stream").map(Configuration.Stream.init)
    let mapping = section.section("http").map(HTTPMapping.init)
    let statusHeader = Self.statusHeader(section)
    let rules = HTTPRuleSetting.list(of: section)
    let http = transport.complete(of: section, cluster: &cluster, compression: compression)
    let alternatives = Configuration.EndpointGroup.alternatives(
      of: section,
      .init(cluster: cluster, auth: auth, transport: transport, metadata: metadata.map(\.name)))
    let choose = Configuration.GroupRule.list(of: section, among: alternatives.map(\.name))
    if section.node("schemas") == nil {
      section.missing(
        "schemas",
        "write the .proto files, descriptor sets or folders of them, or reflection to use the endpoint's own"
      )
    }
    section.finish()
    guard let schemas else { return nil }
    self.init(
      name: name, hosts: hosts, prefix: prefix ?? "", schemas: schemas,
      importPaths: importPaths ?? [],
      cluster: cluster ?? Configuration.Cluster(Configuration.Endpoint(host: "", port: 0)),
      timeout: timeout ?? .seconds(30), metadata: metadata, auth: auth)
    self.location = schemasLocation
    self.reflection = reflection
    self.transport = http
    self.alternatives = alternatives
    self.choose = choose
    if let json { (self.encode, self.decode) = (json.encode, json.decode) }
    if let headers { self.headers = headers }
    if let forwarded { self.forwarded = forwarded }
    self.cors = cors
    if let compression { self.compression = compression }
    if let mapsByName { self.mapsMethodsByName = mapsByName }
    if let stream { self.stream = stream }
    self.errors = errors
    self.statusHeader = statusHeader
    self.httpRules = rules
    mapping?.apply(to: &self)
  }
}

// MARK: - Parts

extension Configuration.Service {
  /// Reads paths, which must exist, and makes them absolute. Nil if the key is missing.
  private static func paths(
    _ key: String, of section: SectionReader, mustBeFolders: Bool
  ) -> [String]? {
    let example = mustBeFolders ? "protos" : "schemas/a.proto"
    return section.list(key, example: example) { text throws(ValueError) in
      let path = section.context.absolute(text)
      do throws(FileError) {
        if try section.context.files.kind(path) != .folder, mustBeFolders {
          throw FileError(description: "is not a folder")
        }
      } catch {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)): \(error) (looked for \(path))")
      }
      return path
    }
  }

  private static func checkRepeated(_ hosts: [String], key: String, in section: SectionReader) {
    var seen: Set<String> = []
    for host in hosts where !seen.insert(host).inserted {
      section.fault(key, "\(ConfigurationValues.quoted(host)) appears twice; keep one")
    }
  }

  private static func metadata(_ section: SectionReader) -> [(name: String, value: String)] {
    var metadata: [(name: String, value: String)] = []
    var names: Set<String> = []
    for member in section.members {
      let name = member.key.lowercased()
      if let reason = MetadataRules.fault(name: name) {
        section.faults.add(member.keyLocation, section.path(of: member.key), reason)
      } else if !names.insert(name).inserted {
        section.faults.add(
          member.keyLocation, section.path(of: member.key),
          "written twice (upper and lower case are the same); keep one")
      }
      let value = section.value(member.key, example: "legacy") { text throws(ValueError) in
        if let reason = MetadataRules.fault(value: text, of: name) { throw ValueError(reason) }
        return text
      }
      if let value { metadata.append((name, value)) }
    }
    return metadata
  }

  /// Reads the key `status_header`.
  private static func statusHeader(_ section: SectionReader) -> String? {
    section.value("status_header", example: "x-http-code") { text throws(ValueError) in
      let name = text.lowercased()
      if let reason = MetadataRules.fault(name: name) {
        throw ValueError("\(ConfigurationValues.quoted(text)): \(reason)")
      }
      return name
    }
  }
}

extension SectionReader {
  /// Checks a user-defined name. It appears in logs, so only characters that need no quotes are allowed.
  func checkName(of member: YAMLNode.Entry) {
    let name = member.key
    if !(1...64).contains(name.utf8.count) || !name.isAlphanumeric(or: "-_.") {
      self.faults.add(
        member.keyLocation, self.path(of: name),
        "not a name; write up to 64 letters, digits, -, _ or .")
    }
  }
}
