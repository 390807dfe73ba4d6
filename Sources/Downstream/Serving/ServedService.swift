package import BridgeConfiguration
package import Codec
internal import HTTP2
package import NIOCore
package import Routing
internal import Time
internal import Upstream

/// A service entry as it's served: its routes, and what goes into each of its calls. Frozen.
package final class ServedService: Sendable {
  /// The user's name for it.
  package let name: String
  /// Lower-case hosts that choose it; empty: any.
  package let hosts: [String]
  /// Stripped from paths; empty: none.
  package let prefix: String
  package let schema: Schema
  /// Why there is no schema yet, a clause; nil where there is one. Requests wait for it elsewhere.
  package let missingSchema: String?
  package let routes: RouteTable
  package let encode: EncodeOptions
  package let decode: DecodeOptions
  /// How paths and queries are read.
  package let routing: RoutingOptions
  /// How requests are read that aren't quite what their rules say.
  let requests: Configuration.RequestOptions
  /// The field of a reply's head that is the status of its answer, in lower case; nil: none is.
  let statusHeader: [UInt8]?
  /// Whether a reply's metadata are looked at before they are passed on.
  let filtersReplies: Bool
  /// Nil: browsers keep pages of other origins out.
  let cors: CORSPolicy?
  package let compression: Configuration.Compression
  /// How long a call may take.
  package let timeout: TimeAmount
  /// How long one that streams may take.
  let streamTimeout: TimeAmount
  let stream: Configuration.Stream
  /// The configured metadata, added to each call. The upstream adds what authorises it.
  let metadata: HeaderBlock
  /// The names that the configuration sets, authorisation among them: the client's headers don't.
  let metadataNames: [[UInt8]]
  /// Which of the client's fields become metadata.
  let headerRules: Configuration.HeaderRules
  /// Whether `via` goes on, whichever other fields do: not where it's denied by name.
  let keepsVia: Bool
  /// What becomes of `Forwarded` and `X-Forwarded-…`.
  let forwarded: Configuration.Forwarded
  /// Whether calls carry the request's `x-request-id`: not where the configuration sets another one
  /// or denies it.
  let sendsRequestID: Bool
  /// Nil: all calls go to the same group of endpoints.
  let groupChoice: GroupChoice?
  /// The most bytes of a request message that gets to the endpoints of each group; nil: any.
  let messageByteLimits: [Int?]
  /// How errors look; nil: as google.rpc.Status says.
  let errors: Configuration.Errors?
  /// All methods in the schema by their `/package.Service/Method`: calls that are passed through.
  /// Whether they stream.
  private let callPaths: [String: Bool]
  /// google.rpc.Status in the schema, for error details.
  let statusMessage: MessageIndex?
  /// Its field `details`, for errors of another shape that have a place for them.
  let statusDetails: FieldPath?

  /// Builds the routes of a service entry.
  ///
  /// - Parameter missingSchema: why its schema isn't there yet: `schema` is empty then, and there are no
  ///   routes.
  /// - Throws: `RouteConflictError` where two rules of its schema clash.
  package init(
    _ configuration: Configuration.Service, schema: Schema, missingSchema: String? = nil
  ) throws(RouteConflictError) {
    self.name = configuration.name
    self.hosts = configuration.hosts
    self.prefix = Self.trimmed(configuration.prefix)
    self.schema = schema
    self.missingSchema = missingSchema
    self.routes = try RouteTable(
      schema: schema,
      // A method that isn't gRPC's has no name that clients could know.
      mapsMethodsByName: configuration.mapsMethodsByName && configuration.transport == nil,
      rules: missingSchema == nil ? configuration.httpRules.map(\.rule) : [],
      options: configuration.routing)
    self.encode = configuration.encode
    self.decode = configuration.decode
    self.routing = configuration.routing
    self.requests = configuration.requests
    self.statusHeader = configuration.statusHeader.map { Array($0.utf8) }
    self.cors = configuration.cors.map(CORSPolicy.init)
    self.filtersReplies = configuration.cors != nil || configuration.statusHeader != nil
    self.compression = configuration.compression
    self.timeout = TimeAmount(clamping: configuration.timeout)
    self.streamTimeout = TimeAmount(clamping: configuration.stream.timeout)
    self.stream = configuration.stream
    let metadata = configuration.callMetadata
    self.metadata = metadata
    var configured = Set(configuration.metadata.map(\.name))
    for group in configuration.groups {
      if let auth = group.auth { configured.insert(auth.header) }
    }
    self.metadataNames = configured.sorted().map { Array($0.utf8) }
    let rules = configuration.headers
    self.headerRules = rules
    self.keepsVia = configuration.sendsVia
    // What is denied isn't added by the bridge either.
    let isForwardedSet =
      configured.contains("x-forwarded-for") || rules.denies("x-forwarded-for".utf8)
    self.forwarded =
      configuration.forwarded == .append && isForwardedSet ? .keep : configuration.forwarded
    self.sendsRequestID =
      !configured.contains("x-request-id") && !rules.denies("x-request-id".utf8)
    self.groupChoice = GroupChoice(configuration)
    self.messageByteLimits = configuration.groups.map(\.cluster.kind.messageByteLimit)
    self.errors = configuration.errors
    let methods = schema.services.flatMap(\.methods)
    self.callPaths = Dictionary(methods.map { ($0.path, $0.isStreaming) }) { first, _ in first }
    self.statusMessage = schema.message(named: "google.rpc.Status")
    self.statusDetails = self.statusMessage.flatMap { try? schema.fieldPath("details", in: $0) }
  }

  /// Whether the schema has the method of a call's path.
  func hasMethod(_ callPath: String) -> Bool { self.callPaths[callPath] != nil }

  /// How long a call may take. What the schema doesn't have may stream.
  ///
  /// - Parameter client: what the client asks for.
  func limit(ofCall callPath: String, client: TimeAmount?) -> CallLimit {
    let isStreaming = self.callPaths[callPath] ?? true
    return CallLimit(
      isStreaming ? self.streamTimeout : self.timeout, isStreaming: isStreaming, client: client)
  }

  /// `/bench/` means the same as `/bench`, and `/` the same as nothing.
  private static func trimmed(_ prefix: String) -> String {
    var prefix = prefix[...]
    while prefix.hasSuffix("/") { prefix.removeLast() }
    return String(prefix)
  }

  /// `bench (host bench.internal, prefix /bench)`, for people.
  var summary: String {
    let hosts = self.hosts.isEmpty ? "any host" : "host " + self.hosts.joined(separator: " or ")
    return self.prefix.isEmpty
      ? "\(self.name) (\(hosts))" : "\(self.name) (\(hosts), prefix \(self.prefix))"
  }
}
