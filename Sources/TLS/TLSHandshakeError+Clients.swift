internal import NIOSSL

/// Why a client's handshake failed, in words for the person who wrote the configuration.
extension TLSHandshakeError {
  /// A clause of which the client is the subject. Nil where nothing was said: ports are looked at all the
  /// time by connecting and closing, and clients go away.
  package static func ofClient(_ error: any Error) -> TLSHandshakeError? {
    let stack: NIOBoringSSLErrorStack
    switch error {
    case NIOSSLError.handshakeFailed(.sslError(let errors)), BoringSSLError.sslError(let errors):
      stack = errors
    default: return nil
    }
    guard !stack.contains(.eofDuringHandshake),
      let code = stack.lazy.compactMap({ Self.code(of: "\($0)") }).first
    else { return nil }
    return TLSHandshakeError(Self.words(forClientCode: code))
  }

  /// What one of BoringSSL's errors (ssl.h, `SSL_R_…`) means towards a client. Alerts are its words
  /// (RFC 8446 §6.2).
  private static func words(forClientCode code: String) -> String {
    switch code {
    case "HTTP_REQUEST":
      "it speaks HTTP without TLS; write https:// there, or have a listener with tls: off"
    case "WRONG_VERSION_NUMBER", "UNEXPECTED_RECORD", "UNEXPECTED_MESSAGE", "INVALID_RECORD",
      "HTTPS_PROXY_REQUEST", "RECORD_LENGTH_MISMATCH", "ENCRYPTED_LENGTH_TOO_LONG":
      "it speaks no TLS"
    case "TLSV1_ALERT_UNKNOWN_CA":
      "it doesn't trust the authority of tls.certificate; give it that authority's certificate"
    case "BAD_PACKET_LENGTH":
      // Clients of OpenSSL send the alert of TLS 1.3 in the clear, where only something encrypted can be
      // read.
      "it broke the handshake off, most likely because it doesn't trust the authority of "
        + "tls.certificate"
    case "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
      "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
      "SSLV3_ALERT_CERTIFICATE_REVOKED":
      "it refused tls.certificate: the name that it calls, the time, or the authority isn't right"
    case "PEER_DID_NOT_RETURN_A_CERTIFICATE":
      "it shows no client certificate, and tls.client_ca wants one"
    case "CERTIFICATE_VERIFY_FAILED":
      "its client certificate isn't of an authority in tls.client_ca, or isn't valid now"
    case "UNSUPPORTED_PROTOCOL", "NO_SUPPORTED_VERSIONS_ENABLED", "TLSV1_ALERT_PROTOCOL_VERSION",
      "WRONG_SSL_VERSION":
      "it speaks no version of TLS that is allowed here (tls.minimum_version)"
    default:
      "TLS failed: \(code.lowercased().split(separator: "_").joined(separator: " "))"
    }
  }
}
