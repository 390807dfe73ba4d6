package import BridgeConfiguration
package import Codec
internal import Discovery
internal import NIOCore
internal import NIOPosix
internal import Time
internal import Upstream

/// A schema obtained by reflection.
package struct ReflectedSchema: Sendable {
  package var schema: Schema
  package var files: ReflectedFiles
  /// What is left out and why, and the origin if it's not the endpoint.
  package var warnings: [String]
}

/// Loads a service's schema at startup: from its endpoint, else from the cache.
package struct ReflectionLoader: Sendable {
  package typealias Request =
    @Sendable (Configuration.Service) async
    -> Result<ReflectionResult, ReflectionError>

  package enum Outcome: Sendable {
    case loaded(ReflectedSchema)
    /// Not available now; a retry may succeed. A sentence.
    case missing(String)
    /// Not available until something is changed. Sentences.
    case refused([String])
  }

  private let request: Request

  /// - Parameter request: queries the endpoint of a service once, bounded in time.
  package init(request: @escaping Request) {
    self.request = request
  }

  /// Uses connections of its own, which are closed afterwards.
  package init(limits: Configuration.Limits, tls: TLSContexts) {
    self.init { service in await Self.requestOnce(service, limits, tls) }
  }

  /// The schema of one service.
  package func load(_ service: Configuration.Service) async -> Outcome {
    let endpoint = service.cluster.kind.server
    let failure: (reasons: [String], isFinal: Bool)
    switch await self.request(service) {
    case .success(let result):
      do throws(SchemaLoadError) {
        let (schema, warnings) = try result.files.schema(source: Self.source(of: service))
        return .loaded(
          ReflectedSchema(
            schema: schema, files: result.files, warnings: result.warnings + warnings))
      } catch {
        failure = (error.faults, true)
      }
    case .failure(let error):
      failure = ([error.sentence(about: endpoint)], error.isFinal)
    }
    var reasons = failure.reasons
    do throws(SchemaLoadError) {
      if let cached = try Self.cached(service) {
        var cached = cached
        cached.warnings.insert(
          "\(reasons.joined(separator: "; ")); the schema cached in "
            + "\(service.reflection?.cache ?? "") is served until the endpoint provides its own",
          at: 0)
        return .loaded(cached)
      }
    } catch {
      reasons += error.faults
    }
    return failure.isFinal ? .refused(reasons) : .missing(reasons.joined(separator: "; "))
  }

  /// The name of an endpoint's schema in messages.
  static func source(of service: Configuration.Service) -> String {
    "the schema of \(service.cluster.kind)"
  }

  private static func cached(
    _ service: Configuration.Service
  ) throws(SchemaLoadError) -> ReflectedSchema? {
    guard let path = service.reflection?.cache, let files = try DescriptorCache(path: path).read()
    else { return nil }
    let (schema, warnings) = try files.schema(source: path)
    return ReflectedSchema(schema: schema, files: files, warnings: warnings)
  }

  // MARK: Requests

  private static func requestOnce(
    _ service: Configuration.Service, _ limits: Configuration.Limits, _ tls: TLSContexts
  ) async -> Result<ReflectionResult, ReflectionError> {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let client = DiscoveryClient(group: group)
    var alone = Configuration(listen: [], services: [service])
    alone.limits = limits
    let result: Result<ReflectionResult, ReflectionError>
    do {
      let upstreams = try await loop.submit { [alone] in
        LoopUpstreams(
          of: alone, [service.groups.indices.map { SocketConnector(service, group: $0, tls) }],
          on: loop,
          seed: 0)
      }.get()
      let discovery = upstreams.discover(service, at: 0, by: client.fetch)
      result = await Self.request(service, on: loop) { upstreams.upstreams[0][0] }
      discovery?.cancel()
      await upstreams.close()
      await discovery?.value
    } catch {
      result = .failure(ReflectionError(.unreachable, "\(error)"))
    }
    await client.shutDown()
    try? await group.shutdownGracefully()
    return result
  }

  /// Requests the schema over an upstream of a loop.
  ///
  /// - Parameter upstream: called on the loop.
  static func request(
    _ service: Configuration.Service, on loop: any EventLoop,
    _ upstream: @escaping @Sendable () -> any Upstream
  ) async -> Result<ReflectionResult, ReflectionError> {
    var options = ReflectionCall.Options()
    options.metadata = service.callMetadata
    if let reflection = service.reflection {
      options.services = reflection.services
      options.timeout = TimeAmount(clamping: reflection.timeout)
    }
    do {
      return .success(
        try await loop.flatSubmit { [options] in
          ReflectionCall.request(options, upstream(), on: loop)
        }.get())
    } catch let error as ReflectionError {
      return .failure(error)
    } catch {
      return .failure(ReflectionError(.unreachable, "\(error)"))
    }
  }
}

extension ReflectionError {
  /// Whether a retry is useless unless the endpoint changes.
  var isFinal: Bool {
    switch self.code {
    case .notOffered, .limit: true
    case .unreachable, .failed, .malformed, .empty: false
    }
  }
}
