import NIOCore
import Testing

@testable import GRPCWire
@testable import HTTP2

@Suite struct GRPCStatusTests {
  @Test(arguments: [
    (400, GRPCStatus.Code.internal), (401, .unauthenticated), (403, .permissionDenied),
    (404, .unimplemented), (429, .unavailable), (502, .unavailable), (503, .unavailable),
    (504, .unavailable), (200, .unknown), (301, .unknown), (418, .unknown), (500, .unknown),
  ])
  func `HTTP statuses map to gRPC codes`(httpStatus: Int, code: GRPCStatus.Code) {
    let status = GRPCStatus(httpStatus: httpStatus, contentType: "text/html", text: "sorry")
    #expect(status.code == code && status.origin == .transport)
    #expect(status.message.contains("\(httpStatus)"))
    #expect(status.message.contains("text/html") && status.message.hasSuffix(": sorry"))
  }

  @Test(arguments: [
    (HTTP2ErrorCode.noError, GRPCStatus.Code.internal), (HTTP2ErrorCode.protocolError, .internal),
    (HTTP2ErrorCode.internalError, .internal), (HTTP2ErrorCode.flowControlError, .internal),
    (HTTP2ErrorCode.settingsTimeout, .internal), (HTTP2ErrorCode.frameSizeError, .internal),
    (HTTP2ErrorCode.refusedStream, .unavailable), (HTTP2ErrorCode.cancel, .cancelled),
    (HTTP2ErrorCode.compressionError, .internal), (HTTP2ErrorCode.connectError, .internal),
    (HTTP2ErrorCode.enhanceYourCalm, .resourceExhausted),
    (HTTP2ErrorCode.inadequateSecurity, .permissionDenied), (99, .internal),
  ])
  func `HTTP/2 error codes map to gRPC codes`(errorCode: UInt32, code: GRPCStatus.Code) {
    let status = GRPCStatus(resetCode: errorCode)
    #expect(status.code == code && status.origin == .transport)
    #expect(status.message.contains(HTTP2ErrorCode.name(errorCode)))
  }

  @Test(arguments: [
    ("", ""), ("plain text", "plain text"), ("50%25", "50%"), ("%E2%82%AC", "€"),
    ("caf%c3%A9", "café"), ("%", "%"), ("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"),
    ("%4g%41", "%4gA"), ("%%41", "%A"), ("%ff", "\u{FFFD}"), ("raw ü", "raw ü"),
  ])
  func `messages are decoded`(encoded: String, message: String) {
    #expect(StatusMessage.decode(Array(encoded.utf8)) == message)
  }

  @Test(arguments: ["", "plain", "50% of €\n", "\u{7f}~ \0"])
  func `messages survive encoding and decoding`(message: String) {
    let encoded = StatusMessage.encode(message)
    #expect(encoded.allSatisfy { (0x20...0x7e).contains($0) })
    #expect(StatusMessage.decode(encoded) == message)
  }

  @Test(
    arguments: [
      ("", []), ("AA", [0]), ("AA==", [0]), ("AAE", [0, 1]), ("AAE=", [0, 1]), ("AAEC", [0, 1, 2]),
      ("+/+/", [0xfb, 0xff, 0xbf]), ("-_-_", [0xfb, 0xff, 0xbf]), ("AAEC,BBBB", [0, 1, 2]),
    ] as [(String, [UInt8])])
  func `binary values are decoded`(text: String, bytes: [UInt8]) {
    #expect(BinaryHeader.decode(Array(text.utf8)) == bytes)
  }

  @Test(arguments: ["A", "AAAAA", "A=A=", "A A", "AA===", "Ä"])
  func `invalid binary values are refused`(text: String) {
    #expect(BinaryHeader.decode(Array(text.utf8)) == nil)
  }

  @Test(arguments: 0..<20)
  func `binary values survive encoding and decoding`(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 5) }
    #expect(BinaryHeader.decode(BinaryHeader.encode(bytes)) == bytes)
  }

  static let trailers: [(HeaderBlock, GRPCStatus)] = [
    (["grpc-status": "0"], GRPCStatus(.ok)),
    (["grpc-status": "5", "grpc-message": "no%20such"], GRPCStatus(.notFound, "no such")),
    (["grpc-status": "16"], GRPCStatus(.unauthenticated)),
    (["grpc-status": "17"], GRPCStatus(.unknown, "grpc-status 17")),
    (["grpc-status": "99", "grpc-message": "odd"], GRPCStatus(.unknown, "grpc-status 99: odd")),
    (["grpc-status": "-1"], GRPCStatus(.unknown, "grpc-status -1")),
    (["grpc-status": "5", "grpc-status": "0"], GRPCStatus(.unknown, "grpc-status 5, 0")),
    (["grpc-status": "5", "grpc-status": "5"], GRPCStatus(.notFound)),
    (["grpc-status": ""], GRPCStatus(.unknown, "grpc-status ")),
    (["grpc-status": "10000000000"], GRPCStatus(.unknown, "grpc-status 10000000000")),
    (
      ["grpc-status": "3", "grpc-status-details-bin": "CAM"],
      GRPCStatus(.invalidArgument, details: [8, 3])
    ),
    (["grpc-status": "3", "grpc-status-details-bin": "!"], GRPCStatus(.invalidArgument)),
  ]

  @Test(arguments: trailers)
  func `trailers are read`(block: HeaderBlock, status: GRPCStatus) {
    #expect(ReplyFields(block, 0..<block.fields.count).status == status)
  }

  @Test func `reserved fields are not metadata`() {
    let block: HeaderBlock = [
      ":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip",
      "grpc-accept-encoding": "gzip", "x-one": "1", "grpc-status": "0", "grpc-message": "m",
      "grpc-status-details-bin": "", "date": "today",
    ]
    let fields = ReplyFields(block, 0..<block.fields.count)
    #expect(fields.metadata.lines == ["x-one: 1", "date: today"])
    #expect(fields.httpStatus == 200 && fields.encoding == .compressed(.gzip))
  }

  @Test(arguments: [
    ("application/grpc", true), ("application/grpc+proto", true), ("Application/GRPC", true),
    ("application/grpc;charset=utf-8", true), ("application/grpc-web", false),
    ("application/json", false), ("", false), ("application/grp", false),
    ("application\u{f}grpc", false),
  ])
  func `gRPC is recognized by its content type`(contentType: String, isGRPC: Bool) {
    let block: HeaderBlock = ["content-type": contentType]
    #expect(ReplyFields(block, 0..<1).isGRPC == isGRPC)
  }
}
