internal import HTTPFields
internal import NIOCore

/// The `via` field (RFC 9110 §7.6.3), which the bridge adds to its calls to detect loops: an endpoint
/// that leads back to the bridge would multiply a request without end.
package enum Via {
  /// The common prefix of all bridges' pseudonyms.
  private static let prefix = "bridge-proxy-"

  /// This process's `received-by`: a pseudonym, random per process.
  package static let pseudonym: String = {
    let number = String(UInt64.random(in: .min ... .max), radix: 16)
    return Self.prefix + String(repeating: "0", count: 16 - number.count) + number
  }()

  /// How many bridges a request may have passed. Ends a loop that own pseudonyms don't detect, such as
  /// one through bridges that were restarted.
  static let bridgeLimit = 10

  /// The reason a request with this `via` isn't served; nil if it is.
  static func fault(_ value: some Collection<UInt8>, passed: inout Int) -> String? {
    for entry in value.split(separator: UInt8(ascii: ",")) {
      // `received-protocol received-by [comment]`.
      let parts = entry.split(whereSeparator: HeaderValue.isBlank)
      guard parts.count > 1, parts[1].starts(with: Self.prefix.utf8) else { continue }
      if parts[1].elementsEqual(Self.pseudonym.utf8) {
        return "the request has returned to the bridge that sent it; the service's endpoint points "
          + "to this bridge instead of to the server"
      }
      passed += 1
    }
    guard passed > Self.bridgeLimit else { return nil }
    return
      "the request has passed \(passed) bridges; the limit is \(Self.bridgeLimit): an endpoint on its "
      + "path leads back to one of them"
  }

  /// Whether a name in lower case is `via`.
  static func isName(_ name: some Collection<UInt8>) -> Bool {
    name.count == 3 && name.elementsEqual("via".utf8)
  }
}
