import NIOCore
import Testing

@testable import Downstream
@testable import GRPCWire
@testable import HTTP2

/// What is read of the head of a call that is passed through, and what goes on of it.
@Suite struct CallHeadTests {
  private func head(_ fields: HeaderBlock) -> CallHead {
    var block = HeaderBlock()
    block.append(":method", "POST")
    block.append(":scheme", "http")
    block.append(":path", "/a.B/C")
    block.append(":authority", "bridge:80")
    block.append("te", "trailers")
    block.append(contentsOf: fields)
    return CallHead(block, 0..<block.fields.count)
  }

  @Test(arguments: [
    ("application/grpc", true), ("application/grpc+proto", true), ("application/grpc+json", true),
    ("application/grpc;x=1", true), ("Application/GRPC", true), ("application/grpc-web", false),
    ("application/grpc-web+proto", false), ("application/json", false), ("", false),
  ])
  func `a gRPC call is recognized by its content type`(_ contentType: String, _ expected: Bool) {
    #expect(self.head(["content-type": contentType]).isGRPC == expected)
  }

  @Test func `a GET is not a gRPC call`() {
    let block: HeaderBlock = [
      ":method": "GET", ":path": "/", "content-type": "application/grpc",
    ]
    #expect(!CallHead(block, 0..<block.fields.count).isGRPC)
    #expect(!self.head([:]).isGRPC)
  }

  @Test func `a call's path and authority are read`() {
    let head = self.head(["host": "other"])
    #expect(head.path == "/a.B/C" && head.authority == "bridge:80")
    let block: HeaderBlock = [":method": "POST", ":path": "/a.B/C", "host": "other"]
    #expect(CallHead(block, 0..<block.fields.count).authority == "other")
  }

  @Test func `a call's fields are forwarded in order`() {
    let head = self.head([
      "content-type": "application/grpc+x", "x-b": "1", "grpc-encoding": "zstd",
      "user-agent": "u", "x-a-bin": "AAEC,AA", "grpc-accept-encoding": "zstd", "host": "h",
      "content-length": "5", "proxy-authorization": "p", "x-b": "2", "grpc-trace-bin": "AA",
      "x-request-id": "mine", "grpc-timeout": "5S",
    ])
    #expect(
      head.ownFields.lines == [
        "content-type: application/grpc+x", "grpc-encoding: zstd", "grpc-accept-encoding: zstd",
        "grpc-trace-bin: AA",
      ])
    #expect(head.metadata.lines == ["x-b: 1", "user-agent: u", "x-a-bin: AAEC,AA", "x-b: 2"])
    #expect(head.headers.requestID == "mine")
    #expect(head.headers.timeout == .seconds(5) && head.fault == nil)
  }

  @Test func `an invalid timeout is refused`() {
    #expect(self.head(["grpc-timeout": "5"]).fault?.code == .invalidArgument)
  }

  @Test func `the shortest timeout applies`() {
    let head = self.head(["grpc-timeout": "5S", "grpc-timeout": "5m", "grpc-timeout": "1M"])
    #expect(head.headers.timeout == .milliseconds(5))
  }
}
