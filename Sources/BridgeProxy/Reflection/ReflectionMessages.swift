package import Codec

/// A request to an endpoint: `ServerReflectionRequest` of grpc/reflection/v1/reflection.proto. v1alpha
/// has the same messages.
package enum ReflectionRequest: Sendable, Hashable {
  case listServices
  /// The file that declares a symbol, by its full name.
  case fileContaining(symbol: String)
  /// The file with this import name.
  case file(named: String)

  /// Field numbers of the message.
  private enum Number {
    static let fileByFilename = 3
    static let fileContainingSymbol = 4
    static let listServices = 7
  }

  /// The serialized message.
  package var bytes: [UInt8] {
    switch self {
    // The value is ignored, but a field of a oneof must be set.
    case .listServices: Self.field(Number.listServices, "*")
    case .fileContaining(let symbol): Self.field(Number.fileContainingSymbol, symbol)
    case .file(let name): Self.field(Number.fileByFilename, name)
    }
  }

  /// Decodes a message returned as `original_request`; nil if it isn't one of ours.
  init?(_ bytes: [UInt8], in range: Range<Int>) {
    var reader = WireFieldReader(bytes, in: range)
    var found: ReflectionRequest?
    do throws(CodecError) {
      while let field = try reader.next() {
        guard case .bytes(let content) = field.value else { continue }
        let text = String(decoding: bytes[content], as: UTF8.self)
        switch field.number {
        case Number.fileByFilename: found = .file(named: text)
        case Number.fileContainingSymbol: found = .fileContaining(symbol: text)
        case Number.listServices: found = .listServices
        default: break
        }
      }
    } catch {
      return nil
    }
    guard let found else { return nil }
    self = found
  }

  private static func field(_ number: Int, _ text: String) -> [UInt8] {
    var bytes = [UInt8(number << 3 | 2)]
    var length = text.utf8.count
    while length >= 0x80 {
      bytes.append(UInt8(length & 0x7F) | 0x80)
      length >>= 7
    }
    bytes.append(UInt8(length))
    return bytes + Array(text.utf8)
  }
}

/// A response of an endpoint: `ServerReflectionResponse`.
package struct ReflectionResponse: Sendable, Equatable {
  package enum Content: Sendable, Equatable {
    case services([String])
    /// Serialized `FileDescriptorProto`s.
    case files([[UInt8]])
    case error(code: Int, message: String)
    /// A type that this bridge never requests.
    case other
  }

  /// The request that it responds to, if included.
  package var request: ReflectionRequest?
  package var content = Content.other

  /// Maximum number of files or services in one response. Stops a hostile response of empty entries from
  /// becoming a list many times its size.
  private static let listLimit = 20_000

  /// Decodes a message.
  ///
  /// - Throws: when the bytes aren't a valid message.
  package init(_ bytes: [UInt8]) throws(CodecError) {
    var reader = WireFieldReader(bytes)
    while let field = try reader.next() {
      guard case .bytes(let range) = field.value else { continue }
      switch field.number {
      case 2: self.request = ReflectionRequest(bytes, in: range)
      case 4: self.content = .files(try Self.list(bytes, range).map { Array(bytes[$0]) })
      case 6: self.content = .services(try Self.services(bytes, range))
      case 7: self.content = try Self.error(bytes, range)
      default: break
      }
    }
  }

  /// The length-delimited fields with number 1.
  private static func list(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(CodecError) -> [Range<Int>] {
    var reader = WireFieldReader(bytes, in: range)
    var list: [Range<Int>] = []
    while let field = try reader.next() {
      if field.number == 1, case .bytes(let content) = field.value { list.append(content) }
      guard list.count <= Self.listLimit else {
        throw CodecError(
          .tooLarge, offset: field.record.lowerBound,
          reason: "more than \(Self.listLimit) entries in one response")
      }
    }
    return list
  }

  private static func services(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(CodecError) -> [String] {
    var names: [String] = []
    for service in try Self.list(bytes, range) {
      guard let name = try Self.list(bytes, service).last else { continue }
      names.append(String(decoding: bytes[name], as: UTF8.self))
    }
    return names
  }

  private static func error(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(CodecError) -> Content {
    var reader = WireFieldReader(bytes, in: range)
    var code = 0
    var message = ""
    while let field = try reader.next() {
      switch (field.number, field.value) {
      case (1, .varint(let value)): code = Int(Int32(truncatingIfNeeded: value))
      case (2, .bytes(let content)): message = String(decoding: bytes[content], as: UTF8.self)
      default: break
      }
    }
    return .error(code: code, message: message)
  }
}
