/// The warnings of one load. The first few of each kind are kept and the others counted: a schema
/// can cause thousands of warnings of one kind.
package struct WarningList: Sendable, Equatable {
  /// The number of warnings kept of each kind.
  package static let limit = 10

  private var kept: [String] = []
  /// The number of warnings of each kind, in order of first occurrence.
  private var kinds: [(name: String, count: Int)] = []

  package init() {}

  package static func == (left: WarningList, right: WarningList) -> Bool {
    left.texts == right.texts
  }

  /// Adds a warning, truncated and on one line.
  ///
  /// - Parameter kind: the plural that describes this kind of warning: "rules that are not served".
  package mutating func add(_ kind: String, _ text: @autoclosure () -> String) {
    let ordinal: Int
    if let known = self.kinds.firstIndex(where: { $0.name == kind }) {
      ordinal = known
    } else {
      ordinal = self.kinds.count
      self.kinds.append((kind, 0))
    }
    self.kinds[ordinal].count += 1
    guard self.kinds[ordinal].count <= Self.limit else { return }
    self.kept.append(ForeignText.shown(text(), limit: Self.textLimit))
  }

  /// The warnings that were kept, and for each kind that had more, a line with their number.
  package var texts: [String] {
    self.kept
      + self.kinds.filter { $0.count > Self.limit }.map {
        "… and \($0.count - Self.limit) more \($0.name)"
      }
  }

  /// The maximum number of characters of one warning.
  private static let textLimit = 600
}
