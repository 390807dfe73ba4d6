package import BridgeConfiguration
package import NIOCore

extension Configuration.EndpointKind {
  /// A source that finds the endpoints; nil for a fixed list.
  ///
  /// - Parameters:
  ///   - fetch: sends HTTP requests.
  ///   - eventLoop: carries connections other than HTTP.
  package func makeSource(
    fetch: HTTPFetch, on eventLoop: any EventLoop
  ) -> (any EndpointSource)? {
    switch self {
    case .static, .easGateway, .nlb: nil
    case .dns(let settings): DNSEndpoints(settings)
    case .easDirect(let settings): EASDirectSource(settings, fetch: fetch)
    case .nacos(let settings):
      settings.access == .grpc
        ? NacosGRPCSource(settings, fetch: fetch, on: eventLoop)
        : NacosHTTPSource(settings, fetch: fetch)
    }
  }
}

extension EndpointUpdate {
  /// The update for display: `infer: 2 endpoints from nacos pai-eas/infer (…)`, then a line for each.
  package func lines(service: String, kind: Configuration.EndpointKind) -> [String] {
    switch self {
    case .failure(let reason):
      return ["\(service): \(reason)"]
    case .endpoints(let endpoints):
      let count =
        switch endpoints.count {
        case 0: "no endpoints"
        case 1: "1 endpoint"
        default: "\(endpoints.count) endpoints"
        }
      return ["\(service): \(count) from \(kind)"]
        + endpoints.map { "  \($0.endpoint) weight \($0.weight)" }
    }
  }
}
