/// What an SRV record says (RFC 2782): a host and a port that a service is at.
package struct ServiceRecord: Sendable, Equatable {
  /// Hosts with a lower one come first.
  package var priority: Int
  /// The share of a host among those with the same priority.
  package var weight: Int
  package var port: Int
  /// A name; `.`, or nothing, where the service is decidedly not there.
  package var target: String

  package init(priority: Int, weight: Int, port: Int, target: String) {
    self.priority = priority
    self.weight = weight
    self.port = port
    self.target = target
  }
}
