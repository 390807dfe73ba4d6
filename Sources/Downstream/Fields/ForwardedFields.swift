internal import HTTP2

/// `X-Forwarded-*` and `Forwarded` (RFC 7239): a request's original client, as reported by proxies.
enum ForwardedFields {
  /// Appends the bridge's client to `X-Forwarded-For`, and to `Forwarded` if there is one.
  ///
  /// - Parameter address: the client's IP address.
  static func append(_ address: String, to metadata: inout HeaderBlock) {
    var list: [UInt8] = []
    var kept = HeaderBlock()
    var hasForwarded = false
    for field in metadata.fields {
      if metadata.isNamed("x-forwarded-for", field) {
        // Several fields are one list (RFC 9110 §5.3).
        if !list.isEmpty { list.append(contentsOf: ", ".utf8) }
        list.append(contentsOf: metadata.bytes[field.value])
      } else {
        if metadata.isNamed("forwarded", field) { hasForwarded = true }
        kept.append(field, of: metadata)
      }
    }
    if !list.isEmpty { list.append(contentsOf: ", ".utf8) }
    list.append(contentsOf: address.utf8)
    kept.append("x-forwarded-for".utf8, list)
    if hasForwarded {
      // RFC 7239 §6: an IPv6 address is in brackets and quotes.
      kept.append("forwarded", address.contains(":") ? "for=\"[\(address)]\"" : "for=\(address)")
    }
    metadata = kept
  }
}
