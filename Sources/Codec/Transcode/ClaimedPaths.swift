/// The fields that path and query have set, each as the path of fields that leads to it, in the order
/// in which they came. Kept between messages for its memory.
///
/// The last path may be open: it grows by `append` until it's `claim`ed or `drop`ped.
struct ClaimedPaths {
  /// The steps of all paths back to back: places in `Plan.fields`.
  private var steps: [Int32] = []
  /// Where each claimed path ends in `steps`.
  private var ends: [Int] = []
  /// Where the open path begins.
  private var openStart = 0

  mutating func removeAll() {
    self.openStart = 0
    if !self.steps.isEmpty { self.steps.removeAll(keepingCapacity: true) }
    if !self.ends.isEmpty { self.ends.removeAll(keepingCapacity: true) }
  }

  mutating func append(_ step: Int32) {
    self.steps.append(step)
  }

  mutating func claim() {
    self.openStart = self.steps.count
    self.ends.append(self.openStart)
  }

  mutating func drop() {
    self.steps.removeLast(self.steps.count - self.openStart)
  }

  /// How many paths are claimed.
  var count: Int { self.ends.count }

  /// Where the claimed path at `index` has its steps, the first path at 0.
  subscript(index: Int) -> Range<Int> {
    (index == 0 ? 0 : self.ends[index - 1])..<self.ends[index]
  }

  /// Where the path that isn't claimed yet has its steps.
  var open: Range<Int> { self.openStart..<self.steps.count }

  /// The field at a place in such a range.
  func step(at place: Int) -> Int32 {
    self.steps[place]
  }

  /// Whether the open path is one of the first `count` that are claimed.
  func isOpenClaimed(amongFirst count: Int) -> Bool {
    for index in 0..<count
    where self[index].count == self.open.count
      && self.sharesSteps(self[index], self.open, count: self.open.count)
    {
      return true
    }
    return false
  }

  /// Whether two paths begin with the same `count` steps, which both must have.
  func sharesSteps(_ first: Range<Int>, _ second: Range<Int>, count: Int) -> Bool {
    for depth in 0..<count
    where self.steps[first.lowerBound + depth] != self.steps[second.lowerBound + depth] {
      return false
    }
    return true
  }
}
