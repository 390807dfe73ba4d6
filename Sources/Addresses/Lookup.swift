package import NIOCore

/// A query to the system's resolver.
package struct LookupQuestion: Sendable, Hashable {
  package enum Kind: Sendable, Hashable {
    /// A records, or IPv4 addresses from other sources of nsswitch.conf.
    case ipv4
    /// AAAA records, or IPv6 addresses from other sources of nsswitch.conf.
    case ipv6
    /// SRV records.
    case services
  }

  package var name: String
  package var kind: Kind

  package init(_ name: String, _ kind: Kind) {
    self.name = name
    self.kind = kind
  }
}

package enum LookupAnswer: Sendable, Equatable {
  /// With port 0.
  case addresses([SocketAddress])
  case services([ServiceRecord])
}

package typealias LookupOutcome = Result<LookupAnswer, LookupError>

/// Reason why a name couldn't be resolved.
package struct LookupError: Error, Equatable, CustomStringConvertible {
  package var reason: String
  /// Whether the lookup timed out.
  package var isLate: Bool

  package init(reason: String, isLate: Bool = false) {
    self.reason = reason
    self.isLate = isLate
  }

  /// A timeout.
  ///
  /// - Parameter setting: the setting that controls the timeout, if any.
  package init(lateBy time: String, setting: String? = nil) {
    let setting = setting.map { " (\($0))" } ?? ""
    self.init(reason: "no answer within \(time)\(setting)", isLate: true)
  }

  package var description: String { self.reason }

  /// `can't look up bench.internal: Name or service not known`.
  package func sentence(about subject: String) -> String {
    "can't look up \(subject)\(self.isLate ? " in time" : ""): \(self.reason)"
  }
}
