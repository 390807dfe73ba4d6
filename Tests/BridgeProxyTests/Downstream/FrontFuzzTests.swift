import Foundation
import FrontFuzz
import Testing

/// What fuzzing the front has found stays found: the corpus, and every input that ever broke something.
/// `make fuzz` writes both; a trap ends the process, and the folder's last name in the log is the input's.
@Suite struct FrontFuzzTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../Fuzz/Front")

  @Test(
    arguments: FrontTarget.allCases,
    ["Corpus", "FailCases"])
  func `inputs from earlier fuzzing runs violate no property`(
    target: FrontTarget, kind: String
  ) throws {
    let inputs = try Self.inputs(of: target, in: kind)
    if kind == "Corpus" { #expect(!inputs.isEmpty, "\(target.rawValue) has no corpus") }
    for input in inputs {
      let bytes = [UInt8](try Data(contentsOf: input))
      do throws(BrokenProperty) {
        try target.run(bytes)
      } catch {
        Issue.record("\(kind)/\(target.rawValue)/\(input.lastPathComponent): \(error)")
      }
    }
  }

  @Test func `every corpus folder belongs to a target`() throws {
    let names = Set(FrontTarget.allCases.map(\.rawValue))
    for kind in ["Corpus", "FailCases", "Programs"] {
      let path = Self.folder.appendingPathComponent(kind).path
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let found = try FileManager.default.contentsOfDirectory(atPath: path)
      #expect(names.isSuperset(of: found), "\(found)")
    }
  }

  private static func inputs(of target: FrontTarget, in kind: String) throws -> [URL] {
    let url = Self.folder.appendingPathComponent(kind).appendingPathComponent(target.rawValue)
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }
}
