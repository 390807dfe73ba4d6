import NIOCore

/// Frames of HTTP/2 written by hand (RFC 9113 §4.1), as no session would send them.
enum RawFrames {
  static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(4, 0, 0)

  static func frame(
    _ type: UInt8, _ flags: UInt8, _ stream: Int32, _ payload: [UInt8] = []
  ) -> [UInt8] {
    let count = payload.count
    let id = UInt32(bitPattern: stream)
    return [
      UInt8(count >> 16), UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF), type, flags,
      UInt8(id >> 24), UInt8(id >> 16 & 0xFF), UInt8(id >> 8 & 0xFF), UInt8(id & 0xFF),
    ] + payload
  }

  /// A field that no table remembers (RFC 7541 §6.2.2), or one that the dynamic table does.
  static func field(_ name: String, _ value: String, isIndexed: Bool = false) -> [UInt8] {
    func text(_ text: String) -> [UInt8] {
      guard text.utf8.count >= 127 else { return [UInt8(text.utf8.count)] + Array(text.utf8) }
      var rest = text.utf8.count - 127
      var bytes: [UInt8] = [0x7F]
      while rest >= 128 {
        bytes.append(UInt8(rest % 128) + 128)
        rest /= 128
      }
      return bytes + [UInt8(rest)] + Array(text.utf8)
    }
    return [isIndexed ? 0x40 : 0x00] + text(name) + text(value)
  }

  /// The head of a call, END_HEADERS set.
  static func request(
    _ stream: Int32, ends: Bool = false, _ more: [(String, String)] = [],
    path: String = "/test.Notes/Get"
  ) -> [UInt8] {
    let fields =
      [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
        ("content-type", "application/grpc"), ("te", "trailers"),
      ] + more
    return self.frame(1, ends ? 5 : 4, stream, fields.flatMap { self.field($0.0, $0.1) })
  }

  static func reset(_ stream: Int32, _ code: UInt8 = 8) -> [UInt8] {
    self.frame(3, 0, stream, [0, 0, 0, code])
  }

  /// The frames in some bytes: type, stream and payload.
  static func split(_ bytes: ByteBuffer) -> [(type: UInt8, stream: Int32, payload: [UInt8])] {
    var bytes = bytes
    var frames: [(UInt8, Int32, [UInt8])] = []
    while let head = bytes.readBytes(length: 9) {
      let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
      let stream = head[5...8].reduce(Int32(0)) { $0 << 8 | Int32($1) }
      frames.append((head[3], stream, bytes.readBytes(length: count) ?? []))
    }
    return frames
  }

  /// The error code of the GOAWAY among some frames.
  static func goAway(_ bytes: ByteBuffer) -> UInt32? {
    self.split(bytes).last { $0.type == 7 }
      .map { $0.payload[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } }
  }
}
