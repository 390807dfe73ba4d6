/// Identifies one endpoint group among those of all services.
struct EndpointGroupID: Sendable, Hashable {
  /// Index in `Configuration.services`.
  var service: Int
  /// Index in `Configuration.Service.groups`.
  var group: Int
}
