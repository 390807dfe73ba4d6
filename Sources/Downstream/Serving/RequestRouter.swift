internal import Codec
internal import GRPCWire
internal import NIOHTTP1
internal import Routing

/// Finds the method that a request calls from the request's head.
enum RequestRouter {
  /// The result of routing a head.
  enum Decision {
    case call(service: Int, route: Int, group: Int)
    /// `OPTIONS *`: answered without a service.
    case ping
  }

  /// Finds the route of a request, and the values for the message from its path and query.
  ///
  /// - Parameters:
  ///   - bindings: empty on entry; filled with the decoded values.
  /// - Throws: the error to respond with.
  static func route(
    _ head: RequestHead, _ headers: RequestHeaders, _ loop: LoopContext,
    _ bindings: inout Bindings
  ) throws(RequestError) -> Decision {
    var uri = Self.withPath(head.target)
    if loop.table.mergesSlashes,
      let merged = Self.merging(uri, method: head.method.rawValue, headers, loop)
    {
      uri = merged
    }
    let bytes = unsafe uri.utf8.span.bytes
    let target = try RequestTarget(bytes)
    if target.form == .asterisk {
      guard head.method == .OPTIONS else {
        throw .fatal(
          .invalidArgument, .malformedRequest, "\"*\" is a request target only for OPTIONS")
      }
      return .ping
    }
    let path = bytes.extracting(target.path)
    let choice = Self.choose(target, of: bytes, method: head.method.rawValue, headers, loop)
    guard case .route(let service, let index, let prefixLength) = choice else {
      let authority =
        target.form == .absolute ? Self.shown(bytes.extracting(target.authority)) : headers.host
      throw Self.explain(choice, head, authority ?? "(none)", path, loop)
    }
    let served = loop.table.services[service]
    let route = served.routes.routes[index]
    let rest = path.extracting(droppingFirst: prefixLength)
    var group = 0
    if let choice = served.groupChoice { group = try Self.group(choice, rest, head) }
    try Self.bind(
      route, rest, bytes.extracting(target.query),
      served.routing.queryScope, loop, &bindings)
    return .call(service: service, route: index, group: group)
  }

  private static func group(
    _ choice: GroupChoice, _ path: RawSpan, _ head: RequestHead
  ) throws(RequestError) -> Int {
    var generator = SystemRandomNumberGenerator()
    do throws(UnknownGroupError) {
      return try choice.group(path: path, using: &generator) { head.first($0) }
    } catch {
      throw RequestError(.invalidArgument, .unknownGroup, error.description)
    }
  }

  private static func choose(
    _ target: RequestTarget, of bytes: RawSpan, method: String, _ headers: RequestHeaders,
    _ loop: LoopContext
  ) -> ServingTable.Choice {
    let path = bytes.extracting(target.path)
    if target.form == .absolute {
      // RFC 9112 §3.2.2: Host is ignored in this case.
      return loop.table.choose(
        method, authority: bytes.extracting(target.authority), path: path, &loop.routeScratch)
    }
    let host = headers.host ?? ""
    return unsafe loop.table.choose(
      method, authority: host.utf8.span.bytes, path: path, &loop.routeScratch)
  }

  /// The service that a request with `method` would reach, even if that has no route for it.
  static func service(
    of head: RequestHead, method: String, _ headers: RequestHeaders, _ loop: LoopContext
  ) -> ServedService? {
    var uri = Self.withPath(head.target)
    if loop.table.mergesSlashes, let merged = Self.merging(uri, method: method, headers, loop) {
      uri = merged
    }
    let bytes = unsafe uri.utf8.span.bytes
    guard let target = try? RequestTarget(bytes), target.form != .asterisk else { return nil }
    switch Self.choose(target, of: bytes, method: method, headers, loop) {
    case .route(let service, _, _), .noRoute(let service, _), .otherMethods(let service, _),
      .noSchema(let service):
      return loop.table.services[service]
    case .noService:
      return nil
    }
  }

