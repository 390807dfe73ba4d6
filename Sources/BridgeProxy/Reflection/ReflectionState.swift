internal import Codec
internal import DequeModule
package import GRPCWire

/// State of one server reflection call: the next requests, and the result.
///
/// The services are listed (or given), then the file of each is requested, then imports that weren't sent
/// along: some servers send all files that one needs, others one file at a time. Responses arrive in the
/// order of the requests, or name their request. A service that the server can't describe is left out
/// with a warning; a violation of the protocol or a limit ends the call.
package struct ReflectionState {
  /// Limits on what an endpoint can make the process store.
  package struct Limits: Sendable {
    /// Total number of files, as for schema folders. Default 5000.
    package var files = 5000
    /// Total size of all files, as for a descriptor set. Default 32 MiB.
    package var bytes = 32 << 20
    /// Number of services. Default 1000.
    package var services = 1000
    /// Number of imports of all files, counting duplicates. Default 100,000.
    package var imports = 100_000

    package init() {}
  }

  package enum Action: Sendable, Equatable {
    /// Send these; if empty, wait for the next event.
    case request([ReflectionRequest])
    /// Complete. The request side can be closed.
    case done(ReflectedFiles, warnings: [String])
    case fail(ReflectionError)
  }

  private let wanted: [String]
  private let limits: Limits
  /// Requests in flight.
  private var open: Deque<ReflectionRequest> = []
  private var waiting: Deque<ReflectionRequest> = []
  private var sent: Set<ReflectionRequest> = []
  private var hasResponse = false
  private var isOver = false

  private var services: [String] = []
  private var files: [DescriptorFile] = []
  private var indices: [String: Int] = [:]
  private var declared: Set<String> = []
  private var byteCount = 0
  private var importCount = 0
  /// Names of files that were sent with different contents.
  private var conflicts: Set<String> = []
  private var warnings: [String] = []

  /// Maximum requests in flight: enough to hide the latency of a distant endpoint, few enough not to
  /// burden it.
  private static let window = 16
  /// Maximum warnings of one call, for an endpoint that can't describe anything.
  private static let warningLimit = 20
  /// The reflection services, which are of no use to clients.
  private static let own: Set<String> = [
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
  ]

  /// - Parameter services: full names of those to request; empty: all that the endpoint lists.
  package init(services: [String] = [], limits: Limits = Limits()) {
    self.wanted = services
    self.limits = limits
  }

  // MARK: Events

  /// The first requests.
  package mutating func start() -> [ReflectionRequest] {
    if self.wanted.isEmpty {
      self.enqueue(.listServices)
    } else {
      self.take(self.wanted)
    }
    return self.nextRequests()
  }

  /// Handles a message.
  package mutating func received(_ message: [UInt8]) -> Action {
    guard !self.isOver else { return .request([]) }
    do throws(ReflectionError) {
      try self.read(message)
    } catch {
      return self.end(.fail(error))
    }
    let next = self.nextRequests()
    guard next.isEmpty, self.open.isEmpty else { return .request(next) }
    return self.end(self.result())
  }

  /// Handles the end of the call, which is ignored once the result is known.
  package mutating func ended(_ status: GRPCStatus) -> Action {
    guard !self.isOver else { return .request([]) }
    if status.code == .unimplemented, !self.hasResponse {
      return self.end(.fail(ReflectionError(.notOffered, "offers no server reflection")))
    }
    if status.isOK {
      return self.end(
        .fail(
          ReflectionError(
            .malformed, "ended the reflection call with \(self.open.count) requests unanswered")))
    }
    return self.end(.fail(ReflectionError(status)))
  }

  private mutating func end(_ action: Action) -> Action {
    self.isOver = true
    return action
  }

  // MARK: ReflectionExchange

  private mutating func enqueue(_ request: ReflectionRequest) {
    if self.sent.insert(request).inserted { self.waiting.append(request) }
  }

  /// As many requests as the window allows; those that have become unnecessary are skipped.
  private mutating func nextRequests() -> [ReflectionRequest] {
    var requests: [ReflectionRequest] = []
    while self.open.count < Self.window, let request = self.waiting.popFirst() {
      switch request {
      case .fileContaining(let symbol) where self.declared.contains(symbol): continue
      case .file(let name) where self.indices[name] != nil: continue
      case .listServices, .fileContaining, .file: break
      }
      self.open.append(request)
      requests.append(request)
    }
    return requests
  }

  private mutating func take(_ names: [String]) {
    for name in Set(names).subtracting(Self.own).sorted() where !name.isEmpty {
      self.services.append(name)
      self.enqueue(.fileContaining(symbol: name))
    }
  }

  // MARK: Responses

  private mutating func read(_ message: [UInt8]) throws(ReflectionError) {
    let response: ReflectionResponse
    do throws(CodecError) {
      response = try ReflectionResponse(message)
    } catch {
      throw Self.malformed("sent a response that can't be decoded: \(error)")
    }
    self.hasResponse = true
    guard !self.open.isEmpty else {
      throw Self.malformed("sent a response without a request")
    }
    let index = response.request.flatMap { self.open.firstIndex(of: $0) } ?? 0
    let request = self.open.remove(at: index)
    switch (request, response.content) {
    case (.listServices, .services(let names)):
      guard names.count <= self.limits.services else {
        throw ReflectionError(
          .limit,
          "lists \(names.count) services; the limit for reflection is "
            + "\(self.limits.services): name those to serve under reflection.services, or give "
            + "schema files")
      }
      self.take(names)
    case (.listServices, .error(let code, let message)):
      throw ReflectionError(.failed, "can't list its services\(Self.reported(code, message))")
    case (.fileContaining, .files(let files)), (.file, .files(let files)):
      for bytes in files { try self.add(bytes) }
      if case .fileContaining(let symbol) = request, !self.declared.contains(symbol) {
        self.warn(
          "\(Self.shown(symbol)) is left out: the endpoint sent files that don't declare it")
      }
    case (.fileContaining(let symbol), .error(let code, let message)):
      self.warn(
        "\(Self.shown(symbol)) is left out: the endpoint can't describe it\(Self.reported(code, message))"
      )
    case (.file, .error):
      // Linking shows whether the file is needed; options are often imported but never used.
      break
    case (_, .services), (_, .files), (_, .other):
      throw Self.malformed("sent a response of the wrong type")
    }
  }

  private mutating func add(_ bytes: [UInt8]) throws(ReflectionError) {
    let file: DescriptorFile
    do throws(CodecError) {
      file = try DescriptorFile(bytes)
    } catch {
      throw Self.malformed("sent an invalid file descriptor: \(error)")
    }
    if let index = self.indices[file.name] {
      // Google's own files exist in slightly different versions; the first one is used.
      let isKnown = file.isShared || self.conflicts.contains(file.name)
      if !isKnown, !self.files[index].declaresSame(as: file) {
        self.conflicts.insert(file.name)
      }
      return
    }
    self.byteCount += bytes.count
    guard self.byteCount <= self.limits.bytes else {
      throw ReflectionError(
        .limit, "sends more than \(self.limits.bytes) bytes of descriptors\(Self.advice)")
    }
    guard self.files.count < self.limits.files else {
      throw ReflectionError(.limit, "sends more than \(self.limits.files) files\(Self.advice)")
    }
    self.importCount += file.dependencies.count
    guard self.importCount <= self.limits.imports else {
      throw ReflectionError(
        .limit, "sends files with more than \(self.limits.imports) imports\(Self.advice)")
    }
    self.indices[file.name] = self.files.count
    self.files.append(file)
    self.declared.formUnion(file.services)
    for name in file.dependencies where !BuiltInSchemas.fileNames.contains(name) {
      guard self.sent.count < self.limits.files + self.limits.services else {
        throw ReflectionError(.limit, "imports more than \(self.limits.files) files\(Self.advice)")
      }
      // If it's sent unrequested in the meantime, `nextRequests` skips it.
      if self.indices[name] == nil { self.enqueue(.file(named: name)) }
    }
  }

  // MARK: The end

  private mutating func result() -> Action {
    let all = ReflectedFiles(self.files)
    let conflicts = all.servicesThatNeed(self.conflicts)
    var kept: Set<String> = []
    for service in self.services where self.declared.contains(service) {
      if let conflict = conflicts[service] {
        self.warn(
          "\(Self.shown(service)) is left out: the endpoint sent two different files named "
            + Self.shown(conflict))
      } else {
        kept.insert(service)
      }
    }
    guard !kept.isEmpty else {
      let reason =
        self.warnings.isEmpty ? "lists no service" : "describes no service that can be served"
      let details = self.warnings.isEmpty ? "" : ": \(self.warnings.joined(separator: "; "))"
      return .fail(ReflectionError(.empty, reason + details))
    }
    return .done(all.keeping(services: kept), warnings: self.warnings)
  }

  private mutating func warn(_ warning: String) {
    if self.warnings.count < Self.warningLimit { self.warnings.append(warning) }
  }

  private static func malformed(_ reason: String) -> ReflectionError {
    ReflectionError(.malformed, reason)
  }

  private static func reported(_ code: Int, _ message: String) -> String {
    let name = GRPCStatus.Code(rawValue: code)?.name ?? "code \(code)"
    return message.isEmpty ? " (\(name))" : " (\(name): \(Self.shown(message)))"
  }

  private static func shown(_ text: String) -> String { ReflectionError.shown(text) }

  private static let advice =
    "; name the services to serve under reflection.services, or give schema files"
}
