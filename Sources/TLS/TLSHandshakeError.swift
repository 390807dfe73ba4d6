internal import Glibc
internal import NIOCore
internal import NIOSSL

/// Why there's no TLS with an endpoint, in words for the person who wrote the configuration.
package struct TLSHandshakeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A clause of which the endpoint is the subject: "it speaks no TLS".
  package var reason: String

  init(_ reason: String) {
    self.reason = reason
  }

  package var description: String { self.reason }
}

extension TLSHandshakeError {
  /// What an error of NIOSSL means; nil for errors that aren't of TLS.
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

  /// The socket's own errors, and whatever else there may be, before a handshake has ended.
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

  /// Words for whatever NIOSSL throws.
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

  /// The name that BoringSSL has for an error, out of the text in which it's told:
  /// `Error: 268435703 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at …`.
  static func code(of text: String) -> String? {
    guard let range = text.firstRange(of: "OPENSSL_internal:") else { return nil }
    let code = text[range.upperBound...].prefix { $0 != " " }
    return code.isEmpty ? nil : String(code)
  }

  /// What one of BoringSSL's errors (ssl.h, `SSL_R_…`) means towards an endpoint. Alerts are the other
  /// side's words (RFC 8446 §6.2).
  static func words(forCode code: String) -> String {
    switch code {
    case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNEXPECTED_RECORD",
      "UNEXPECTED_MESSAGE", "INVALID_RECORD", "RECORD_LENGTH_MISMATCH", "ENCRYPTED_LENGTH_TOO_LONG":
      "it speaks no TLS (leave out tls, or use another port)"
    case "CERTIFICATE_VERIFY_FAILED":
      "its certificate isn't trusted (set tls.ca)"
    case "TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "INVALID_ALPN_PROTOCOL":
      Self.noHTTP2
    case "TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "UNSUPPORTED_PROTOCOL_VERSION",
      "WRONG_SSL_VERSION":
      "it speaks no version of TLS that is allowed here (tls.minimum_version)"
    case "TLSV1_ALERT_CERTIFICATE_REQUIRED", "TLSV1_CERTIFICATE_REQUIRED":
      "it wants a client certificate (set tls.certificate and tls.key)"
    case "TLSV1_ALERT_UNKNOWN_CA":
      "it doesn't trust the authority of the client certificate (tls.certificate)"
    case "SSLV3_ALERT_CERTIFICATE_EXPIRED":
      "it says that the client certificate has expired (tls.certificate)"
    case "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
      "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
      "TLSV1_ALERT_ACCESS_DENIED", "TLSV1_ALERT_DECRYPT_ERROR":
      "it refused the client certificate, or that there is none (tls.certificate)"
    case "TLSV1_ALERT_UNRECOGNIZED_NAME", "TLSV1_UNRECOGNIZED_NAME":
      "it serves no such name (set tls.server_name)"
    case "SSLV3_ALERT_HANDSHAKE_FAILURE", "HANDSHAKE_FAILURE_ON_CLIENT_HELLO", "NO_SHARED_CIPHER":
      "it refused the handshake: no version, cipher or certificate suits both sides, or it wants a "
        + "client certificate (set tls.certificate and tls.key)"
    default:
      "TLS failed: \(code.lowercased().split(separator: "_").joined(separator: " "))"
    }
  }

  /// gRPC over HTTP/2 is chosen by ALPN (RFC 9113 §3.2), and gRPC's own clients insist on it.
  static let noHTTP2 =
    "it doesn't offer HTTP/2 (h2) by ALPN; turn that on there, or write tls.alpn: off for one that "
    + "speaks HTTP/2 all the same"
}
