package import Codec
package import Routing

extension Configuration {
  /// One group of schemas and the endpoint that serves them.
  package struct Service: Sendable {
    /// The user's name for it, unique; for logs and errors.
    package var name: String
    /// `Host` values or absolute-form authorities that choose it, lower case, without port unless
    /// one was given; empty: any.
    package var hosts: [String]
    /// A path prefix that chooses it and is stripped before matching: `/bench`; empty: none.
    package var prefix: String
    /// Schema files or folders, made absolute against the config file's folder.
    package var schemas: [String]
    /// Set: the schema is the endpoint's own, and `schemas` is empty. Default nil.
    package var reflection: Reflection?
    /// Where the configuration file names the schemas; nil for one that came from elsewhere. For
    /// messages about them.
    package var location: TextLocation?
    /// Folders that imports of `.proto` files are looked up in, besides the folder of each file.
    package var importPaths: [String]
    package var cluster: Cluster
    /// Further endpoints, which calls go to by `choose`. Default: none.
    package var alternatives: [EndpointGroup] = []
    /// Default: none, so that all calls go to `cluster`.
    package var choose: [GroupRule] = []
    /// Nil: gRPC. Default nil.
    package var transport: HTTPProtobuf?
    /// When a unary call ends with 504; the client's own deadline counts if it's shorter. Default 30 s.
    package var timeout: Duration
    /// Added to every call; names in lower case.
    package var metadata: [(name: String, value: String)]
    package var auth: Auth?
    package var encode = EncodeOptions()
    package var decode = DecodeOptions()
    package var compression = Compression()
    /// Nil: browsers keep pages of other origins out. Default nil.
    package var cors: CORS?
    /// Default: all of them.
    package var headers = HeaderRules()
    /// Default append.
    package var forwarded = Forwarded.append
    /// Whether a method without an HTTP rule (and with one, too) is served as
    /// `POST /package.Service/Method`. Default on.
    package var mapsMethodsByName = true
    package var stream = Stream()
    /// Nil: as google.rpc.Status says, in JSON. Default nil.
    package var errors: Errors?
    /// Rules that hold instead of those that the schemas have. Default: none.
    package var httpRules: [HTTPRuleSetting] = []
    /// How paths and queries are read.
    package var routing = RoutingOptions()
    /// How requests are read that aren't quite what their rules say.
    package var requests = RequestOptions()
    /// The field of a reply's initial metadata that is the HTTP status of its answer, in lower case.
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
  /// Whether calls carry `via`: it can be denied by its name.
  package var sendsVia: Bool { !self.headers.denies(byName: "via") }
}

extension ConfigurationReader {
  /// The key `status_header` of a service.
  func statusHeader(_ service: SectionReader) -> String? {
    service.value("status_header", example: "x-http-code") { text throws(ValueError) in
      let name = text.lowercased()
      if let reason = MetadataRules.fault(name: name) {
        throw ValueError("\(ConfigurationValues.quoted(text)): \(reason)")
      }
      return name
    }
  }
}
