import BridgeProxy
import Testing

@testable import LocalFiles

@Suite struct FilePathsTests {
  @Test(arguments: [
    ("a.proto", "/etc/bridge", "/etc/bridge/a.proto"),
    ("./a/./b/../c", "/etc", "/etc/a/c"),
    ("../x", "/etc/bridge", "/etc/x"),
    ("../../../x", "/etc", "/x"),
    ("/abs//b/", "/etc", "/abs/b"),
    ("", "/etc", "/etc"),
  ])
  func `a path is made absolute and normalized`(path: String, folder: String, expected: String) {
    #expect(FilePaths.absolute(path, in: folder) == expected)
  }

  @Test func `a path has a folder, and a path relative to it`() {
    #expect(FilePaths.folder(of: "/a/b.c") == "/a")
    #expect(FilePaths.folder(of: "/a") == "/")
    #expect(FilePaths.relative("/a/b/c", to: "/a") == "b/c")
    #expect(FilePaths.relative("/ab/c", to: "/a") == nil)
    #expect(FilePaths.relative("/a", to: "/a") == nil)
    #expect(FilePaths.relative("/a", to: "/") == "a")
  }
}
