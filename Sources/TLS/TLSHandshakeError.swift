internal import Glibc
internal import NIOCore
internal import NIOSSL

/// Reason for a failed TLS handshake, worded for the author of the configuration.
package struct TLSHandshakeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A clause with the endpoint as its subject: "it doesn't speak TLS".
  package var reason: String

  init(_ reason: String) {
    self.reason = reason
  }

  package var description: String { self.reason }
}

extension TLSHandshakeError {
  /// Describes an error of NIOSSL; nil for errors that aren't TLS errors.
  package init?(_ error: any Error) {
    switch error {
    case let failure as TLSHandshakeError:
      self = failure
    case NIOSSLError.handshakeFailed(let error), NIOSSLError.shutdownFailed(let error):
      self.init(Self.words(for: error))
    case let error as BoringSSLError:
      self.init(Self.words(for: error))
    default:
      return nil
    }
  }

  /// Describes socket and other errors before the end of a handshake.
  static func inHandshake(_ error: any Error) -> TLSHandshakeError {
    if let error = error as? IOError, error.errnoCode == ECONNRESET || error.errnoCode == EPIPE {
      return TLSHandshakeError(
        "it reset the connection during the TLS handshake; does it speak TLS?")
    }
    return TLSHandshakeError("TLS failed: \(error)")
  }

  /// Whether a handshake ended because the other side's certificate isn't trusted.
  static func isUntrusted(_ error: any Error) -> Bool {
    guard case NIOSSLError.handshakeFailed(.sslError(let stack)) = error else { return false }
    return stack.contains { Self.code(of: "\($0)") == "CERTIFICATE_VERIFY_FAILED" }
  }

  /// Describes any error that NIOSSL throws.
  static func words(for error: any Error) -> String {
    guard let error = error as? BoringSSLError else {
      return TLSHandshakeError(error)?.reason ?? "\(error)"
    }
    switch error {
    case .sslError(let stack), .unknownError(let stack), .invalidSNIName(let stack),
      .failedToSetALPN(let stack):
      if stack.contains(.eofDuringHandshake) {
        return "it closed the connection during the TLS handshake; does it speak TLS?"
      }
      guard let code = stack.lazy.compactMap({ Self.code(of: "\($0)") }).first else {
        return "TLS failed"
      }
      return Self.words(forCode: code)
    case .syscallError, .zeroReturn:
      return "it closed the connection during the TLS handshake"
    default:
      return "TLS failed: \(error)"
    }
  }

  /// BoringSSL's name for an error, extracted from its message:
  static func code(of text: String) -> String? {
    guard let range = text.firstRange(of: "OPENSSL_internal:") else { return nil }
    let code = text[range.upperBound...].prefix { $0 != " " }
    return code.isEmpty ? nil : String(code)
  }

  /// Describes a BoringSSL error (ssl.h, `SSL_R_…`) of an endpoint connection. Alerts were sent by the
  /// endpoint (RFC 8446 §6.2).
  static func words(forCode code: String) -> String {
    switch code {
    case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNEXPECTED_RECORD",
      "UNEXPECTED_MESSAGE", "INVALID_RECORD", "RECORD_LENGTH_MISMATCH", "ENCRYPTED_LENGTH_TOO_LONG":
      "it doesn't speak TLS (remove tls, or use another port)"
    case "CERTIFICATE_VERIFY_FAILED":
      "its certificate isn't trusted (set tls.ca)"
    case "TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "INVALID_ALPN_PROTOCOL":
      Self.noHTTP2
    case "TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "UNSUPPORTED_PROTOCOL_VERSION",
      "WRONG_SSL_VERSION":
      "it supports no TLS version that is allowed here (tls.minimum_version)"
    case "TLSV1_ALERT_CERTIFICATE_REQUIRED", "TLSV1_CERTIFICATE_REQUIRED":
      "it requires a client certificate (set tls.certificate and tls.key)"
    case "TLSV1_ALERT_UNKNOWN_CA":
      "it doesn't trust the authority of the client certificate (tls.certificate)"
    case "SSLV3_ALERT_CERTIFICATE_EXPIRED":
      "it rejected the client certificate as expired (tls.certificate)"
    case "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
      "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
      "TLSV1_ALERT_ACCESS_DENIED", "TLSV1_ALERT_DECRYPT_ERROR":
      "it rejected the client certificate, or requires one (tls.certificate)"
    case "TLSV1_ALERT_UNRECOGNIZED_NAME", "TLSV1_UNRECOGNIZED_NAME":
      "it doesn't recognize the server name (set tls.server_name)"
    case "SSLV3_ALERT_HANDSHAKE_FAILURE", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO", "NO_SHARED_CIPHER":
      "it rejected the handshake: no common version, cipher or certificate, or it requires a "
        + "client certificate (set tls.certificate and tls.key)"
    default:
      "TLS failed: \(code.lowercased().split(separator: "_").joined(separator: " "))"
    }
  }

  /// gRPC over HTTP/2 is negotiated by ALPN (RFC 9113 §3.2), and gRPC's own clients insist on it.
  static let noHTTP2 =
    "it doesn't offer HTTP/2 (h2) by ALPN; enable that there, or set tls.alpn: off if it "
    + "speaks HTTP/2 without it"
}
