/// An identifier of a cluster's member, unique over the life of its `ClusterState` and dense from 1.
struct MemberID: Hashable, Comparable, Sendable {
  let rawValue: Int

  init(_ rawValue: Int) {
    self.rawValue = rawValue
  }

  static func < (left: MemberID, right: MemberID) -> Bool { left.rawValue < right.rawValue }
}
