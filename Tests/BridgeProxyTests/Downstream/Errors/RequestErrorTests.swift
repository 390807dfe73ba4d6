import Testing

@testable import BridgeConfiguration
@testable import Downstream
@testable import LocalFiles

/// The causes of the bridge's own errors, and their reference.
struct RequestErrorTests {
  /// docs/errors.md beside these tests.
  private static func reference(_ file: String = #filePath) throws -> String {
    let root = file.split(separator: "/").dropLast(5).joined(separator: "/")
    let bytes = try Files.read("/\(root)/docs/errors.md", limit: 1 << 20)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `every reason has exactly one row in docs/errors.md`() throws {
    let section = try #require(
      try Self.reference().split(separator: "\n## ").first { $0.hasPrefix("Reasons\n") })
    let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let named = rows.map { String($0.dropFirst(3).prefix { $0 != "`" }) }
    #expect(named.sorted() == RequestError.Reason.allCases.map(\.rawValue).sorted())
  }

  @Test func `every placeholder of a template is in docs/errors.md`() throws {
    let text = try Self.reference()
    for placeholder in ErrorTemplate.Placeholder.allCases {
      #expect(text.contains("`${\(placeholder.rawValue)}`"))
    }
  }
}
