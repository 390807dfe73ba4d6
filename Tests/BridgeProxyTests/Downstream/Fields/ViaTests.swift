import NIOCore
import NIOHTTP1
import Testing

@testable import Downstream
@testable import GRPCWire
@testable import HTTP2

@Suite struct ViaTests {
  private static let own = Via.pseudonym

  private func fault(_ values: String...) -> String? {
    var passed = 0
    for value in values {
      if let fault = Via.fault(value.utf8, passed: &passed) { return fault }
    }
    return nil
  }

  @Test func `each process has its own pseudonym`() {
    #expect(Self.own.hasPrefix("bridge-proxy-") && Self.own.utf8.count == 29)
    #expect(Self.own == Via.pseudonym)
  }

  @Test(arguments: [
    "1.1 \(own)", "2 \(own)", "1.1 a, 2 \(own)", "HTTP/1.1 \(own) (a comment), 1.1 b",
    "1.1\t\(own) ",
  ])
  func `a request that returns is recognized`(_ value: String) {
    #expect(self.fault(value)?.contains("returned") == true)
    #expect(self.fault("1.1 x", value) != nil)
  }

  @Test(arguments: [
    "", ",", "1.1", "1.1 nginx", "\(own)", "\(own) a", "1.1 x\(own)", "1.1 \(own)0",
    "1.1 a (\(own))", "1.1 bridge-proxy-0000000000000000",
  ])
  func `other Via values are accepted`(_ value: String) {
    #expect(self.fault(value) == nil)
  }

  @Test func `the number of bridges in Via is limited`() {
    let one = "2 bridge-proxy-0123456789abcdef"
    let most = Array(repeating: one, count: Via.bridgeLimit).joined(separator: ", ")
    #expect(self.fault(most) == nil)
    #expect(self.fault(most, "1.1 nginx") == nil)
    #expect(self.fault(most, one)?.contains("passed 11 bridges") == true)
  }

  @Test func `a gRPC call that returns is refused`() {
    let block: HeaderBlock = [
      ":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc",
      "via": "2 \(Self.own)",
    ]
    let head = CallHead(block, 0..<block.fields.count)
    #expect(head.fault?.code == .internal && head.fault?.message.contains("returned") == true)
    #expect(head.metadata.first("via") == "2 \(Self.own)")
  }

  @Test func `a request that returns is a 508`() throws {
    var metadata = HeaderBlock()
    var scratch: [UInt8] = []
    let head = RequestHead(
      HTTPRequestHead(
        version: .http1_1, method: .GET, uri: "/",
        headers: ["Host": "a", "Via": "1.1 proxy, 1.1 \(Self.own)"]))
    var headers = RequestHeaders(head)
    do throws(RequestError) {
      try headers.read(head, metadata: &metadata, &scratch)
      Issue.record("it was taken")
    } catch {
      #expect(error.httpStatus == 508 && error.reason == .loop && !error.endsConnection)
    }
  }
}
