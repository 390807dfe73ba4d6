import NIOCore

/// The client of a WebSocket over a `TestClient`: frames are written and read byte by byte, so that tests
/// can send invalid ones.
final class WebSocketPeer {
  /// A frame from the bridge.
  enum Frame: Equatable {
    case text(String)
    case binary([UInt8])
    case ping([UInt8])
    case pong([UInt8])
    case close(code: UInt16?, reason: String)
    /// Anything that a server doesn't send.
    case other([UInt8])
  }

  enum Opcode: UInt8 {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  /// The key of RFC 6455 §1.3.
  static let key = "dGhlIHNhbXBsZSBub25jZQ=="

  let client: TestClient
  /// The response to the handshake.
  let response: String
  private var received: [UInt8] = []

  /// Sends a handshake and reads the head of its response.
  init(_ client: TestClient, _ target: String = "/v1/chat", _ fields: [String] = []) throws {
    self.client = client
    client.request("GET \(target)", Self.handshake + fields)
    let text = try client.received()
    guard text.hasPrefix("HTTP/1.1 101 "), text.hasSuffix("\r\n\r\n") else {
      throw ResponseError(text: text)
    }
    self.response = text
  }

  static let handshake = [
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: \(key)",
  ]

  /// The bytes of a frame.
  ///
  /// - Parameters:
  ///   - reserved: the three reserved bits.
  ///   - announced: the length in the frame's head, if it's not the payload's.
  static func frame(
    _ opcode: Opcode, _ payload: [UInt8] = [], isFinal: Bool = true, isMasked: Bool = true,
    reserved: UInt8 = 0, announced: Int? = nil
  ) -> [UInt8] {
    let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode.rawValue]
    let length = announced ?? payload.count
    let flag: UInt8 = isMasked ? 0x80 : 0
    switch length {
    case ..<126:
      bytes.append(flag | UInt8(length))
    case ..<65_536:
      bytes += [flag | 126, UInt8(length >> 8), UInt8(length & 0xFF)]
    default:
      bytes.append(flag | 127)
      bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
    }
    guard isMasked else { return bytes + payload }
    return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
  }

  func send(
    _ opcode: Opcode, _ payload: [UInt8] = [], isFinal: Bool = true, isMasked: Bool = true,
    reserved: UInt8 = 0, announced: Int? = nil
  ) {
    self.client.sendRaw(
      Self.frame(
        opcode, payload, isFinal: isFinal, isMasked: isMasked, reserved: reserved,
        announced: announced))
  }

  func send(_ text: String) {
    self.send(.text, Array(text.utf8))
  }

  func sendClose(_ code: UInt16 = 1000, _ reason: String = "") {
    self.send(.close, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
  }

  /// The complete frames that have arrived since the last call.
  func frames() throws -> [Frame] {
    self.client.run()
    self.received += Array(try self.client.receivedBytes().readableBytesView)
    var frames: [Frame] = []
    while let frame = self.next() { frames.append(frame) }
    return frames
  }

  private func next() -> Frame? {
    guard self.received.count >= 2 else { return nil }
    var start = 2
    var length = Int(self.received[1])
    for (mark, count) in [(126, 2), (127, 8)] where length == mark {
      guard self.received.count >= 2 + count else { return nil }
      start = 2 + count
      length = self.received[2..<start].reduce(0) { $0 << 8 | Int($1) }
      break
    }
    guard self.received.count >= start + length else { return nil }
    let first = self.received[0]
    let payload = Array(self.received[start..<start + length])
    self.received.removeFirst(start + length)
    switch first {
    case 0x81: return .text(String(decoding: payload, as: UTF8.self))
    case 0x82: return .binary(payload)
    case 0x88:
      let code = payload.count < 2 ? nil : UInt16(payload[0]) << 8 | UInt16(payload[1])
      return .close(code: code, reason: String(decoding: payload.dropFirst(2), as: UTF8.self))
    case 0x89: return .ping(payload)
    case 0x8A: return .pong(payload)
    default: return .other([first] + payload)
    }
  }
}
