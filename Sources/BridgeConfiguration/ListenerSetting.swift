internal import Addresses

/// An element of `listen`.
struct ListenerSetting {
  var address: ListenAddress
  /// The value of `tls` next to the address; nil if it's missing.
  var wantsTLS: Bool?

  /// Whether it uses TLS if there is a certificate.
  var isSecure: Bool {
    if case .unix = self.address { return false }
    return self.wantsTLS ?? true
  }
}

extension ListenerSetting {
  /// Reads `listen`: an address, or a list of addresses, each plain or as `{address: …, tls: off}`. Nil if
  /// the key is missing.
  static func list(
    of top: SectionReader, _ address: (String) throws(ValueError) -> ListenAddress
  ) -> [Self]? {
    guard let node = top.node("listen") else { return nil }
    guard case .list(let nodes) = node.value,
      nodes.contains(where: { if case .mapping = $0.value { true } else { false } })
    else {
      return top.list("listen", example: Self.example, address)?.map { Self(address: $0) }
    }
    return nodes.enumerated().compactMap { index, node in
      let path = "listen[\(index)]"
      guard case .mapping = node.value else {
        return top.value(of: node, path: path, example: Self.example, address).map {
          Self(address: $0)
        }
      }
      return top.section(of: node, path: path).flatMap { Self($0, address) }
    }
  }

  private static let example = "127.0.0.1:8080"

  private init?(
    _ section: SectionReader, _ address: (String) throws(ValueError) -> ListenAddress
  ) {
    let found = section.value("address", example: Self.example, address)
    if section.node("address") == nil {
      section.missing("address", "write where clients connect, such as \(Self.example)")
    }
    let wantsTLS = section.flag("tls")
    section.finish()
    guard let found else { return nil }
    if wantsTLS == true, case .unix = found {
      section.fault("tls", "TLS isn't supported on a UNIX socket; leave this out")
    }
    self.init(address: found, wantsTLS: wantsTLS)
  }
}
