package import BridgeConfiguration
package import Codec
internal import HTTP2
package import NIOCore
package import Routing
internal import Time
internal import Upstream

/// A service entry as served: its routes, and what is added to each of its calls. Immutable.
package final class ServedService: Sendable {
  /// The configured name.
  package let name: String
  /// Lower-case hosts that select it; empty: any.
  package let hosts: [String]
  /// Stripped from paths; empty: none.
  package let prefix: String
  package let schema: Schema
  /// Why there is no schema yet, as a clause; nil if there is one. Until then, its requests get 503.
  package let missingSchema: String?
  package let routes: RouteTable
  package let encode: EncodeOptions
  package let decode: DecodeOptions
  /// How paths and queries are read.
  package let routing: RoutingOptions
  /// How leniently requests are read that don't quite fit their rules.
  let requests: Configuration.RequestOptions
  /// The reply header field that sets the HTTP status of the response, in lower case; nil: none.
  let statusHeader: [UInt8]?
  /// Whether a reply's metadata are filtered before they are passed on.
  let filtersReplies: Bool
  /// Nil: browsers block pages of other origins.
  let cors: CORSPolicy?
  package let compression: Configuration.Compression
  /// The time limit of a unary call.
  package let timeout: TimeAmount
  /// The time limit of a streaming call.
  let streamTimeout: TimeAmount
  let stream: Configuration.Stream
  /// The configured metadata, added to each call. The upstream adds the credentials.
  let metadata: HeaderBlock
  /// The names that the configuration sets, including those of credentials: the client can't set them.
  let metadataNames: [[UInt8]]
  /// Which of the client's header fields become metadata.
  let headerRules: Configuration.HeaderRules
  /// Whether `via` is forwarded, regardless of which other fields are: not if it's denied by name.
  let keepsVia: Bool
  /// How `Forwarded` and `X-Forwarded-…` are treated.
  let forwarded: Configuration.Forwarded
  /// Whether calls carry the request's `x-request-id`: not if the configuration sets another one or
  /// denies it.
  let sendsRequestID: Bool
  /// Nil: all calls go to the same group of endpoints.
  let groupChoice: GroupChoice?
  /// The most bytes of a request message that the endpoints of each group accept; nil: any.
  let messageByteLimits: [Int?]
  /// The configured shape of errors; nil: google.rpc.Status.
  let errors: Configuration.Errors?
  /// Whether each method in the schema streams, by its `/package.Service/Method`: for calls that are
  /// passed through.
  private let callPaths: [String: Bool]
  /// google.rpc.Status in the schema, for error details.
  let statusMessage: MessageIndex?
  /// Its field `details`, for error shapes that include it.
  let statusDetails: FieldPath?

  /// Builds the routes of a service entry.
  ///
  /// - Parameter missingSchema: why its schema isn't available yet: `schema` is empty in this case, and
  ///   there are no routes.
  /// - Throws: `RouteConflictError` if two rules of its schema conflict.
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
      // A method that isn't a gRPC method has no name that clients could know.
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
    // The bridge doesn't add a denied field either.
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

  /// The time limit of a call. A method that isn't in the schema may stream.
  ///
  /// - Parameter client: the timeout that the client requested.
  func limit(ofCall callPath: String, client: TimeAmount?) -> CallLimit {
    let isStreaming = self.callPaths[callPath] ?? true
    return CallLimit(
      isStreaming ? self.streamTimeout : self.timeout, isStreaming: isStreaming, client: client)
  }

  /// Normalizes a prefix: `/bench/` is equivalent to `/bench`, and `/` to none.
  private static func trimmed(_ prefix: String) -> String {
    var prefix = prefix[...]
    while prefix.hasSuffix("/") { prefix.removeLast() }
    return String(prefix)
  }

  /// `bench (host bench.internal, prefix /bench)`, for messages.
  var summary: String {
    let hosts = self.hosts.isEmpty ? "any host" : "host " + self.hosts.joined(separator: " or ")
    return self.prefix.isEmpty
      ? "\(self.name) (\(hosts))" : "\(self.name) (\(hosts), prefix \(self.prefix))"
  }
}
