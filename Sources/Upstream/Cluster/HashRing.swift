internal import BridgeConfiguration

/// A consistent hash ring (Karger et al.): a hash maps to the same member while that is present, and a member
/// that is added or removed moves only its share of the hashes. Immutable.
struct HashRing {
  private struct Point {
    var hash: UInt64
    var id: MemberID
  }

  private let points: [Point]

  /// Points of the lightest member, and of all together at most. With 100 points each, shares differ by
  /// about a tenth.
  private static let pointsPerMember = 100
  private static let mostPoints = 100_000

  /// - Parameter members: the names decide the places, so that every process has the same ring.
  init(_ members: [(id: MemberID, weight: Int, name: String)]) {
    let present = members.filter { $0.weight > 0 }
    let lightest = present.map(\.weight).min() ?? 1
    let total = present.reduce(0.0) { $0 + Double($1.weight) / Double(lightest) }
    let scale = min(Double(Self.pointsPerMember), Double(Self.mostPoints) / max(1, total))
    var points: [Point] = []
    for member in present {
      let share = Double(member.weight) / Double(lightest) * scale
      for number in 0..<max(1, Int(share)) {
        points.append(Point(hash: StableHash.of("\(member.name) \(number)".utf8), id: member.id))
      }
    }
    self.points = points.sorted { ($0.hash, $0.id) < ($1.hash, $1.id) }
  }

  /// The first member on the ring at or after the hash that is usable; nil if none is.
  func first(from hash: UInt64, where isUsable: (MemberID) -> Bool) -> MemberID? {
    var low = 0
    var high = self.points.count
    while low < high {
      let middle = (low + high) / 2
      if self.points[middle].hash < hash { low = middle + 1 } else { high = middle }
    }
    for step in 0..<self.points.count {
      let id = self.points[(low + step) % self.points.count].id
      if isUsable(id) { return id }
    }
    return nil
  }
}
