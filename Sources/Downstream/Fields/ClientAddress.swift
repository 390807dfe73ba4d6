/// What the address of a client says.
enum ClientAddress {
  /// Whether it's one of this machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3); an empty one, of a
  /// client on a UNIX socket, is.
  static func isLocal(_ address: String) -> Bool {
    address.isEmpty || address == "::1" || address.hasPrefix("127.")
      || address.hasPrefix("::ffff:127.")
  }
}
