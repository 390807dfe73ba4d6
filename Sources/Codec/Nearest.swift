/// Finds the name that somebody meant, for error messages.
package enum Nearest {
  /// Names longer than this aren't compared: the work is the product of the lengths.
  private static let lengthLimit = 64
  /// Of so many candidates at most.
  private static let candidateLimit = 1000

  /// The candidate with the fewest changed letters from `name`, if those are few: a third of its
  /// length, and at least one. Letter case and underscores cost nothing.
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

  /// Insertions, deletions and replacements that make one of the other (Levenshtein), row by row.
  package static func distance(_ first: [UInt8], _ second: [UInt8]) -> Int {
    var row = Array(0...second.count)
    for (index, byte) in first.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for (column, other) in second.enumerated() {
        let replaced = diagonal + (byte == other ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, diagonal + 1, row[column] + 1)
      }
    }
    return row[second.count]
  }
}
