internal import Codec

/// Runs the codec for the targets: over memory of exact size, and checking what must hold for each
/// run whatever its input.
struct CodecRun {
  private let transcoder = Transcoder()

  /// Content that is already in a sink: a call must leave it unchanged.
  private static let prefix: [UInt8] = [1, 2, 3]

  /// Encodes, twice: a used transcoder must give the same result as a new one.
  func encode(
    _ json: some Collection<UInt8>, rule: BodyRule, as message: MessageIndex, of schema: Schema,
    bindings: Bindings, options: EncodeOptions
  ) throws(BrokenProperty) -> Result<[UInt8], CodecError> {
    let text = ExactBytes(json)
    func run() throws(BrokenProperty) -> Result<[UInt8], CodecError> {
      var sink = Self.sink()
      do throws(CodecError) {
        try self.transcoder.encode(
          text.span, rule: rule, as: message, of: schema, bindings: bindings, options: options,
          into: &sink)
      } catch {
        try Self.check(error, in: text.span, sink)
        return .failure(error)
      }
      return .success(try Self.output(of: sink))
    }
    let first = try run()
    let second = try run()
    try require(first == second, "two runs differ: \(first) and \(second)")
    return first
  }

  /// Decodes, twice.
  func decode(
    _ wire: some Collection<UInt8>, as message: MessageIndex, of schema: Schema,
    responseBody: FieldPath?, options: DecodeOptions
  ) throws(BrokenProperty) -> Result<[UInt8], CodecError> {
    let bytes = ExactBytes(wire)
    func run() throws(BrokenProperty) -> Result<[UInt8], CodecError> {
      var sink = Self.sink()
      do throws(CodecError) {
        try self.transcoder.decode(
          bytes.span, as: message, of: schema, responseBody: responseBody, options: options,
          into: &sink)
      } catch {
        try Self.check(error, in: bytes.span, sink)
        return .failure(error)
      }
      return .success(try Self.output(of: sink))
    }
    let first = try run()
    let second = try run()
    try require(first == second, "two runs differ: \(first) and \(second)")
    return first
  }

  private static func sink() -> ByteSink {
    var sink = ByteSink(capacity: 64)
    for byte in Self.prefix { sink.append(byte) }
    return sink
  }

  /// Checks that an error removes what was written, and that its offset is within the input.
  private static func check(
    _ error: CodecError, in input: RawSpan, _ sink: borrowing ByteSink
  ) throws(BrokenProperty) {
    let rest = try Self.output(of: sink)
    try require(rest.isEmpty, "\(rest.count) bytes are left in the sink after \(error)")
    if let offset = error.offset {
      try require(
        (0...input.byteCount).contains(offset),
        "\(error) is at byte \(offset) of \(input.byteCount)")
    }
    try require(!error.message(in: input).isEmpty, "an error without a message")
  }

  /// The bytes after the prefix.
  private static func output(of sink: borrowing ByteSink) throws(BrokenProperty) -> [UInt8] {
    let bytes = sink.bytes
    var output: [UInt8] = []
    output.reserveCapacity(bytes.byteCount)
    for index in 0..<bytes.byteCount { output.append(bytes[index]) }
    try require(output.starts(with: Self.prefix), "the existing content of the sink was changed")
    return Array(output.dropFirst(Self.prefix.count))
  }
}

/// Bytes for a failure message: as text if they are text.
func readable(_ bytes: [UInt8]) -> String {
  if let text = String(validating: bytes, as: UTF8.self) { return text }
  return bytes.map { String($0, radix: 16) }.joined(separator: " ")
}
