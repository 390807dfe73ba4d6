/// Classifies client addresses.
enum ClientAddress {
  /// Whether it's a loopback address (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3) or empty, as for a client on a
  /// UNIX socket.
  static func isLocal(_ address: String) -> Bool {
    address.isEmpty || address == "::1" || address.hasPrefix("127.")
      || address.hasPrefix("::ffff:127.")
  }
}
