/// The product's name in protocols and paths.
package enum Product {
  package static let name = "bridge-proxy"

  /// `user-agent` of the bridge's calls and requests (RFC 9110 §10.1.5).
  package static let userAgent = Self.name
}
