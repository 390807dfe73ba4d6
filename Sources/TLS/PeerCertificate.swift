internal import Codec
internal import Glibc
internal import NIOCore
internal import NIOSSL
internal import Time

/// The parts of an endpoint's certificate that the bridge itself checks: names and dates.
struct PeerCertificate: Sendable, Equatable {
  /// A subjectAltName (RFC 5280 §4.2.1.6) of a supported type.
  enum Name: Sendable, Equatable {
    /// A DNS name, possibly with `*` as its first label.
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

/// The name of an endpoint, as compared with certificates.
///
/// NIOSSL's own check also accepts a certificate for the IP address of the connection, and the subject's
/// common name. Here only the configured name counts, as RFC 9525 §6 requires: otherwise anyone who controls
/// a DNS name could present a certificate for an address of their own.
package enum EndpointName: Sendable, Equatable {
  /// In lower case, without a trailing dot.
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

  /// The server name sent in the handshake; IP addresses aren't allowed there (RFC 6066 §3).
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

  /// RFC 9525 §6.3: `*` matches exactly one label, the first.
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
      // `inet_pton` writes exactly the size of the family's address.
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
  /// Why this certificate isn't valid for `name`; nil: it is.
  func fault(for name: EndpointName) -> TLSHandshakeError? {
    guard !name.isOne(of: self.names) else { return nil }
    guard !self.names.isEmpty else {
      return TLSHandshakeError(
        "its certificate has no subjectAltName, so it can't be checked against "
          + "\(name)")
    }
    return TLSHandshakeError(
      "its certificate isn't valid for \(name), only for \(self.shownNames); set "
        + "tls.server_name to one of them")
  }

  /// Why a certificate's chain was rejected, derived from the certificate where BoringSSL gives no
  /// reason.
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

  /// The first few names, each truncated: they are untrusted input.
  private var shownNames: String {
    let shown = self.names.prefix(Self.shownNameLimit).map { name in
      switch name {
      case .host(let name):
        // A non-ASCII name is not a valid host name, and may look like another one.
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
