internal import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1

/// A request's header fields, read in one pass: those that the bridge uses, and those that are forwarded
/// to the endpoint as metadata.
///
/// All fields are forwarded except those about this connection or the HTTP body (hop-by-hop fields and
/// those that `Connection` names, `Host`, `Accept`, `Accept-Encoding`, `Accept-Charset`, `Expect`,
/// `Proxy-*`; `Content-Type`, `Content-Length`, `Content-Encoding` and others that describe the bytes of
/// a body, which is re-encoded), the names reserved for gRPC (`grpc-*`), and those that the
/// configuration sets. Timeouts (`grpc-timeout`, `X-Server-Timeout`, `Request-Timeout`) are read but not
/// forwarded: the call has its own.
///
/// gRPC's metadata has stricter rules than HTTP. Fields whose name has characters other than
/// `0-9 a-z _ - .` or whose value has bytes other than 0x20-0x7E are dropped, because clients often
/// can't avoid sending them; a `-bin` field that isn't base64 is an error, because it was meant for
/// gRPC.
struct RequestHeaders {
  /// The kinds of body that the bridge distinguishes.
  enum Content: Equatable {
    /// No Content-Type, or an empty one: treated as JSON.
    case absent
    case json
    /// A sequence of JSON texts, one per line (`application/x-ndjson`).
    case jsonLines
    case other
  }

  /// How the body is delimited (RFC 9112 §6.3).
  enum Framing: Equatable {
    case none
    case length(Int)
    case chunked
  }

  var framing = Framing.none
  /// The Host field, as sent.
  var host: String?
  var content = Content.absent
  /// The character encoding of the body.
  var charset = BodyCharset.utf8
  /// Content-Type as sent, for the error about one that isn't JSON.
  var contentType = ""
  /// The content coding of the body.
  var coding = ContentCoding.identity
  /// Content-Encoding as sent, for the error about an unknown coding.
  var contentEncoding = ""
  /// As it was sent.
  var accept = ""
  /// As it was sent.
  var acceptEncoding = ""
  /// The page that the request comes from, if any.
  private(set) var source = RequestSource()
  /// Its origin; empty without one.
  var origin: String { self.source.origin }
  /// The method that a preflight requests.
  private(set) var requestedMethod: String?
  private(set) var requestedHeaders = ""
  /// Whether the client reads trailers (`TE: trailers`, RFC 9110 §10.1.4).
  private(set) var takesTrailers = false
  /// The client's `X-Request-Id`; empty if it's absent or not acceptable.
  var requestID = ""
  var expectsContinue = false
  /// Whether the client keeps the connection open, by HTTP version and `Connection`.
  var keepsAlive: Bool
  /// The shortest of the client's `grpc-timeout`, `X-Server-Timeout` and `Request-Timeout`.
  var timeout: TimeAmount?
  /// Bytes of names and values, plus 4 per field.
  private(set) var byteCount = 0

  /// The most names in `Connection`; each is compared with each field.
  private static let connectionNameLimit = 32

  /// Number of bridges that the request has passed.
  private var bridgeCount = 0
  private var hostCount = 0
  private var hasLength = false
  private var hasTransferEncoding = false
  /// Whether `Connection` names `upgrade`.
  private var upgrades = false
  /// Whether `Upgrade` names `websocket`.
  private var namesWebSocket = false
  /// Names in `Connection` other than `close`, `keep-alive` and `upgrade`.
  private var connectionNames: [[UInt8]] = []
  /// `X-HTTP-Method-Override`, as sent; empty without one.
  private(set) var methodOverride = ""
  /// Whether there is a `Grpc-Metadata-…`.
  private var hasGRPCMetadata = false
  /// Whether there is a `Forwarded` or `X-Forwarded-…`.
  var hasForwarded = false
  private let isHTTP10: Bool
  /// Whether the request ends with its head, over HTTP/2.
  private let endsWithHead: Bool

