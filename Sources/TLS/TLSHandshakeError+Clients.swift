internal import NIOSSL

/// Reasons for a client's failed handshake, worded for the author of the configuration.
extension TLSHandshakeError {
  /// A clause with the client as its subject. Nil if the client just disconnected: port scans and health
  /// checks connect and close all the time.
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

  /// Describes a BoringSSL error (ssl.h, `SSL_R_…`) of a client connection. Alerts were sent by the
  /// client (RFC 8446 §6.2).
  private static func words(forClientCode code: String) -> String {
    switch code {
    case "HTTP_REQUEST":
      "it speaks HTTP without TLS; use https:// there, or add a listener with tls: off"
    case "WRONG_VERSION_NUMBER", "UNEXPECTED_RECORD", "UNEXPECTED_MESSAGE", "INVALID_RECORD",
      "HTTPS_PROXY_REQUEST", "RECORD_LENGTH_MISMATCH", "ENCRYPTED_LENGTH_TOO_LONG":
      "it doesn't speak TLS"
    case "TLSV1_ALERT_UNKNOWN_CA":
      "it doesn't trust the authority of tls.certificate; install that authority's certificate there"
    case "BAD_PACKET_LENGTH":
      // OpenSSL clients send the TLS 1.3 alert in plaintext, where only encrypted records are valid.
      "it aborted the handshake, most likely because it doesn't trust the authority of "
        + "tls.certificate"
    case "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
      "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
      "SSLV3_ALERT_CERTIFICATE_REVOKED":
      "it rejected tls.certificate: wrong name, not currently valid, or unknown authority"
    case "PEER_DID_NOT_RETURN_A_CERTIFICATE":
      "it sent no client certificate, which tls.client_ca requires"
    case "CERTIFICATE_VERIFY_FAILED":
      "its client certificate isn't signed by an authority in tls.client_ca, or isn't valid now"
    case "UNSUPPORTED_PROTOCOL", "NO_SUPPORTED_VERSIONS_ENABLED", "TLSV1_ALERT_PROTOCOL_VERSION",
      "WRONG_SSL_VERSION":
      "it supports no TLS version that is allowed here (tls.minimum_version)"
    default:
      "TLS failed: \(code.lowercased().split(separator: "_").joined(separator: " "))"
    }
  }
}
