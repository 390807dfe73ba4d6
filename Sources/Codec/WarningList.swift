/// Warnings of one load. Of each kind the first few are kept and the others counted: a foreign schema can
/// have thousands of faults of one kind, and nobody reads them all.
package struct WarningList: Sendable, Equatable {
  /// Kept of each kind.
  package static let limit = 10

  private var kept: [String] = []
  /// How many there were of each kind, in the order of their first ones.
  private var kinds: [(name: String, count: Int)] = []

  package init() {}

  package static func == (left: WarningList, right: WarningList) -> Bool {
    left.texts == right.texts
  }

  /// Adds one, cut and in one line.
  ///
  /// - Parameter kind: what many of them are called: "rules that are not served".
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

  /// Those that were kept, and for each kind that had more, how many.
  package var texts: [String] {
    self.kept
      + self.kinds.filter { $0.count > Self.limit }.map {
        "… and \($0.count - Self.limit) more \($0.name)"
      }
  }

  /// Characters of one.
  private static let textLimit = 600
}
