import NIOCore
import NIOSSL
import Testing

@testable import BridgeConfiguration
@testable import TLS
@testable import Upstream

@Suite struct TLSHandshakeErrorTests {
  @Test(arguments: [
    (
      "Error: 268435703 error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER at "
        + "/build/tls_record.cc:123",
      "WRONG_VERSION_NUMBER"
    ),
    ("Error: 1 error:10000001:SSL routines:OPENSSL_internal:X", "X"),
    ("Error: 1 error:10000001:SSL routines:OPENSSL_internal: at a:1", nil),
    ("Error:  EOF during handshake", nil),
    ("", nil),
  ])
  func `BoringSSL's name of an error is extracted`(text: String, code: String?) {
    #expect(TLSHandshakeError.code(of: text) == code)
  }

  @Test(arguments: [
    ("WRONG_VERSION_NUMBER", "it doesn't speak TLS (remove tls, or use another port)"),
    ("TLSV1_ALERT_NO_APPLICATION_PROTOCOL", TLSHandshakeError.noHTTP2),
    (
      "TLSV1_ALERT_CERTIFICATE_REQUIRED",
      "it requires a client certificate (set tls.certificate and tls.key)"
    ),
    (
      "TLSV1_ALERT_PROTOCOL_VERSION",
      "it supports no TLS version that is allowed here (tls.minimum_version)"
    ),
    ("SOMETHING_ELSE_ENTIRELY", "TLS failed: something else entirely"),
  ])
  func `each TLS error has an explanation`(code: String, words: String) {
    #expect(TLSHandshakeError.words(forCode: code) == words)
  }

  @Test func `an end within the handshake is explained`() {
    let failure = TLSHandshakeError(NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake])))
    #expect(
      failure?.reason == "it closed the connection during the TLS handshake; does it speak TLS?")
    #expect(
      TLSHandshakeError.inHandshake(IOError(errnoCode: 104, reason: "read")).reason
        == "it reset the connection during the TLS handshake; does it speak TLS?")
  }

  @Test func `an error that isn't TLS has no explanation`() {
    #expect(TLSHandshakeError(ChannelError.eof) == nil)
    #expect(TLSHandshakeError(IOError(errnoCode: 104, reason: "read")) == nil)
  }

  @Test func `a failure is reported with the endpoint's name`() {
    let endpoint = Configuration.Endpoint(host: "bench", port: 443)
    #expect(
      endpoint.describe(TLSHandshakeError("it doesn't speak TLS"))
        == "can't connect to bench:443: it doesn't speak TLS")
  }
}
