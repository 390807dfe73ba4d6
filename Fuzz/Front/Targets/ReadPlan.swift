/// How the bytes of an input reach the connection, chosen by its first byte: sockets split a stream
/// anywhere, and a client may stop reading or disconnect at any time.
///
///     bits 0-2  the size of reads: everything at once, or 1, 2, 3, 7, 16, 64, 1000 bytes
///     bit  3    the client stops reading halfway
///     bit  4    the client closes its sending side at the end
///     bit  5    the endpoint leaves calls open
struct ReadPlan {
  let readByteCount: Int
  let stopsReading: Bool
  let closesInput: Bool
  let answersCalls: Bool
  let bytes: ArraySlice<UInt8>

  private static let sizes = [Int.max, 1, 2, 3, 7, 16, 64, 1000]

  init(_ input: [UInt8]) {
    let choice = input.first ?? 0
    self.readByteCount = Self.sizes[Int(choice & 7)]
    self.stopsReading = choice & 8 != 0
    self.closesInput = choice & 16 != 0
    self.answersCalls = choice & 32 == 0
    self.bytes = input.dropFirst()
  }
}