  /// The target with each run of slashes in its path merged into one, if the service that it then
  /// reaches allows that; nil if nothing changes.
  private static func merging(
    _ uri: String, method: String, _ headers: RequestHeaders, _ loop: LoopContext
  ) -> String? {
    guard let target = try? unsafe RequestTarget(uri.utf8.span.bytes),
      Self.hasDoubleSlash(unsafe uri.utf8.span.bytes.extracting(target.path))
    else { return nil }
    var merged: [UInt8] = []
    merged.reserveCapacity(uri.utf8.count)
    for (index, byte) in uri.utf8.enumerated() {
      let isInPath = index > target.path.lowerBound && index < target.path.upperBound
      if isInPath, byte == UInt8(ascii: "/"), merged.last == byte { continue }
      merged.append(byte)
    }
    let text = String(decoding: merged, as: UTF8.self)
    let bytes = unsafe text.utf8.span.bytes
    guard let target = try? RequestTarget(bytes) else { return nil }
    switch Self.choose(target, of: bytes, method: method, headers, loop) {
    case .route(let service, _, _), .noRoute(let service, _), .otherMethods(let service, _),
      .noSchema(let service):
      return loop.table.services[service].routing.mergesSlashes ? text : nil
    case .noService:
      return nil
    }
  }

  private static func hasDoubleSlash(_ path: RawSpan) -> Bool {
    guard path.byteCount > 1 else { return false }
    for index in 1..<path.byteCount
    where path[index] == UInt8(ascii: "/") && path[index - 1] == UInt8(ascii: "/") {
      return true
    }
    return false
  }

  /// Inserts the path that `http://host?a=1` omits: it means `http://host/?a=1` (RFC 9112 §3.2.1).
  private static func withPath(_ uri: String) -> String {
    guard uri.utf8.first != UInt8(ascii: "/"),
      let target = try? unsafe RequestTarget(uri.utf8.span.bytes), target.form == .absolute,
      target.path.isEmpty
    else { return uri }
    var uri = uri
    uri.insert("/", at: uri.utf8.index(uri.utf8.startIndex, offsetBy: target.path.lowerBound))
    return uri
  }

  // MARK: Values

  /// Decodes the values of the path's variables and of the query.
  private static func bind(
    _ route: Route, _ path: RawSpan, _ query: RawSpan, _ scope: PercentCoding.Scope,
    _ loop: LoopContext, _ bindings: inout Bindings
  ) throws(RequestError) {
    for variable in route.variables {
      let range = route.range(of: variable, in: path, loop.routeScratch)
      loop.bytes.removeAll(keepingCapacity: true)
      guard PercentCoding.decode(path, range, variable.scope, into: &loop.bytes) else {
        throw Self.badEscape(in: variable.field.text)
      }
      bindings.addVariable(variable.field, bytes: loop.bytes)
    }
    try Self.bind(query: query, scope, loop, &bindings)
  }

  /// Decodes the parameters of a query.
  static func bind(
    query: RawSpan, _ scope: PercentCoding.Scope, _ loop: LoopContext, _ bindings: inout Bindings
  ) throws(RequestError) {
    var start = 0
    while start < query.byteCount {
      var end = start
      var equals: Int?
      while end < query.byteCount, query[end] != UInt8(ascii: "&") {
        if equals == nil, query[end] == UInt8(ascii: "=") { equals = end }
        end += 1
      }
      if end > start {
        try Self.bindParameter(query, start..<end, equals, scope, loop, &bindings)
      }
      start = end + 1
    }
  }

  private static func bindParameter(
    _ query: RawSpan, _ range: Range<Int>, _ equals: Int?, _ scope: PercentCoding.Scope,
    _ loop: LoopContext, _ bindings: inout Bindings
  ) throws(RequestError) {
    loop.bytes.removeAll(keepingCapacity: true)
    let nameEnd = equals ?? range.upperBound
    let nameIsValid = PercentCoding.decode(
      query, range.lowerBound..<nameEnd, scope, into: &loop.bytes)
    let nameLength = loop.bytes.count
    let valueStart = min(nameEnd + 1, range.upperBound)
    guard nameIsValid,
      PercentCoding.decode(query, valueStart..<range.upperBound, scope, into: &loop.bytes)
    else {
      throw Self.badEscape(in: EchoedText.cut(loop.bytes.prefix(nameLength)))
    }
    bindings.addParameter(loop.bytes, nameLength: nameLength)
  }

