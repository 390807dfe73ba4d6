/// One serialized `google.protobuf.FileDescriptorProto` with its name, imports and services. The
/// rest of its content is read when it's linked.
package struct DescriptorFile: Sendable, Equatable {
  /// As in import statements: `acme/v1/a.proto`. Never empty.
  package let name: String
  package let dependencies: [String]
  /// Whether it belongs to a package of which everyone ships a slightly different version:
  /// `google.protobuf`, `google.api`, `google.rpc`.
  package let isShared: Bool
  /// Full names: `acme.v1.Books`.
  package let services: [String]
  package let bytes: [UInt8]

  /// Field numbers of google/protobuf/descriptor.proto.
  private enum Number {
    static let name = 1
    static let package = 2
    static let dependency = 3
    static let service = 6
  }

  /// The maximum number of imports, and of services, in one file. Stops a hostile file from
  /// becoming a list that's many times its size.
  private static let listLimit = 10_000

  /// Reads name, imports and services of one file.
  ///
  /// - Throws: if the bytes aren't a message, or there is no file name.
  package init(_ bytes: [UInt8]) throws(CodecError) {
    var name = ""
    var package = ""
    var dependencies: [String] = []
    var services: [String] = []
    var reader = WireFieldReader(bytes)
    while let field = try reader.next() {
      guard case .bytes(let content) = field.value else { continue }
      switch field.number {
      case Number.name: name = try Self.text(bytes, content)
      case Number.package: package = try Self.text(bytes, content)
      case Number.dependency: dependencies.append(try Self.text(bytes, content))
      case Number.service: services.append(try Self.name(ofService: content, bytes))
      default: break
      }
      guard max(dependencies.count, services.count) <= Self.listLimit else {
        throw CodecError(
          .tooLarge, offset: field.record.lowerBound,
          reason: "a file with more than \(Self.listLimit) imports or services")
      }
    }
    guard !name.isEmpty else {
      throw CodecError(.malformedWire, offset: 0, reason: "a file descriptor without a name")
    }
    self.name = name
    self.dependencies = dependencies
    self.isShared = DeclarationIndex.isGoogles(package: package)
    self.services = package.isEmpty ? services : services.map { "\(package).\($0)" }
    self.bytes = bytes
  }

  private init(_ other: DescriptorFile, services: [String], bytes: [UInt8]) {
    self.name = other.name
    self.dependencies = other.dependencies
    self.isShared = other.isShared
    self.services = services
    self.bytes = bytes
  }

  /// The files of a serialized `google.protobuf.FileDescriptorSet`, in its order.
  package static func files(ofSet bytes: [UInt8]) throws(CodecError) -> [DescriptorFile] {
    var files: [DescriptorFile] = []
    var reader = WireFieldReader(bytes)
    while let field = try reader.next() {
      guard field.number == 1, case .bytes(let content) = field.value else {
        throw CodecError(
          .malformedWire, offset: field.record.lowerBound, reason: "not a set of file descriptors")
      }
      files.append(try DescriptorFile(Array(bytes[content])))
    }
    return files
  }

  /// A serialized `google.protobuf.FileDescriptorSet` of these files.
  package static func set(of files: [DescriptorFile]) -> [UInt8] {
    var sink = ByteSink(capacity: files.reduce(64) { $0 + $1.bytes.count + 16 })
    for file in files {
      sink.reserve(32)
      sink.storeVarint(1 << 3 | 2)
      sink.storeVarint(UInt64(file.bytes.count))
      unsafe sink.append(file.bytes.span.bytes)
    }
    let bytes = sink.bytes
    return unsafe bytes.withUnsafeBytes { unsafe Array($0) }
  }

  /// The same file with only these services.
  package func keeping(services kept: Set<String>) -> DescriptorFile {
    let rest = self.services.filter(kept.contains)
    guard rest.count < self.services.count else { return self }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(self.bytes.count)
    var ordinal = 0
    var reader = WireFieldReader(self.bytes)
    // The bytes were read before, so they are valid.
    while let field = try? reader.next() {
      var isKept = true
      if field.number == Number.service, case .bytes = field.value {
        isKept = kept.contains(self.services[ordinal])
        ordinal += 1
      }
      if isKept { bytes += self.bytes[field.record] }
    }
    return DescriptorFile(self, services: rest, bytes: bytes)
  }

  /// Whether both declare the same, even if their fields are serialized in another order. For files
  /// that can't be read, whether their bytes are equal.
  package func declaresSame(as other: DescriptorFile) -> Bool {
    if self.bytes == other.bytes { return true }
    let (left, right) = (Self.set(of: [self]), Self.set(of: [other]))
    do throws(SchemaError) {
      let (first, second) = (
        try unsafe DescriptorSet.read(left.span.bytes, source: self.name),
        try unsafe DescriptorSet.read(right.span.bytes, source: self.name)
      )
      return first.count == second.count
        && zip(first, second).allSatisfy { $0.declaresSame(as: $1) }
    } catch {
      return false
    }
  }

  private static func name(
    ofService range: Range<Int>, _ bytes: [UInt8]
  ) throws(CodecError) -> String {
    var name = ""
    var reader = WireFieldReader(bytes, in: range)
    while let field = try reader.next() {
      if field.number == 1, case .bytes(let content) = field.value {
        name = try Self.text(bytes, content)
      }
    }
    return name
  }

  private static func text(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(CodecError) -> String {
    guard let text = String(validating: bytes[range], as: UTF8.self) else {
      throw CodecError(.malformedWire, offset: range.lowerBound, reason: "a name isn't UTF-8")
    }
    return text
  }
}

extension BuiltInSchemas {
  /// The names of the built-in files.
  package static let fileNames: Set<String> = {
    // Generated by scripts/generate.sh, so reading them can't fail.
    let files = (try? DescriptorFile.files(ofSet: BuiltInSchemas.bytes)) ?? []
    return Set(files.map(\.name))
  }()
}
