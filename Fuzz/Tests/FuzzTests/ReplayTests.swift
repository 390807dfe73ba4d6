import Foundation
import FuzzTargets
import Testing

/// Replays the corpus, and every input that ever broke a property.
struct ReplayTests {
  static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../..")

  /// A trap ends the process: then the last name in this file is the input's.
  static let log = Self.package.appendingPathComponent(".build/replayed.txt")

  @Test(
    arguments: FuzzTarget.allCases,
    ["Corpus", "FailCases"])
  func `inputs from earlier fuzzing runs violate no property`(
    target: FuzzTarget, folder: String
  ) throws {
    let inputs = try Self.inputs(of: target, in: folder)
    if folder == "Corpus" { #expect(!inputs.isEmpty, "\(target.rawValue) has no corpus") }
    for input in inputs {
      try? Data("\(folder)/\(target.rawValue)/\(input.lastPathComponent)\n".utf8)
        .write(to: Self.log)
      let bytes = [UInt8](try Data(contentsOf: input))
      do throws(BrokenProperty) {
        try target.run(bytes)
      } catch {
        Issue.record("\(folder)/\(target.rawValue)/\(input.lastPathComponent): \(error)")
      }
    }
  }

  @Test func `every corpus folder belongs to a target`() throws {
    let names = Set(FuzzTarget.allCases.map(\.rawValue))
    for folder in ["Corpus", "FailCases"] {
      let found = try FileManager.default.contentsOfDirectory(
        atPath: Self.package.appendingPathComponent(folder).path)
      #expect(names.isSuperset(of: found), "\(found)")
    }
  }

  private static func inputs(of target: FuzzTarget, in folder: String) throws -> [URL] {
    let url = Self.package.appendingPathComponent(folder).appendingPathComponent(target.rawValue)
    guard FileManager.default.fileExists(atPath: url.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(at: url, includingPropertiesForKeys: nil)
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
  }
}
