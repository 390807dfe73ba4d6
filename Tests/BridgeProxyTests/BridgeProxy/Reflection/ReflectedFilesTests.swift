import Codec
import Testing

@testable import BridgeProxy

@Suite struct ReflectedFilesTests {
  private static let one = TestSchema.file("one", service: "S")
  private static let two = TestSchema.file("two", service: "S", imports: ["one.proto"])

  @Test func `a file's name, package and imports are read from its descriptor`() throws {
    let file = try DescriptorFile(Self.two.fileBytes)
    #expect(file.name == "two.proto" && file.dependencies == ["one.proto"])
    #expect(file.services == ["two.S"] && file.bytes == Self.two.fileBytes)
  }

  @Test(
    arguments: [[], [0xFF], [0x0A, 9, 0x61], [0x0A, 1, 0xFF], [0x0A, 0], [0x12, 1, 0x61]]
      as [[UInt8]])
  func `an invalid descriptor is refused`(_ bytes: [UInt8]) {
    #expect(throws: CodecError.self) { try DescriptorFile(bytes) }
  }

  @Test func `a file with too many imports is refused`() {
    var writer = WireWriter()
    writer.string(1, "a.proto")
    for _ in 0..<10_001 { writer.string(3, "b") }
    #expect(throws: CodecError.self) { try DescriptorFile(writer.bytes) }
  }

  @Test func `a descriptor set is written and read back, and invalid ones are refused`() throws {
    let files = try TestSchema.reflected(Self.two, Self.one)
    #expect(files.files.map(\.name) == ["one.proto", "two.proto"])
    #expect(try ReflectedFiles(descriptorSet: files.descriptorSet) == files)
    #expect(throws: CodecError.self) { try ReflectedFiles(descriptorSet: Array("text".utf8)) }
    #expect(throws: CodecError.self) {
      try ReflectedFiles(descriptorSet: Array(files.descriptorSet.dropLast(3)))
    }
  }

  @Test func `unused services are removed with the files that only they need`() throws {
    let files = try TestSchema.reflected(Self.one, Self.two, TestSchema.file("three", service: "T"))
    let kept = files.keeping(services: ["one.S"])
    #expect(kept.services == ["one.S"] && kept.files.map(\.name) == ["one.proto"])
    let both = files.keeping(services: ["two.S"])
    #expect(both.services == ["two.S"])
    #expect(both.files.map(\.name) == ["one.proto", "two.proto"])
    let (schema, warnings) = try both.schema(source: "test")
    #expect(schema.services.map(\.fullName).filter { $0.hasSuffix(".S") } == ["two.S"])
    #expect(warnings.isEmpty)
  }

  @Test func `a service that can't be linked is left out`() throws {
    let lost = TestSchema.file("lost", service: "L", imports: ["gone.proto"], type: "Gone")
    var field = TestSchema.file("bad", service: "B")
    field.messages[0].fields = [
      TestSchema.Field(name: "a", number: 1, type: 11, typeName: ".gone.Gone")
    ]
    let files = try TestSchema.reflected(Self.one, field, lost)
    let (schema, warnings) = try files.schema(source: "test")
    #expect(schema.services.map(\.fullName).contains("one.S"))
    #expect(!schema.services.map(\.fullName).contains("bad.B"))
    #expect(warnings.count == 1 && warnings[0].hasPrefix("bad.B is left out: "))
  }

  @Test func `of two conflicting declarations the first service's is used`() throws {
    var first = TestSchema.file("one", service: "S")
    var second = TestSchema.file("one", service: "T")
    first.file = "a/one.proto"
    second.file = "vendor/one.proto"
    let equal = try TestSchema.reflected(first, second).schema(source: "test")
    #expect(equal.warnings.isEmpty && equal.schema.services.map(\.fullName) == ["one.S", "one.T"])
    second.messages[0].fields[0].number = 2
    let unequal = try TestSchema.reflected(first, second).schema(source: "test")
    #expect(unequal.schema.services.map(\.fullName) == ["one.S"])
    #expect(
      unequal.warnings == [
        "one.T is left out: one.Note: declared in two ways, in a/one.proto and in vendor/one.proto "
          + "(only the first has field 1, name); give the service one of them"
      ])
  }

  @Test func `the reason is reported if nothing can be linked`() throws {
    var schema = TestSchema.file("bad", service: "B")
    schema.messages[0].fields = [
      TestSchema.Field(name: "a", number: 1, type: 11, typeName: ".gone.Gone")
    ]
    let files = try TestSchema.reflected(schema)
    #expect(throws: SchemaLoadError.self) { try files.schema(source: "test") }
  }
}
