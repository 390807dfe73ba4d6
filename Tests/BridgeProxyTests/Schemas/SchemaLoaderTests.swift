import BridgeProxy
import Codec
import Testing

/// With the real protoc, in temporary folders.
@Suite struct SchemaLoaderTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
  }

  private func load(
    _ names: [String], importPaths: [String] = [], compiler: ProtocCompiler = ProtocCompiler()
  ) async throws -> Schema {
    try await SchemaLoader(compiler: compiler).load(
      names.map { "\(self.folder.path)/\($0)" },
      importPaths: importPaths.map { "\(self.folder.path)/\($0)" })
  }

  private func faults(
    _ names: [String], importPaths: [String] = [], compiler: ProtocCompiler = ProtocCompiler()
  ) async -> String {
    do {
      _ = try await self.load(names, importPaths: importPaths, compiler: compiler)
      return ""
    } catch {
      return "\(error)".replacing(self.folder.path, with: "<folder>")
    }
  }

  private static func proto(
    _ package: String, imports: [String] = [], _ body: String = ""
  ) -> String {
    let lines = imports.map { "import \"\($0)\";\n" }.joined()
    return "syntax = \"proto3\";\npackage \(package);\n\(lines)\(body)\n"
  }

  @Test func `a proto file is compiled, the built-in schemas are found`() async throws {
    try self.folder.write(
      "shelf.proto",
      Self.proto(
        "shelf", imports: ["google/api/annotations.proto", "google/protobuf/timestamp.proto"],
        """
        message Book { string name = 1; google.protobuf.Timestamp printed = 2; }
        service Shelf {
          rpc Get(Book) returns (Book) { option (google.api.http) = { get: "/v1/{name=books/*}" }; }
        }
        """))
    let schema = try await self.load(["shelf.proto"])
    #expect(schema.message(named: "shelf.Book") != nil)
    #expect(schema.message(named: "google.protobuf.Timestamp") != nil)
    #expect(schema.message(named: "google.rpc.Status") != nil)
    let method = try #require(schema.services.first { $0.fullName == "shelf.Shelf" }?.methods.first)
    #expect(method.path == "/shelf.Shelf/Get")
    #expect(method.httpRules == [HTTPRule(verb: "GET", template: "/v1/{name=books/*}")])
  }

  @Test func `imports are found beside the file, and below an import path`() async throws {
    try self.folder.write("a/one.proto", Self.proto("one", imports: ["two.proto"]))
    try self.folder.write("a/two.proto", Self.proto("two", imports: ["far/three.proto"]))
    try self.folder.write(
      "lib/far/three.proto", Self.proto("three", "message Three {}"))
    let schema = try await self.load(["a/one.proto"], importPaths: ["lib"])
    #expect(schema.message(named: "three.Three") != nil)
  }

  @Test func `a folder is one import root for all that is in it`() async throws {
    try self.folder.write("api/acme/v1/a.proto", Self.proto("a", imports: ["acme/v1/b.proto"]))
    try self.folder.write("api/acme/v1/b.proto", Self.proto("b", "message B {}"))
    try self.folder.write("api/readme.txt", "not a schema")
    try self.folder.write("api/.hidden/c.proto", "not even a schema")
    // The folder and a file in it: the file has one name all the same.
    let schema = try await self.load(["api/acme/v1/b.proto", "api"])
    #expect(schema.message(named: "b.B") != nil)
  }

  @Test func `an import path outside the folder names its files`() async throws {
    try self.folder.write("root/acme/a.proto", Self.proto("a", imports: ["acme/b.proto"]))
    try self.folder.write("root/acme/b.proto", Self.proto("b", "message B {}"))
    let schema = try await self.load(["root/acme"], importPaths: ["root"])
    #expect(schema.message(named: "b.B") != nil)
  }

  @Test func `the user's own copy of google's files wins, and two of them do no harm`() async throws
  {
    let own = "syntax = \"proto3\";\npackage google.rpc;\nmessage Status { int32 code = 1; }\n"
    for root in ["x", "y"] {
      try self.folder.write("\(root)/google/rpc/status.proto", own)
      try self.folder.write(
        "\(root)/\(root).proto", Self.proto(root, imports: ["google/rpc/status.proto"]))
    }
    let schema = try await self.load(["x", "y"])
    let status = try #require(schema.message(named: "google.rpc.Status"))
    #expect(schema[status].fields.map(\.name) == ["code"])
  }

  @Test func `a descriptor set is taken under any name, and from a folder`() async throws {
    // A file e.proto of package e with a message E.
    let set: [UInt8] =
      [0x0A, 0x13, 0x0A, 0x07] + Array("e.proto".utf8) + [0x12, 0x01] + Array("e".utf8)
      + [0x22, 0x03, 0x0A, 0x01] + Array("E".utf8) + [0x62, 0x00]
    try self.folder.write("set.anything", set)
    try self.folder.write("sets/deep/set.binpb", set)
    for name in ["set.anything", "sets"] {
      let schema = try await self.load([name])
      #expect(schema.message(named: "e.E") != nil)
    }
    // Both: one file twice with one content.
    #expect(try await self.load(["set.anything", "sets"]).message(named: "e.E") != nil)
  }

  @Test func `a file that is neither is refused by name`() async throws {
    try self.folder.write("text.txt", "hello")
    #expect(await self.faults(["text.txt"]).hasPrefix("<folder>/text.txt: "))
    try self.folder.write("empty/x.txt", "")
    #expect(
      await self.faults(["empty", "gone.proto"]) == """
        <folder>/empty: holds no .proto file and no descriptor set (.binpb, .pb, .desc, .protoset)
        <folder>/gone.proto: No such file or directory
        """)
  }

  @Test func `protoc's errors come with the file's own path, line and column`() async throws {
    try self.folder.write("bad.proto", "syntax = \"proto3\";\nmessage M {\n  int32 x\n}\n")
    try self.folder.write("worse.proto", Self.proto("w", "message W { Gone g = 1; }"))
    // The words are protoc's own and change with its version.
    let faults = await self.faults(["bad.proto", "worse.proto"])
    #expect(faults.hasPrefix("<folder>/bad.proto:4:1: "))
    #expect(await self.faults(["worse.proto"]).hasPrefix("<folder>/worse.proto:3:13: "))
  }

  @Test func `an import that is not found says which import path would help`() async throws {
    try self.folder.write("api/sub/acme/a.proto", Self.proto("a", imports: ["acme/b.proto"]))
    try self.folder.write("api/sub/acme/b.proto", Self.proto("b"))
    #expect(
      await self.faults(["api"]) == """
        acme/b.proto: not found; add <folder>/api/sub to import_paths
        <folder>/api/sub/acme/a.proto:3:1: Import "acme/b.proto" was not found or had errors.
        """)
    try self.folder.write("c.proto", Self.proto("c", imports: ["gone/d.proto"]))
    #expect(
      await self.faults(["c.proto"]) == """
        gone/d.proto: not found; add the folder that gone/d.proto is relative to to import_paths
        <folder>/c.proto:3:1: Import "gone/d.proto" was not found or had errors.
        """)
  }

  @Test func `two files of one import name are both named`() async throws {
    try self.folder.write("x/api.proto", Self.proto("x"))
    try self.folder.write("y/api.proto", Self.proto("y", "message Y {}"))
    #expect(
      await self.faults(["x/api.proto", "y/api.proto"]) == """
        <folder>/y/api.proto: an import can't tell it from <folder>/x/api.proto, both are api.proto; \
        add a folder above both to import_paths
        """)
    let schema = try await self.load(["x/api.proto", "y/api.proto"], importPaths: ["."])
    #expect(schema.message(named: "y.Y") != nil)
  }

  @Test func `an edition that this protoc can't read is explained`() async throws {
    try self.folder.write("e.proto", "edition = \"2023\";\nmessage M { int32 x = }\n")
    #expect(await self.faults(["e.proto"]).contains("uses an edition, which takes protoc 27 or later"))
  }

  @Test func `a path that protoc would split is refused`() async throws {
    try self.folder.write("a:b/c.proto", Self.proto("c"))
    #expect(await self.faults(["a:b/c.proto"]).contains("can't take a path with a colon"))
  }

  @Test func `without protoc the way out is told`() async throws {
    try self.folder.write("a.proto", Self.proto("a"))
    var compiler = ProtocCompiler()
    compiler.searchPath = self.folder.path
    #expect(
      await self.faults(["a.proto"], compiler: compiler).hasPrefix(
        "protoc: not found, and .proto files need it; install it (apt install protobuf-compiler)"))
  }

  @Test func `a protoc that never ends is killed`() async throws {
    try self.folder.write("a.proto", Self.proto("a"))
    try self.folder.writeProgram("protoc", "#!/bin/sh\nexec sleep 600\n")
    var compiler = ProtocCompiler()
    compiler.searchPath = self.folder.path + ":/usr/bin:/bin"
    compiler.timeLimit = .milliseconds(50)
    #expect(
      await self.faults(["a.proto"], compiler: compiler)
        == "protoc: gave no result within 50ms; give a descriptor set instead")
  }

  @Test func `a protoc that writes without end is stopped`() async throws {
    try self.folder.write("a.proto", Self.proto("a"))
    try self.folder.writeProgram("protoc", "#!/bin/sh\nexec cat /dev/zero\n")
    var compiler = ProtocCompiler()
    compiler.searchPath = self.folder.path + ":/usr/bin:/bin"
    compiler.outputByteLimit = 1000
    #expect(
      await self.faults(["a.proto"], compiler: compiler)
        == "protoc: wrote more than 1000 bytes; list fewer files")
  }
}
