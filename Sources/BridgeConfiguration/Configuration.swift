package import Addresses
package import Codec
package import Routing

/// Everything that can be set, as it holds once it has been read and found right.
///
/// A `Configuration` that exists is valid: `ConfigurationReader` refuses what isn't, all faults at
/// once. Durations carry their unit in their type; byte counts say so in their names.
package struct Configuration: Sendable {
  /// Where clients connect. At least one.
  package var listen: [ListenAddress]
  /// Nil: all listeners are in the clear. Default nil.
  package var tls: ListenerTLS?
  /// Where `/healthz` and `/readyz` answer; nil: nowhere.
  package var admin: ListenAddress?
  /// Names that a listener on loopback serves besides those that can only be meant for it; see
  /// `TrustedHosts`. Default: none.
  package var trustedHosts: [String] = []
  package var services: [Service]
  package var limits = Limits()
  /// One line per request on standard output. Default on.
  package var writesAccessLog = true
  /// Event loops; nil: one per core.
  package var threads: Int?
  /// How long SIGTERM waits for what is in flight. Default 30 s.
  package var drainTimeout: Duration = .seconds(30)
  /// How long after SIGTERM everything is still served, new connections too, while `/readyz` says that
  /// the end is near. Default 0.
  package var drainDelay: Duration = .zero

  package init(listen: [ListenAddress], admin: ListenAddress? = nil, services: [Service]) {
    self.listen = listen
    self.admin = admin
    self.services = services
  }
}

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

  /// How requests are read that aren't quite what their rules say.
  package struct RequestOptions: Sendable, Equatable {
    /// Whether bodies are JSON whatever their `Content-Type` says. Default no.
    package var takesAnyContentType = false
    /// Whether a body is passed over where the rule has none. Default no.
    package var ignoresUnexpectedBody = false
    /// Whether a POST with `X-HTTP-Method-Override: GET` and a form as its body is the GET whose query
    /// that form is. Default no.
    package var overridesMethods = false

    package init() {}
  }

  /// How server streams are answered.
  package struct Stream: Sendable {
    /// The format, whatever the client asks for; nil: by its `Accept`. Default nil.
    package var format: StreamFormat?
    /// Events (`text/event-stream`): a comment is sent when nothing was for this long, so that what is
    /// in between doesn't take the connection for dead. Also how long the answer's head waits for the
    /// first message, by whose absence an error still gets a status of its own. Zero: never. Default 15 s.
    package var heartbeat: Duration = .seconds(15)
    /// When a call that streams, whichever way, ends with DEADLINE_EXCEEDED; the client's own deadline
    /// counts if it's shorter. Longer than a unary call's, because a stream may be slow without being
    /// stuck. Default 10 min.
    package var timeout: Duration = .seconds(600)
    /// Events: the data of a last event where the stream ended well, such as `[DONE]`; nil: none.
    package var done: String?
    /// Whether each message is the member `result` of an object, and an error the member `error`.
    /// Default no.
    package var hasEnvelope = false

    package init() {}
  }

  /// A value that never prints itself.
  package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The value, for the header that needs it and nothing else.
    package let revealed: String

    package init(_ value: String) {
      self.revealed = value
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
  }

  /// A secret, and where it's read again while the bridge runs.
  package struct SecretSource: Sendable {
    /// As it was when it was last read.
    package var secret: Secret
    /// The file that holds it, absolute; nil: it stays what it is.
    package var file: String?

    package init(_ secret: Secret, file: String? = nil) {
      self.secret = secret
      self.file = file
    }
  }

  /// Bounds on what one request, connection or endpoint can make the process hold or do.
  package struct Limits: Sendable {
    /// Request body in bytes. Stops one request from filling memory. Default 4 MiB.
    package var requestBodyBytes = 4 << 20
    /// How many times its size a compressed request body may become, once it has become more than
    /// `Inflater.freeByteCount`. Stops a small body from unfolding into a large one (a zip bomb);
    /// deflate can do 1,032 times. Default 200.
    package var inflationRatio = 200
    /// One reply message in bytes. Stops an endpoint from filling memory. Default 64 MiB.
    package var replyBytes = 64 << 20
    /// Request line and header fields of a request in bytes. Default 64 KiB.
    package var headBytes = 64 << 10
    /// Header fields of a request. Default 100.
    package var headFields = 100
    /// A client connection without a request is closed after this. Default 600 s.
    package var idleTimeout: Duration = .seconds(600)
    /// A request that has begun must be complete within this (slow clients). Default 60 s.
    package var requestReadTimeout: Duration = .seconds(60)
    /// A client that takes nothing of what it's sent is closed after this. Stops clients that ask for much
    /// and never read from holding memory. Default 60 s.
    package var responseWriteTimeout: Duration = .seconds(60)
    /// A client that has closed its sending side may still wait for its answer, or may be gone: TCP
    /// can't tell. It's taken for gone when it got nothing for this long, and its call is cancelled.
    /// Default 10 s.
    package var halfClosedTimeout: Duration = .seconds(10)
    /// Calls under way to one service's endpoint, per event loop; more wait. Default 1024.
    package var callsInFlight = 1024
    /// Calls that wait for a connection or a stream, per service and event loop; more are shed with
    /// 503. Default 1024.
    package var callsWaiting = 1024
    /// Connections to one service's endpoint, per event loop; the second is opened when the first
    /// has as many streams as the endpoint allows. Stops a burst from opening sockets without end.
    /// Default 4.
    package var endpointConnections = 4
    /// Header list from the endpoint in bytes (SETTINGS_MAX_HEADER_LIST_SIZE). Default 64 KiB.
    package var endpointHeaderBytes = 64 << 10
    /// The largest window of a stream from an endpoint in bytes. It begins at 256 KiB and grows with the
    /// product of bandwidth and delay once the stream is seen to be read. It's also what a client that
    /// stops to read makes the bridge hold. Default 8 MiB.
    package var endpointWindowBytes = 8 << 20
    /// How long a connection to an endpoint may take to come up. Default 5 s.
    package var connectTimeout: Duration = .seconds(5)
    /// Client connections, per event loop; more are closed at once. Default 10,000.
    package var clientConnections = 10_000
    /// What the client connections of an event loop may hold together: bodies of requests that aren't
    /// answered yet, and answers that their clients haven't taken. Beyond it those that hold most are
    /// closed. Default 512 MiB.
    package var clientBufferBytes = 512 << 20
    /// Streams of one client connection over HTTP/2 (SETTINGS_MAX_CONCURRENT_STREAMS). Each may hold
    /// as much as its windows let through. Default 100, below which RFC 9113 §6.5.2 advises not to go.
    package var clientStreams = 100

    package init() {}
  }
}
