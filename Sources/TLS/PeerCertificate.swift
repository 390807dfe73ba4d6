internal import Codec
internal import Glibc
internal import NIOCore
internal import NIOSSL
internal import Time

/// What the bridge looks at in an endpoint's certificate besides its signatures: names and dates.
struct PeerCertificate: Sendable, Equatable {
  /// One of its subjectAltName (RFC 5280 §4.2.1.6) that a host can be compared with.
  enum Name: Sendable, Equatable {
    /// A name of the DNS, perhaps with `*` for its first label.
    case host(String)
    /// 4 or 16 bytes.
    case address([UInt8])
  }

  var names: [Name]
  /// Seconds since 1970-01-01T00:00:00Z.
  var notBefore: Int
  var notAfter: Int

  init(names: [Name], notBefore: Int, notAfter: Int) {
    self.names = names
    self.notBefore = notBefore
    self.notAfter = notAfter
  }

  init(_ certificate: NIOSSLCertificate) {
    self.notBefore = certificate.notValidBefore
    self.notAfter = certificate.notValidAfter
    self.names = certificate._subjectAlternativeNames().compactMap { name in
      switch name.nameType {
      case .dnsName: .host(String(decoding: name.contents, as: UTF8.self))
      case .ipAddress: .address(Array(name.contents))
      default: nil
      }
    }
  }
}

/// What an endpoint is called, in the form that certificates are compared with.
///
/// NIOSSL's own check also takes a certificate for the address that the connection happens to go to,
/// and the subject's common name. Here only the name that was asked for counts, as RFC 9525 §6 wants
/// it: who answers for a name in the DNS could otherwise show a certificate for an address of their own.
package enum EndpointName: Sendable, Equatable {
  /// In lower case, without a dot at its end.
  case host(String)
  /// As written, and its 4 or 16 bytes.
  case address(String, [UInt8])

  package init(_ text: String) {
    if let bytes = Self.addressBytes(text) {
      self = .address(text, bytes)
    } else {
      let name = text.lowercased()
      self = .host(name.hasSuffix(".") ? String(name.dropLast()) : name)
    }
  }

  /// What the endpoint is asked for in the handshake; addresses have no place there (RFC 6066 §3).
  package var indication: String? {
    if case .host(let name) = self { name } else { nil }
  }

  /// Whether a certificate is for this name.
  func isOne(of names: [PeerCertificate.Name]) -> Bool {
    names.contains { name in
      switch (self, name) {
      case (.host(let own), .host(let pattern)): Self.matches(own, pattern.lowercased())
      case (.address(_, let own), .address(let bytes)): own == bytes
      default: false
      }
    }
  }

  /// RFC 9525 §6.3: `*` stands for one whole label, the first.
  private static func matches(_ name: String, _ pattern: String) -> Bool {
    let pattern = pattern.hasSuffix(".") ? pattern.dropLast() : pattern[...]
    guard !pattern.isEmpty else { return false }
    guard pattern.hasPrefix("*.") else { return pattern == name }
    let rest = pattern.dropFirst(1)
    guard rest.count > 1, !rest.contains("*"), let dot = name.firstIndex(of: ".") else {
      return false
    }
    return dot != name.startIndex && name[dot...] == rest
  }

  /// The bytes of an IP address; nil for anything else.
  private static func addressBytes(_ text: String) -> [UInt8]? {
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      // It writes as many bytes as an address of the family has.
      let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe inet_pton(family, text, buffer.baseAddress)
      }
      if result == 1 { return bytes }
    }
    return nil
  }
}

extension EndpointName: CustomStringConvertible {
  package var description: String {
    switch self {
    case .host(let name): name
    case .address(let text, _): text
    }
  }
}

extension PeerCertificate {
  /// Why this certificate doesn't stand for `name`; nil: it does.
  func fault(for name: EndpointName) -> TLSHandshakeError? {
    guard !name.isOne(of: self.names) else { return nil }
    guard !self.names.isEmpty else {
      return TLSHandshakeError(
        "its certificate names no host (it has no subjectAltName), so it can't be compared with "
          + "\(name)")
    }
    return TLSHandshakeError(
      "its certificate is for other names than \(name): \(self.shownNames); write one of them as "
        + "tls.server_name")
  }

  /// Why a certificate whose chain was refused is so. What the refusal itself doesn't say is looked
  /// for in the certificate.
  ///
  /// - Parameter now: seconds since 1970-01-01T00:00:00Z.
  func chainFault(now: Int) -> TLSHandshakeError {
    if now > self.notAfter {
      return TLSHandshakeError("its certificate has expired, on \(Self.text(self.notAfter))")
    }
    if now < self.notBefore {
      return TLSHandshakeError("its certificate isn't valid before \(Self.text(self.notBefore))")
    }
    return TLSHandshakeError(
      "its certificate is signed by an authority that isn't trusted (set tls.ca), or its chain is "
        + "incomplete or has expired")
  }

  /// The first few, each shortened: they come from outside.
  private var shownNames: String {
    let shown = self.names.prefix(Self.shownNameLimit).map { name in
      switch name {
      case .host(let name):
        // Beyond ASCII it's no host, and may look like another one.
        ForeignText.shown(
          String(name.unicodeScalars.map { $0.isASCII ? Character($0) : "?" }), limit: 80)
      case .address(let bytes):
        (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: 0))?.ipAddress
          ?? "an address of \(bytes.count) bytes"
      }
    }
    let more = self.names.count - shown.count
    return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
  }

  private static let shownNameLimit = 5

  /// `2026-11-25`.
  private static func text(_ seconds: Int) -> String {
    let (year, month, day) = WallTime(seconds: seconds, milliseconds: 0).date
    return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
  }
}
