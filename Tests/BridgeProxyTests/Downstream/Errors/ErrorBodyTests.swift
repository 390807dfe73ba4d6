import Codec
import Testing

@testable import Downstream
@testable import GRPCWire

/// The one place where causes become statuses.
struct ErrorBodyTests {
  @Test func `each gRPC code maps to an HTTP status`() {
    let expected = [
      200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
    ]
    #expect(GRPCStatus.Code.allCases.map(ErrorBody.httpStatus) == expected)
  }

  private static func text(_ fault: RequestError) -> String {
    var sink = ByteSink()
    ErrorBody.write(fault, to: &sink)
    var bytes: [UInt8] = []
    for index in 0..<sink.bytes.byteCount { bytes.append(sink.bytes[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `a message is escaped for JSON`() {
    let fault = RequestError(
      .invalidArgument, .malformedRequest, "\"\\/\n\r\t\u{0}\u{1F}\u{7F}\u{E9}\u{1F600}")
    #expect(
      Self.text(fault).hasPrefix(
        #"{"code":3,"message":"\"\\/\n\r\t\u0000\u001f\u007f"# + "\u{E9}\u{1F600}\""))
  }

  @Test func `an error of a field names it`() {
    let error = CodecError(.wrongType, offset: 4, path: "a[1].b", reason: "expected int64")
    let fault = RequestError(error, in: "{\n  x".utf8.span.bytes)
    #expect(fault.httpStatus == 400)
    #expect(
      Self.text(fault)
        == #"{"code":3,"message":"a[1].b: expected int64 (line 2, column 3)","details":["#
        + #"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_MESSAGE","#
        + #""domain":"bridge-proxy"},{"@type":"type.googleapis.com/google.rpc.BadRequest","#
        + #""fieldViolations":[{"field":"a[1].b","description":"expected int64"}]}]}"#)
  }

  @Test func `a message that decompresses past its limit is a 413`() {
    let fault = RequestError(
      CodecError(.tooLarge, reason: "more than 10 bytes"), in: "".utf8.span.bytes)
    #expect(fault.httpStatus == 413)
    #expect(fault.violation == nil)
  }

  @Test(
    arguments: [
      ([8, 5], 5), ([8, 16, 1], 16), ([8], nil), ([], nil), ([8, 0x85, 1], nil), ([18, 0], nil),
    ] as [([UInt8], Int?)])
  func `details count only for the code that they came with`(_ details: [UInt8], _ expected: Int?) {
    #expect(ErrorBody.code(inDetails: details) == expected)
  }
}