  /// Sets what is known before the fields are read: the version, and whether a stream ends with its
  /// head.
  init(_ head: RequestHead) {
    self.isHTTP10 = head.isHTTP10
    self.endsWithHead = head.delimiter != .stream(endsWithHead: false)
    // A stream carries one exchange.
    self.keepsAlive = !self.isHTTP10 && head.delimiter == .framing
  }

  /// For a gRPC call over HTTP/2, whose head `CallHead` reads.
  init() {
    self.isHTTP10 = false
    self.endsWithHead = true
    self.keepsAlive = true
  }

  /// Whether the client requests an upgrade to a WebSocket (RFC 6455 §4.2.1).
  var wantsWebSocket: Bool { self.upgrades && self.namesWebSocket && !self.isHTTP10 }

  /// Reads the fields.
  ///
  /// - Parameters:
  ///   - metadata: fields that may be forwarded are appended; `finish` removes those that must not be.
  ///   - scratch: memory for one name.
  /// - Throws: the first error, or one that ends the connection if there is any. All fields are read in
  ///   any case, so that the body's framing is known even then.
  mutating func read(
    _ head: RequestHead, metadata: inout HeaderBlock, _ scratch: inout [UInt8]
  ) throws(RequestError) {
    var problem: RequestError?
    switch head.fields {
    case .list(let headers):
      for (name, value) in headers {
        let kind = HeaderName.classify(name, &scratch)
        self.read(kind, name, value, metadata: &metadata, scratch, &problem)
      }
    case .block(let block):
      for field in block.fields {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(contentsOf: block.bytes[field.name])
        self.read(
          HeaderName.kind(of: scratch), block.name(of: field), block.value(of: field),
          metadata: &metadata, scratch, &problem)
      }
    }
    if let problem, problem.endsConnection { throw problem }
    try self.check()
    if let problem { throw problem }
  }

  /// Reads one field.
  ///
  /// - Parameters:
  ///   - lowercased: the name in lower case.
  ///   - problem: the error to be thrown at the end.
  private mutating func read(
    _ kind: HeaderName, _ name: String, _ value: String, metadata: inout HeaderBlock,
    _ lowercased: [UInt8], _ problem: inout RequestError?
  ) {
    self.byteCount += name.utf8.count + value.utf8.count + 4
    do throws(RequestError) {
      try Self.refuseControls(in: value)
      switch kind {
      case .metadata, .authorization:
        try Self.append(lowercased, value, to: &metadata)
      case .forwarded, .origin, .fetchSite, .requestedMethod, .requestedHeaders, .methodOverride,
        .grpcMetadata:
        try Self.append(lowercased, value, to: &metadata)
        self.note(kind, value)
      case .via:
        try Self.append(lowercased, value, to: &metadata)
        try self.readVia(value.utf8)
      default:
        try self.read(kind, name, value)
      }
    } catch {
      if problem == nil || (error.endsConnection && problem?.endsConnection == false) {
        problem = error
      }
    }
  }

  /// Rejects control characters in a value: they come from line folding (RFC 9112 §5.2) or worse, and
  /// two parsers may see different fields in them.
  private static func refuseControls(in value: String) throws(RequestError) {
    guard HeaderValue.hasControls(value) else { return }
    throw .fatal(
      .invalidArgument, .malformedRequest,
      "a header value has a control character or is folded over two lines")
  }

  private static func append(
    _ name: [UInt8], _ value: String, to metadata: inout HeaderBlock
  ) throws(RequestError) {
    guard HeaderName.isMetadata(name), HeaderValue.isMetadata(value) else { return }
    if HeaderName.isBinary(name), !HeaderValue.isBase64(value) {
      let name = String(decoding: name, as: UTF8.self)
      throw RequestError(
        .invalidArgument, .invalidHeader,
        "\(EchoedText.cut(name)): a header whose name ends in -bin must contain base64")
    }
    metadata.append(name, value.utf8)
  }

