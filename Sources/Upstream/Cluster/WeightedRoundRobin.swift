internal import HeapModule

/// Weighted round robin by earliest deadline first, Envoy's scheduler of the same name.
///
/// Each candidate has a deadline; the earliest is picked and moves on by the inverse of its weight. A pick
/// costs O(log n), a change of candidates O(n). Picks of a heavy candidate are spread between those of the
/// others, because first deadlines are half a step away.
struct WeightedRoundRobin {
  private struct Entry: Comparable {
    let id: MemberID
    let step: Double
    var deadline: Double
    /// Decides between equal deadlines: the order of the candidates, then of the picks.
    var turn: UInt64

    static func < (left: Entry, right: Entry) -> Bool {
      (left.deadline, left.turn) < (right.deadline, right.turn)
    }
  }

  private var entries = Heap<Entry>()
  /// The deadline of the last pick.
  private var now = 0.0
  private var turn: UInt64 = 0

  /// Replaces the candidates. Those that were there keep their deadlines, counted from now: a deadline that grew
  /// for months would lose the steps of heavy candidates to rounding.
  mutating func setCandidates(_ candidates: [Balancer.Candidate]) {
    let known = Dictionary(
      self.entries.unordered.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    self.entries = Heap(
      candidates.map { candidate in
        let step = 1 / Double(candidate.weight)
        var entry = Entry(
          id: candidate.id, step: step, deadline: step / 2, turn: self.turn)
        self.turn += 1
        if let present = known[candidate.id], present.step == step {
          entry.deadline = present.deadline - self.now
          entry.turn = present.turn
        }
        return entry
      })
    self.now = 0
  }

  /// Picks the next candidate that isn't excluded; nil if all are.
  mutating func pick(excluding excluded: [MemberID]) -> MemberID? {
    var skipped: [Entry] = []
    defer { for entry in skipped { self.entries.insert(entry) } }
    while var entry = self.entries.popMin() {
      guard !excluded.contains(entry.id) else {
        skipped.append(entry)
        continue
      }
      // One that was excluded for a while doesn't catch up.
      self.now = max(self.now, entry.deadline)
      entry.deadline = self.now + entry.step
      entry.turn = self.turn
      self.turn += 1
      self.entries.insert(entry)
      return entry.id
    }
    return nil
  }
}
