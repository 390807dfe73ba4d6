import Codec
import NIOCore
import RepeatableRandom
import Testing

@testable import BridgeConfiguration
@testable import Discovery
@testable import Downstream

/// The wire form of a registry's messages.
@Suite struct NacosMessageTests {
  private static func hex(_ buffer: ByteBuffer) -> String {
    buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test func `a message is encoded as Protobuf defines`() {
    let message = NacosMessage("Ab", fields: [("k", "v")], ["x": .number(1)])
    #expect(
      Self.hex(NacosPayload.encode(message, clientAddress: "h"))
        == "120f" + "1a024162" + "3a06" + "0a016b" + "120176" + "420168" + "1a09" + "1207"
        + "7b2278223a317d")
  }

  @Test func `an encoded message is decoded, whatever its length`() throws {
    for length in [0, 1, 100, 127, 128, 20_000, 300_000] {
      let message = NacosMessage(
        "SubscribeServiceRequest", fields: [("app", ""), ("accessToken", "t")],
        ["text": .string(String(repeating: "é", count: length))])
      let payload = NacosPayload.encode(message, clientAddress: "10.0.0.1")
      #expect(try NacosPayload.decode(payload) == message)
    }
  }

  @Test(
    arguments: [
      // Unknown fields of every wire type, and one that stands behind.
      [
        0x12, 0x04, 0x1A, 0x02, 0x41, 0x62, 0x08, 0x96, 0x01, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1D, 1,
        2, 3, 4,
      ],
      // No body.
      [0x12, 0x04, 0x1A, 0x02, 0x41, 0x62],
      // An empty body.
      [0x12, 0x04, 0x1A, 0x02, 0x41, 0x62, 0x1A, 0x00],
    ] as [[UInt8]]) func `unknown fields are skipped`(_ bytes: [UInt8]) throws
  {
    #expect(try NacosPayload.decode(ByteBuffer(bytes: bytes)) == NacosMessage("Ab", [:]))
  }

  @Test(
    arguments: [
      [], [0x12], [0x12, 0x05, 0x1A],
      [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
      [0x13], [0x0B, 0x0C], [0x11, 1], [0x1D, 1], [0x08],
      [0x12, 0x04, 0x1A, 0x02, 0x41, 0x62, 0x1A, 0x03, 0x12, 0x01, 0x7B],
    ] as [[UInt8]]) func `malformed messages are refused`(_ bytes: [UInt8])
  {
    #expect(throws: NacosPayload.DecodingError.self) {
      try NacosPayload.decode(ByteBuffer(bytes: bytes))
    }
  }

  @Test func `corrupt messages cause no failure`() {
    let good = NacosPayload.encode(
      NacosMessage("Ab", fields: [("k", "v")], ["x": .array([.number(1)])]), clientAddress: "h")
    var generator = SeededGenerator(seed: 1)
    var readable = 0
    for _ in 0..<5000 {
      var bytes = Array(good.readableBytesView)
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = UInt8.random(in: 0...255, using: &generator)
      }
      let length = Int.random(in: 0...bytes.count, using: &generator)
      if (try? NacosPayload.decode(ByteBuffer(bytes: bytes[..<length]))) != nil { readable += 1 }
    }
    #expect(readable > 0)
  }

  @Test(
    arguments: [
      (#"{"resultCode":200}"#, nil), ("{}", nil), (#"{"resultCode":"200","success":true}"#, nil),
      (#"{"resultCode":500,"errorCode":301}"#, 301), (#"{"resultCode":500}"#, 500),
      (#"{"success":false,"errorCode":403}"#, 403), (#"{"resultCode":200,"success":false}"#, 200),
    ] as [(String, Int?)]) func `a reply carries its error`(_ json: String, code: Int?) throws
  {
    var message = NacosMessage("QueryServiceResponse", [:])
    message.body = try JSONValue(parsing: Array(json.utf8))
    #expect(message.fault?.code == code)
  }

  @Test func `the description of a message shows only its type`() {
    let message = NacosMessage("Ab", fields: [("accessToken", "s3cret")], ["x": .string("y")])
    #expect("\(message)" == "Ab")
  }
}

/// Which server comes next.
@Suite struct NacosServersTests {
  private static let list = ["a", "b", "c"].map { Configuration.Endpoint(host: $0, port: 8848) }

  @Test func `the next server is tried at once, and the list again after a delay`() {
    var generator = SeededGenerator(seed: 1)
    var servers = NacosServers(Self.list)
    for failure in 1...7 {
      let next = servers.ended(
        .failed("down \(failure)"), liveFor: nil, canLogIn: false, using: &generator)
      #expect((next.wait == .zero) == (failure < 3))
      #expect(next.report == (failure < 3 ? nil : "down \(failure)"))
      #expect(servers.current == Self.list[failure % 3])
      #expect(next.wait <= .milliseconds(2400))
    }
    // One that lived for a while begins anew.
    let next = servers.ended(
      .failed("gone"), liveFor: .seconds(10), canLogIn: false, using: &generator)
    #expect(next == NacosServers.Next(wait: .zero, report: nil))
  }

  @Test func `sessions that fail at once cause no busy loop`() {
    var generator = SeededGenerator(seed: 1)
    var servers = NacosServers([Self.list[0]])
    for ending in [NacosSession.Ending.failed("x"), .moved(host: nil, port: nil)] {
      let next = servers.ended(ending, liveFor: .seconds(1), canLogIn: false, using: &generator)
      #expect(next.wait >= .milliseconds(80))
    }
  }

  @Test(
    arguments: [
      ("c", 8848, 2), ("a", 8848, 0), ("evil", 8848, 1), ("c", 1, 1), (nil, nil, 1),
    ] as [(String?, Int?, Int)])
  func `a server can redirect to another one of the list`(_ host: String?, port: Int?, index: Int) {
    var generator = SeededGenerator(seed: 1)
    var servers = NacosServers(Self.list)
    let next = servers.ended(
      .moved(host: host, port: port), liveFor: .seconds(60), canLogIn: false, using: &generator)
    #expect(servers.current == Self.list[index])
    #expect(next.report == nil)
  }

  @Test func `a refused token is renewed once before the next server is tried`() {
    var generator = SeededGenerator(seed: 1)
    var servers = NacosServers(Self.list)
    let forbidden = NacosSession.Ending.forbidden("no")
    _ = servers.ended(forbidden, liveFor: nil, canLogIn: true, using: &generator)
    #expect(servers.current == Self.list[0])
    _ = servers.ended(forbidden, liveFor: nil, canLogIn: true, using: &generator)
    #expect(servers.current == Self.list[1])
    _ = servers.ended(forbidden, liveFor: nil, canLogIn: false, using: &generator)
    #expect(servers.current == Self.list[2])
  }
}
