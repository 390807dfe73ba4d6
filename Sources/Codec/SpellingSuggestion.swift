/// Finds the name that was probably meant, for error messages.
package enum SpellingSuggestion {
  /// Longer names aren't compared: the cost is the product of the lengths.
  private static let lengthLimit = 64
  /// The maximum number of candidates that are compared.
  private static let candidateLimit = 1000

  /// The candidate with the smallest edit distance from `name`, if that is at most a third of its
  /// length, or one. Swapping two neighbouring letters is one edit. Letter case and underscores are
  /// ignored.
  package static func name(to name: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Self.folded(name)
    guard !wanted.isEmpty, wanted.count <= Self.lengthLimit else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates.prefix(Self.candidateLimit) {
      let folded = Self.folded(candidate)
      guard folded.count <= Self.lengthLimit else { continue }
      let distance = Self.distance(wanted, folded)
      if distance < best?.distance ?? Int.max { best = (candidate, distance) }
    }
    guard let best, best.distance <= max(1, wanted.count / 3) else { return nil }
    return best.name
  }

  private static func folded(_ name: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in name.utf8.prefix(Self.lengthLimit * 2) where byte != UInt8(ascii: "_") {
      let isCapital = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
      bytes.append(isCapital ? byte | 0x20 : byte)
    }
    return bytes
  }

  /// The number of insertions, deletions, replacements and swaps of neighbours that turn one into
  /// the other, no letter being edited twice (Damerau's distance by optimal string alignment), row
  /// by row.
  package static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...second.count)
    for (index, byte) in first.enumerated() {
      var row = [index + 1]
      for (column, other) in second.enumerated() {
        var best = min(
          last[column] + (byte == other ? 0 : 1), last[column + 1] + 1, row[column] + 1)
        if index > 0, column > 0, byte == second[column - 1], first[index - 1] == other {
          best = min(best, beforeLast[column - 1] + 1)
        }
        row.append(best)
      }
      beforeLast = last
      last = row
    }
    return last[second.count]
  }
}
