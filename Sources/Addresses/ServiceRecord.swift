/// An SRV record (RFC 2782): a host and a port of a service.
package struct ServiceRecord: Sendable, Equatable {
  /// Hosts with a lower value are tried first.
  package var priority: Int
  /// The share of a host among those with the same priority.
  package var weight: Int
  package var port: Int
  /// A name; `.` or empty if the service is decidedly not available.
  package var target: String

  package init(priority: Int, weight: Int, port: Int, target: String) {
    self.priority = priority
    self.weight = weight
    self.port = port
    self.target = target
  }
}