  private mutating func read(
    _ kind: HeaderName, _ name: String, _ value: String
  ) throws(RequestError) {
    switch kind {
    case .host:
      self.host = value
      self.hostCount += 1
    case .contentLength:
      try self.readLength(value)
    case .transferEncoding:
      guard !self.hasTransferEncoding, HeaderValue.equals(value, "chunked") else {
        throw .fatal(
          .unimplemented, .unsupportedTransferEncoding,
          "Transfer-Encoding: only chunked is supported")
      }
      self.hasTransferEncoding = true
      self.framing = .chunked
    case .contentType:
      let type = BodyType(value)
      self.contentType = value
      self.content = type.content
      self.charset = type.charset
    case .contentEncoding:
      // Several fields are one list (RFC 9110 §5.3).
      self.contentEncoding += self.contentEncoding.isEmpty ? value : ", \(value)"
      self.coding = ContentCoding(self.contentEncoding)
    case .accept:
      self.accept += self.accept.isEmpty ? value : ", \(value)"
    case .acceptEncoding:
      self.acceptEncoding += self.acceptEncoding.isEmpty ? value : ", \(value)"
    case .expect:
      guard HeaderValue.equals(value, "100-continue") else {
        throw RequestError(
          .invalidArgument, http: 417, .expectationFailed,
          "Expect: only 100-continue is supported")
      }
      self.expectsContinue = !self.isHTTP10
    case .connection:
      try self.readConnection(value)
    case .timeout:
      guard let timeout = GRPCTimeout.parse(value) else {
        throw RequestError(
          .invalidArgument, .invalidHeader,
          "grpc-timeout: expected up to 8 digits and a unit (H, M, S, m, u or n), such as 500m")
      }
      self.timeout = min(timeout, self.timeout ?? timeout)
    case .timeoutInSeconds:
      guard let timeout = HeaderValue.seconds(value) else {
        throw RequestError(
          .invalidArgument, .invalidHeader,
          "\(name): expected seconds as a decimal number without a unit, such as 30 or 2.5")
      }
      self.timeout = min(timeout, self.timeout ?? timeout)
    case .te:
      self.takesTrailers =
        self.takesTrailers || (!self.isHTTP10 && HeaderValue.hasTrailers(value))
    case .requestID:
      if self.requestID.isEmpty, RequestIDs.isKept(value) { self.requestID = value }
    case .upgrade:
      self.namesWebSocket =
        self.namesWebSocket
        || value.utf8.split(separator: UInt8(ascii: ",")).contains {
          HeaderValue.equals(HeaderValue.trimmed($0), "websocket")
        }
    case .metadata, .authorization, .forwarded, .origin, .fetchSite, .requestedMethod,
      .requestedHeaders, .methodOverride, .grpcMetadata, .via, .dropped:
      break
    }
  }

  /// - Throws: if the request is in a loop.
  private mutating func readVia(_ value: some Collection<UInt8>) throws(RequestError) {
    if let reason = Via.fault(value, passed: &self.bridgeCount) {
      throw RequestError(.internal, http: 508, .loop, reason)
    }
  }

  /// Stores a field that the bridge uses and forwards as well.
  mutating func note(_ kind: HeaderName, _ value: String) {
    switch kind {
    case .forwarded: self.hasForwarded = true
    case .origin: self.source.add(origin: value)
    case .fetchSite: self.source.add(site: value)
    case .requestedMethod: self.requestedMethod = value
    case .requestedHeaders: self.requestedHeaders = value
    case .methodOverride: self.methodOverride = value
    case .grpcMetadata: self.hasGRPCMetadata = true
    default: break
    }
  }

  private mutating func readLength(_ value: String) throws(RequestError) {
    let digits = value.utf8
    var length = 0
    for byte in digits {
      guard byte &- UInt8(ascii: "0") < 10, digits.count <= 18 else {
        throw Self.badLength
      }
      length = length * 10 + Int(byte &- UInt8(ascii: "0"))
    }
    guard !digits.isEmpty, !self.hasLength else { throw Self.badLength }
    self.hasLength = true
    if self.framing == .none, length > 0 { self.framing = .length(length) }
  }

  private static var badLength: RequestError {
    .fatal(
      .invalidArgument, .malformedRequest, "Content-Length isn't a single decimal number")
  }