  private static func badEscape(in name: String) -> RequestError {
    var error = RequestError(
      .invalidArgument, .invalidEscape,
      "\(name): a \"%\" without two hexadecimal digits; write %25 for a percent sign")
    error.violation = RequestError.Violation(field: name, description: "invalid percent-encoding")
    return error
  }

  // MARK: Refusals

  /// Seconds: about the interval at which an endpoint that's down is queried for its schema.
  private static let schemaRetryAfter = 2

  @inline(never)
  private static func explain(
    _ choice: ServingTable.Choice, _ head: RequestHead, _ authority: String,
    _ path: RawSpan, _ loop: LoopContext
  ) -> RequestError {
    let method = EchoedText.cut(head.method.rawValue)
    let shown = Self.shown(path)
    switch choice {
    case .route, .noService:
      let services = loop.table.services.prefix(10).map(\.summary).joined(separator: ", ")
      let more = loop.table.services.count > 10 ? ", …" : ""
      return RequestError(
        .notFound, .noService,
        "no service for host \(ForeignText.shown(authority)) and path \(shown); "
          + "services: \(services)\(more)")
    case .noSchema(let index):
      let service = loop.table.services[index]
      var error = RequestError(
        .unavailable, .noSchema,
        "service \(service.name) has no schema yet: \(service.missingSchema ?? "")")
      error.retryAfter = Self.schemaRetryAfter
      return error
    case .noRoute(let index, let prefixLength):
      let service = loop.table.services[index]
      let rest = path.extracting(droppingFirst: prefixLength)
      if let reason = service.routes.reasonNotServed(method, rest, &loop.routeScratch) {
        return RequestError(
          .notFound, .noRoute,
          "service \(service.name) has no route for \(ForeignText.shown(method)) \(shown): \(reason)"
        )
      }
      let nearest = service.routes.nearest(to: rest)
      let names = nearest.map {
        "\($0.httpMethod) \(service.prefix)\(ForeignText.shown($0.template.text))"
      }
      let hint =
        names.isEmpty
        ? "\"bridge-proxy check\" lists its \(service.routes.routes.count) routes"
        : "did you mean \(names.joined(separator: " or "))?"
      let slashes =
        Self.hasDoubleSlash(path) && !service.routing.mergesSlashes
        ? "; set services.\(service.name).http.slashes: merge to treat consecutive slashes as one"
        : ""
      return RequestError(
        .notFound, .noRoute,
        "service \(service.name) has no route for \(method) \(shown); \(hint)\(slashes)")
    case .otherMethods(let index, let allowed):
      var error = RequestError(
        .unimplemented, http: 405, .methodNotAllowed,
        "service \(loop.table.services[index].name) doesn't allow \(method) for \(shown); it allows "
          + allowed.joined(separator: ", "))
      error.allow = allowed
      return error
    }
  }

  /// A path for use in messages, truncated if it's long.
  private static func shown(_ path: RawSpan) -> String {
    let limit = 200
    var bytes: [UInt8] = []
    for index in 0..<min(path.byteCount, limit) { bytes.append(path[index]) }
    return ForeignText.shown(String(decoding: bytes, as: UTF8.self))
      + (path.byteCount > limit ? "…" : "")
  }
}

extension Bindings {
  fileprivate mutating func addVariable(_ field: FieldPath, bytes: [UInt8]) {
    unsafe self.addVariable(field, value: bytes.span.bytes)
  }

  /// Adds a parameter whose name and value are concatenated.
  fileprivate mutating func addParameter(_ bytes: [UInt8], nameLength: Int) {
    let span = unsafe bytes.span.bytes
    self.addParameter(
      name: span.extracting(0..<nameLength), value: span.extracting(droppingFirst: nameLength))
  }
}
