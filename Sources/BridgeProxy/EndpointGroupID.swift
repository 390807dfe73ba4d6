/// One of the groups of endpoints of all services.
struct EndpointGroupID: Sendable, Hashable {
  /// In `Configuration.services`.
  var service: Int
  /// In `Configuration.Service.groups`.
  var group: Int
}