  private mutating func readConnection(_ value: String) throws(RequestError) {
    for token in value.utf8.split(separator: UInt8(ascii: ",")) {
      let name = token.drop(while: HeaderValue.isBlank).map(ASCII.lowercased)
      let trimmed = Array(name.prefix { !HeaderValue.isBlank($0) })
      if trimmed.elementsEqual("close".utf8) {
        self.keepsAlive = false
      } else if trimmed.elementsEqual("keep-alive".utf8) {
        if self.isHTTP10 { self.keepsAlive = true }
      } else if trimmed.elementsEqual("upgrade".utf8) {
        self.upgrades = true
      } else if !trimmed.isEmpty {
        guard self.connectionNames.count < Self.connectionNameLimit else {
          throw .fatal(
            .invalidArgument, .malformedRequest,
            "the Connection header names more than \(Self.connectionNameLimit) fields")
        }
        self.connectionNames.append(trimmed)
      }
    }
  }

  /// Checks that involve several fields: RFC 9112 §3.2 and §6.3.
  private mutating func check() throws(RequestError) {
    // The decoder has stopped: the next bytes may be frames or another request.
    if self.upgrades, self.namesWebSocket { self.keepsAlive = false }
    if !self.endsWithHead, !self.hasLength { self.framing = .chunked }
    if self.hasLength, self.hasTransferEncoding {
      throw .fatal(
        .invalidArgument, .malformedRequest,
        "the request has both Content-Length and Transfer-Encoding")
    }
    if self.isHTTP10, self.hasTransferEncoding {
      throw .fatal(
        .invalidArgument, .malformedRequest, "HTTP/1.0 doesn't support Transfer-Encoding")
    }
    if self.hostCount > 1 || (self.hostCount == 0 && !self.isHTTP10) {
      throw .fatal(
        .invalidArgument, .malformedRequest, "the request must have exactly one Host header")
    }
    if let host = self.host, !HeaderValue.isHost(host) {
      throw .fatal(
        .invalidArgument, .malformedRequest, "the Host header isn't a valid host and port")
    }
  }

  // MARK: Metadata

  /// Turns the fields that `read` collected into the metadata for the endpoint of `service`: removes
  /// what `Connection` names, replaces fields that the configuration sets, and adds the client's address
  /// if required.
  ///
  /// - Parameters:
  ///   - address: the client's IP address; empty on a UNIX socket.
  ///   - requestID: the request's identifier, the client's or the bridge's.
  func finish(
    _ metadata: inout HeaderBlock, for service: ServedService, from address: String,
    isLocal: Bool, requestID: [UInt8]
  ) {
    let dropsForwarded = self.hasForwarded && service.forwarded == .drop
    if !self.connectionNames.isEmpty || !service.metadataNames.isEmpty || dropsForwarded
      || !service.headerRules.isEmpty || self.hasGRPCMetadata
    {
      var kept = HeaderBlock()
      for field in metadata.fields {
        var name = metadata.bytes[field.name]
        if self.hasGRPCMetadata, HeaderName.isGRPCMetadata(name) {
          guard service.headerRules.usesGRPCMetadata, let own = HeaderName.unprefixed(name) else {
            continue
          }
          name = own
        }
        if self.connectionNames.contains(where: { $0.elementsEqual(name) }) { continue }
        if service.metadataNames.contains(where: { $0.elementsEqual(name) }) { continue }
        if dropsForwarded, HeaderName.isForwarded(name) { continue }
        if !service.headerRules.permits(name), !service.keepsVia || !Via.isName(name) { continue }
        kept.append(name, metadata.bytes[field.value])
      }
      metadata = kept
    }
    if service.forwarded == .append, self.hasForwarded || !isLocal, !address.isEmpty {
      ForwardedFields.append(address, to: &metadata)
    }
    if service.sendsRequestID { metadata.append("x-request-id".utf8, requestID) }
    if !service.metadata.isEmpty { metadata.append(contentsOf: service.metadata) }
  }
}
