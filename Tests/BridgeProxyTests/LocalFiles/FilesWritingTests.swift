import Testing

@testable import LocalFiles

/// Files that are there whole or not at all.
@Suite struct FilesWritingTests {
  private let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
  }

  @Test func `a file is written with its folders, and replaced`() throws {
    let path = self.folder.path + "/a/b/c.binpb"
    for bytes in [[1, 2, 3], [], Array(repeating: 7, count: 300_000)] as [[UInt8]] {
      try Files.replace(path, with: bytes)
      #expect(try Files.read(path, limit: 1 << 20) == bytes)
    }
    #expect(try Files.names(in: self.folder.path + "/a/b") == ["c.binpb"])
  }

  @Test func `the obstacle to a write is named, and no file is left`() throws {
    try self.folder.write("file", "")
    try self.folder.write("taken/inside", "")
    #expect(throws: FileError(description: "Not a directory")) {
      try Files.replace(self.folder.path + "/file/a", with: [1])
    }
    #expect(throws: FileError(description: "Is a directory")) {
      try Files.replace(self.folder.path + "/taken", with: [1])
    }
    #expect(try Files.names(in: self.folder.path) == ["file", "taken"])
  }
}
