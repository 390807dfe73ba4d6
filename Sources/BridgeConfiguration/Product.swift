/// The name of the product, where it's part of a protocol or a path.
package enum Product {
  package static let name = "bridge-proxy"

  /// The value of `user-agent` in calls and requests of the bridge's own (RFC 9110 §10.1.5).
  package static let userAgent = Self.name
}
