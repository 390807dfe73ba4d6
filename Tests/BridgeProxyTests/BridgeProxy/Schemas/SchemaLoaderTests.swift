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

  @Test func `a proto file is compiled, and finds the built-in schemas`() async throws {
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

  @Test func `imports are found next to the file and below an import path`() async throws {
    try self.folder.write("a/one.proto", Self.proto("one", imports: ["two.proto"]))
    try self.folder.write("a/two.proto", Self.proto("two", imports: ["far/three.proto"]))
    try self.folder.write(
      "lib/far/three.proto", Self.proto("three", "message Three {}"))
    let schema = try await self.load(["a/one.proto"], importPaths: ["lib"])
    #expect(schema.message(named: "three.Three") != nil)
  }

  @Test func `a folder is the import root of all its files`() async throws {
    try self.folder.write("api/acme/v1/a.proto", Self.proto("a", imports: ["acme/v1/b.proto"]))
    try self.folder.write("api/acme/v1/b.proto", Self.proto("b", "message B {}"))
    try self.folder.write("api/readme.txt", "not a schema")
    try self.folder.write("api/.hidden/c.proto", "not even a schema")
    // The folder and a file in it: the file has one name all the same.
    let schema = try await self.load(["api/acme/v1/b.proto", "api"])
    #expect(schema.message(named: "b.B") != nil)
  }

  @Test func `an import path outside the folder contributes its files`() async throws {
    try self.folder.write("root/acme/a.proto", Self.proto("a", imports: ["acme/b.proto"]))
    try self.folder.write("root/acme/b.proto", Self.proto("b", "message B {}"))
    let schema = try await self.load(["root/acme"], importPaths: ["root"])
    #expect(schema.message(named: "b.B") != nil)
  }

  @Test func `the user's copies of google files win, and duplicates are harmless`() async throws {
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

  @Test func `a descriptor set is recognized under any name and in a folder`() async throws {
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

  @Test func `a file of another type is refused by name`() async throws {
    try self.folder.write("text.txt", "hello")
    #expect(await self.faults(["text.txt"]).hasPrefix("<folder>/text.txt: "))
    try self.folder.write("empty/x.txt", "")
    #expect(
      await self.faults(["empty", "gone.proto"]) == """
        <folder>/empty: contains no .proto file and no descriptor set (.binpb, .pb, .desc, .protoset)
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

  @Test func `the error for a missing import suggests an import path`() async throws {
    try self.folder.write("api/sub/acme/a.proto", Self.proto("a", imports: ["acme/b.proto"]))
    try self.folder.write("api/sub/acme/b.proto", Self.proto("b"))
    #expect(
      await self.faults(["api"]) == """
        <folder>/api/sub/acme/a.proto:3:1: imports acme/b.proto, which was not found; add --import-path \
        <folder>/api/sub (in a file: import_paths: [<folder>/api/sub]); searched in <folder>/api
        """)
    try self.folder.write("c.proto", Self.proto("c", imports: ["gone/d.proto"]))
    #expect(
      await self.faults(["c.proto"]) == """
        <folder>/c.proto:3:1: imports gone/d.proto, which was not found; give the folder that contains \
        gone/d.proto with --import-path (in a file: import_paths); searched in <folder> and above
        """)
  }

  @Test(arguments: [
    ("protos", "protos/acme/v1/b.proto"), ("", "acme/v1/b.proto"),
    ("protos/third_party/googleapis", "protos/third_party/googleapis/acme/v1/b.proto"),
    ("vendor", "vendor/acme/v1/b.proto"),
  ])
  func `imports are searched for in parent folders and next to them`(
    root: String, path: String
  ) async throws {
    try self.folder.write(
      "protos/acme/v1/a.proto",
      Self.proto(
        "a", imports: ["acme/v1/b.proto"],
        "message A { b.B b = 1; }\nservice S { rpc Do(A) returns (A); }"))
    try self.folder.write(path, Self.proto("b", "message B {}"))
    let root = root.isEmpty ? "<folder>" : "<folder>/\(root)"
    // One line: what follows from the import isn't there.
    #expect(
      await self.faults(["protos/acme/v1/a.proto"]) == """
        <folder>/protos/acme/v1/a.proto:3:1: imports acme/v1/b.proto, which was not found; add \
        --import-path \(root) (in a file: import_paths: [\(root)]); searched in \
        <folder>/protos/acme/v1
        """)
    let given = root == "<folder>" ? "." : String(root.dropFirst("<folder>/".count))
    _ = try await self.load(["protos/acme/v1/a.proto"], importPaths: [given])
  }

  // MARK: Copies

  private static let http = """
    syntax = "proto3";
    package google.api;
    message HttpRule {
      string selector = 1;
      oneof pattern { string get = 2; string put = 3; string post = 4; }
      string body = 7;
    }
    """

  private static func annotations(import name: String) -> String {
    """
    syntax = "proto3";
    package google.api;
    import "\(name)";
    import "google/protobuf/descriptor.proto";
    extend google.protobuf.MethodOptions { HttpRule http = 72295728; }
    """
  }

  private static func shelf(_ package: String, import name: String) -> String {
    Self.proto(
      package, imports: [name],
      """
      message Book { string name = 1; }
      service Shelf {
        rpc Get(Book) returns (Book) { option (google.api.http) = { get: "/\(package)/{name}" }; }
      }
      """)
  }

  @Test func `Google's files under another path declare the same types`() async throws {
    try self.folder.write("tree/vendor/google/api/http.proto", Self.http)
    try self.folder.write(
      "tree/vendor/google/api/annotations.proto",
      Self.annotations(import: "vendor/google/api/http.proto"))
    try self.folder.write(
      "tree/one.proto", Self.shelf("one", import: "vendor/google/api/annotations.proto"))
    // Beside files that import them by the usual path.
    try self.folder.write(
      "tree/two.proto", Self.shelf("two", import: "google/api/annotations.proto"))
    let schema = try await self.load(["tree"])
    let rules = schema.services.flatMap(\.methods).flatMap(\.httpRules).map(\.template)
    #expect(Set(rules).isSuperset(of: ["/one/{name}", "/two/{name}"]))
    #expect(schema.warnings == [])
    #expect(schema.messages.count { $0.fullName == "google.api.HttpRule" } == 1)
  }

  @Test func `copies of a third-party file count as one`() async throws {
    let common = Self.proto("acme", "message Common { string id = 1; }\nenum Kind { NONE = 0; }")
    for root in ["tree/acme", "tree/third_party/acme"] {
      try self.folder.write("\(root)/common.proto", common)
    }
    for (index, path) in ["acme/common.proto", "third_party/acme/common.proto"].enumerated() {
      try self.folder.write(
        "tree/user\(index).proto",
        Self.proto(
          "user\(index)", imports: [path],
          "message M { acme.Common common = 1; acme.Kind kind = 2; }"))
    }
    let schema = try await self.load(["tree"])
    #expect(schema.messages.count { $0.fullName == "acme.Common" } == 1)
    #expect(schema.message(named: "user0.M") != nil && schema.message(named: "user1.M") != nil)
  }

  @Test func `the well-known types bundled in one vendor file give a schema`() async throws {
    try self.folder.write(
      "tree/vendor/wkt.proto",
      """
      syntax = "proto3";
      package google.protobuf;
      message Timestamp { int64 seconds = 1; int32 nanos = 2; }
      message StringValue { string value = 1; }
      """)
    try self.folder.write(
      "tree/a.proto",
      Self.proto(
        "a", imports: ["vendor/wkt.proto"],
        "message A { google.protobuf.Timestamp at = 1; google.protobuf.StringValue name = 2; }"))
    let schema = try await self.load(["tree"])
    #expect(schema.message(named: "a.A") != nil)
    // The rest of the built-in files is there.
    #expect(schema.message(named: "google.protobuf.Int32Value") != nil)
    #expect(schema.messages.count { $0.fullName == "google.protobuf.StringValue" } == 1)
  }

  @Test(arguments: [
    ("message C { string id = 1; }", "message C { int32 id = 1; }", "field 1, id"),
    ("message C { string id = 1; }", "message C {}", "only the first has field 1, id"),
    ("message C {}", "message C { string id = 1; }", "only the second has field 1, id"),
    ("message C { message D {} }", "message C {}", "the nested message D"),
    ("enum C { A = 0; B = 1; }", "enum C { A = 0; B = 2; }", "the value B = 1"),
    ("message C {}", "enum C { A = 0; }", "they are of different kinds"),
    (
      "message M {} service C { rpc Do(M) returns (M); }", "message M {} service C {}",
      "the method Do"
    ),
  ])
  func `conflicting declarations are reported with their difference`(
    first: String, second: String, difference: String
  ) async throws {
    try self.folder.write("x/one.proto", Self.proto("acme", first))
    try self.folder.write("x/two.proto", Self.proto("acme", second))
    #expect(
      await self.faults(["x"])
        == "acme.C: declared in two ways, in one.proto and in two.proto (\(difference)); give the "
        + "service one of them")
  }

  @Test func `two files with one import name are both reported`() async throws {
    try self.folder.write("x/api.proto", Self.proto("x"))
    try self.folder.write("y/api.proto", Self.proto("y", "message Y {}"))
    #expect(
      await self.faults(["x/api.proto", "y/api.proto"]) == """
        <folder>/y/api.proto: has the same import name as <folder>/x/api.proto, api.proto; \
        add a common parent folder to import_paths
        """)
    let schema = try await self.load(["x/api.proto", "y/api.proto"], importPaths: ["."])
    #expect(schema.message(named: "y.Y") != nil)
  }

  @Test func `an edition that protoc doesn't support is explained`() async throws {
    try self.folder.write("e.proto", "edition = \"2023\";\nmessage M { int32 x = }\n")
    #expect(
      await self.faults(["e.proto"]).contains("uses an edition, which requires protoc 27 or later"))
  }

  @Test func `a path that protoc would split is refused`() async throws {
    try self.folder.write("a:b/c.proto", Self.proto("c"))
    #expect(await self.faults(["a:b/c.proto"]).contains("doesn't accept a path with a colon"))
  }

  @Test func `the error without protoc names the alternatives`() async throws {
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
        == "protoc: did not finish within 50ms; give a descriptor set instead")
  }

  @Test func `a protoc that writes endlessly is stopped`() async throws {
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
