internal import Routing
internal import Upstream

/// The destination of a request: kept with its exchange, because the loop may serve another table
/// meanwhile.
struct AcceptedCall {
  let service: ServedService
  let route: Route
  /// Carries the calls of the chosen group of endpoints.
  let upstream: any Upstream
  /// Index of that group in the service's groups.
  let group: Int
  /// The shorter of the client's and the configured time limits.
  let limit: CallLimit
}
