import NIOCore
import NIOHTTP1
import Testing

@testable import BridgeConfiguration
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// Signatures and statuses of PAI-EAS.
@Suite struct EASSignatureTests {
  @Test func `a signature equals that of the vendor's client`() {
    let digest = EASSignature.digest(of: ByteBuffer(string: "{\"a\":1}"))
    #expect(digest == "bb6cb5c68df4652941caf652a366f2d8")
    let signature = EASSignature.signature(
      key: .init("TESTTOKEN"), digest: digest, contentType: "application/octet-stream",
      date: "Sun, 22 Nov 2026 12:22:55 GMT", path: "/api/predict/svc")
    #expect(signature == "wlYF/IF7/E2b9c3UuYgdJygvtmA=")
  }

  @Test func `a head carries a signature of its own fields`() {
    var auth = Configuration.Auth(scheme: .eas, token: .init("TESTTOKEN"))
    auth.header = "authorization"
    var metadata = HeaderBlock()
    for (name, value) in [
      ("x-a", "1"), ("date", "no"), ("content-md5", "no"), ("grpc-previous-rpc-attempts", "1"),
      ("user-agent", "old"),
    ] { metadata.append(name, value) }
    // 2026-11-22T12:22:55Z
    let head = HTTP1RequestHead(path: "/api/predict/svc", host: "h", userAgent: "u").make(
      for: ByteBuffer(string: "{\"a\":1}"), metadata: metadata, credentials: Credentials(auth),
      second: 1_795_350_175)
    #expect(head.method == .POST && head.uri == "/api/predict/svc")
    #expect(
      head.headers.map { "\($0): \($1)" } == [
        "host: h", "user-agent: u", "accept-encoding: identity",
        "content-type: application/octet-stream", "content-length: 7", "x-a: 1",
        "content-md5: bb6cb5c68df4652941caf652a366f2d8", "date: Sun, 22 Nov 2026 12:22:55 GMT",
        "authorization: EAS wlYF/IF7/E2b9c3UuYgdJygvtmA=",
      ])
  }

  @Test(
    arguments: [
      (400, .invalidArgument), (401, .unauthenticated), (403, .permissionDenied), (404, .notFound),
      (405, .unimplemented), (408, .deadlineExceeded), (413, .resourceExhausted),
      (429, .resourceExhausted), (450, .resourceExhausted), (499, .cancelled), (500, .internal),
      (501, .unimplemented), (502, .unavailable), (503, .unavailable), (504, .deadlineExceeded),
      (505, .unimplemented), (418, .unknown),
    ] as [(Int, GRPCStatus.Code)])
  func `HTTP statuses of EAS map to gRPC codes`(http: Int, code: GRPCStatus.Code) {
    let status = GRPCStatus(httpStatus: http, contentType: "text/plain", text: "x", mapping: .eas)
    #expect(status.code == code && status.origin == .endpoint)
    #expect(status.message.hasPrefix("the endpoint responded with HTTP status \(http)"))
    #expect(status.message.hasSuffix(": x"))
    #expect(status.wasDropped == [429, 450].contains(http))
    #expect(status.retryPushback == (http == 408 ? .never : nil))
  }

  @Test func `a page without an error is not a response either`() {
    let status = GRPCStatus(httpStatus: 200, contentType: "text/html", text: "", mapping: .eas)
    #expect(status.code == .unknown && status.origin == .transport)
  }

  @Test func `a dropped request is retried by any policy`() {
    var throttle: RetryThrottle?
    var generator = SystemRandomNumberGenerator()
    let decide = { (http: Int, policy: Configuration.Retry?) in
      var state = RetryState()
      return state.failed(
        GRPCStatus(easStatus: http, text: ""), isTimeout: false, hasOther: false, policy: policy,
        throttle: &throttle, using: &generator)
    }
    #expect(decide(450, nil) == .end)
    for http in [429, 450, 502, 503] { #expect(decide(http, .init()) != .end) }
    for http in [400, 401, 404, 408, 500, 504] { #expect(decide(http, .init()) == .end) }
    var policy = Configuration.Retry()
    policy.codes = [.deadlineExceeded]
    #expect(decide(504, policy) != .end && decide(408, policy) == .end)
  }
}
