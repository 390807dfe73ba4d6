// The testee of the official conformance runner: reads length-prefixed requests on standard input,
// runs them through the codec, writes length-prefixed responses on standard output
// (conformance/conformance.proto). The descriptor sets are named on the command line, behind options of
// how JSON is printed: --always-print-defaults, --enum-numbers, --int64-as-number, --proto-names.

internal import Codec

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What a `conformance.ConformanceRequest` says, by its field numbers.
struct ConformanceRequest {
  var wire: [UInt8]?
  var json: [UInt8]?
  var outputFormat: UInt64 = 0
  var messageType = ""
  var category: UInt64 = 0

  init(_ bytes: [UInt8]) {
    var offset = 0
    func varint() -> UInt64 {
      var value: UInt64 = 0
      var shift: UInt64 = 0
      while offset < bytes.count {
        let byte = bytes[offset]
        offset += 1
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { break }
        shift += 7
      }
      return value
    }
    while offset < bytes.count {
      let tag = varint()
      var content: [UInt8] = []
      var number: UInt64 = 0
      if tag & 7 == 2 {
        let length = Int(varint())
        content = Array(bytes[offset..<offset + length])
        offset += length
      } else {
        number = varint()
      }
      switch tag >> 3 {
      case 1: self.wire = content
      case 2: self.json = content
      case 3: self.outputFormat = number
      case 4: self.messageType = String(decoding: content, as: UTF8.self)
      case 5: self.category = number
      default: break
      }
    }
  }
}

/// One member of `conformance.ConformanceResponse`.
enum ConformanceResponse {
  case parseError(String)
  case serializeError(String)
  case runtimeError(String)
  case wire([UInt8])
  case json([UInt8])
  case skipped(String)

  var bytes: [UInt8] {
    let (number, content): (UInt8, [UInt8]) =
      switch self {
      case .parseError(let text): (1, Array(text.utf8))
      case .runtimeError(let text): (2, Array(text.utf8))
      case .wire(let bytes): (3, bytes)
      case .json(let bytes): (4, bytes)
      case .skipped(let text): (5, Array(text.utf8))
      case .serializeError(let text): (6, Array(text.utf8))
      }
    var result = [number << 3 | 2]
    var length = content.count
    while length >= 0x80 {
      result.append(UInt8(length & 0x7F | 0x80))
      length >>= 7
    }
    result.append(UInt8(length))
    return result + content
  }
}

/// Answers requests with one schema.
struct Testee {
  let schema: Schema
  var options = Testee.strictOptions
  let transcoder = Transcoder()

  /// ProtoJSON has no form for an Any of an unknown type: the service's `unknown_any: reject`.
  static var strictOptions: DecodeOptions {
    var options = DecodeOptions()
    options.printsUnknownAnyAsBase64 = false
    return options
  }

  func answer(_ request: ConformanceRequest) -> ConformanceResponse {
    guard let type = self.schema.message(named: request.messageType) else {
      return .skipped("no such type: \(request.messageType)")
    }
    let protobuf: UInt64 = 1
    let json: UInt64 = 2
    switch request.outputFormat {
    case protobuf where request.json != nil, json where request.json != nil || request.wire != nil:
      break
    default:
      return .skipped("JSON is on neither side")
    }
    var wire: [UInt8]
    if let text = request.json {
      var options = EncodeOptions()
      options.ignoresUnknownFields = request.category == 3
      options.ignoresUnknownEnums = request.category == 3
      options.acceptsUnknownAnyAsBase64 = false
      options.acceptsNullBody = false
      var sink = ByteSink()
      do {
        try self.transcoder.encode(
          text.span.bytes, rule: .whole, as: type, of: self.schema, bindings: Bindings(),
          options: options, into: &sink)
      } catch {
        return .parseError("\(error)")
      }
      wire = copy(sink.bytes)
      if request.outputFormat == protobuf { return .wire(wire) }
    } else {
      wire = request.wire ?? []
    }
    var sink = ByteSink()
    do {
      try self.transcoder.decode(
        wire.span.bytes, as: type, of: self.schema, responseBody: nil, options: self.options,
        into: &sink)
    } catch {
      switch error.code {
      case .malformedWire, .invalidUTF8, .tooDeep: return .parseError("\(error)")
      default: return .serializeError("\(error)")
      }
    }
    return .json(copy(sink.bytes))
  }
}

func copy(_ bytes: RawSpan) -> [UInt8] {
  (0..<bytes.byteCount).map { bytes[$0] }
}

func readExactly(_ count: Int) -> [UInt8]? {
  var bytes = [UInt8](repeating: 0, count: count)
  var filled = 0
  while filled < count {
    let got = bytes[filled...].withUnsafeMutableBytes { read(0, $0.baseAddress, $0.count) }
    if got <= 0 { return nil }
    filled += got
  }
  return bytes
}

func add(_ path: String, to builder: inout SchemaBuilder) throws {
  guard let file = fopen(path, "rb") else {
    throw SchemaError(.unresolved, subject: path, reason: "can't be opened")
  }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  while true {
    let got = fread(&chunk, 1, chunk.count, file)
    if got == 0 { break }
    bytes += chunk[0..<got]
  }
  try builder.add(descriptorSet: bytes.span.bytes, source: path)
}

@main
enum Main {
  static func main() throws {
    var builder = SchemaBuilder()
    var options = Testee.strictOptions
    for path in CommandLine.arguments.dropFirst() {
      switch path {
      case "--always-print-defaults": options.alwaysPrintsDefaults = true
      case "--enum-numbers": options.enumStyle = .number
      case "--int64-as-number": options.printsInt64AsNumber = true
      case "--proto-names": options.usesProtoNames = true
      default: try add(path, to: &builder)
      }
    }
    let testee = Testee(schema: try builder.build(), options: options)
    while let prefix = readExactly(4) {
      let length = prefix.enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
      guard let request = readExactly(length) else { return }
      let response = testee.answer(ConformanceRequest(request)).bytes
      let size = (0..<4).map { UInt8(truncatingIfNeeded: response.count >> (8 * $0)) }
      var rest = (size + response)[...]
      while !rest.isEmpty {
        let got = rest.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
        if got <= 0 { return }
        rest = rest.dropFirst(got)
      }
    }
  }
}
