internal import NIOCore

/// A hashed timer wheel for the deadlines of many entries, most of which are cancelled before they
/// expire.
///
/// Entries are small numbers chosen by the owner (its table indices); the lists are linked by index
/// within an array, so that scheduling and cancelling touch only a few integers. Pure: the owner
/// supplies the time. It never fires early, and at most one tick late.
struct TimerWheel {
  private struct Entry {
    var next: Int32 = Self.none
    var previous: Int32 = Self.none
    /// When it's due, in ticks since `origin`; `idle` when it isn't in the wheel.
    var tick: Int64 = Self.idle

    static let none: Int32 = -1
    static let idle: Int64 = -1
  }

  /// The resolution. gRPC deadlines are rarely finer than 10 ms.
  static let tick = TimeAmount.milliseconds(10)
  /// 10.24 s per turn; an entry beyond that is skipped once per turn.
  private static let slotCount = 1024

  private let origin: NIODeadline
  /// The tick up to which everything has fired.
  private var currentTick: Int64 = 0
  /// The first entry of each slot.
  private var slots = [Int32](repeating: Entry.none, count: Self.slotCount)
  private var entries: [Entry] = []
  /// Entries in the wheel.
  private(set) var count = 0

  init(now: NIODeadline) {
    self.origin = now
  }

  var isEmpty: Bool { self.count == 0 }

  /// Schedules or reschedules an entry. One whose deadline has passed fires with the next tick.
  mutating func schedule(_ entry: Int, at deadline: NIODeadline) {
    self.cancel(entry)
    while self.entries.count <= entry { self.entries.append(Entry()) }
    let tick = max(self.currentTick + 1, Self.ticks(deadline - self.origin, roundedUp: true))
    let slot = Int(tick % Int64(Self.slotCount))
    let index = Int32(truncatingIfNeeded: entry)
    let head = self.slots[slot]
    self.entries[entry] = Entry(next: head, tick: tick)
    if head != Entry.none { self.entries[Int(head)].previous = index }
    self.slots[slot] = index
    self.count += 1
  }

  /// Cancels an entry, if it's scheduled.
  mutating func cancel(_ entry: Int) {
    guard entry < self.entries.count, self.entries[entry].tick != Entry.idle else { return }
    let removed = self.entries[entry]
    if removed.previous == Entry.none {
      self.slots[Int(removed.tick % Int64(Self.slotCount))] = removed.next
    } else {
      self.entries[Int(removed.previous)].next = removed.next
    }
    if removed.next != Entry.none { self.entries[Int(removed.next)].previous = removed.previous }
    self.entries[entry] = Entry()
    self.count -= 1
  }

  /// Removes the entries that are due and appends them to `due`.
  mutating func advance(to now: NIODeadline, into due: inout [Int]) {
    let target = Self.ticks(now - self.origin, roundedUp: false)
    guard target > self.currentTick else { return }
    // After a long sleep each slot needs only one visit.
    var tick = max(self.currentTick, target - Int64(Self.slotCount))
    self.currentTick = target
    while tick < target && self.count > 0 {
      tick += 1
      var index = self.slots[Int(tick % Int64(Self.slotCount))]
      while index != Entry.none {
        let entry = self.entries[Int(index)]
        if entry.tick <= target {
          self.cancel(Int(index))
          due.append(Int(index))
        }
        index = entry.next
      }
    }
  }

  private static func ticks(_ amount: TimeAmount, roundedUp: Bool) -> Int64 {
    let nanoseconds = max(0, amount.nanoseconds)
    let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: self.tick.nanoseconds)
    return roundedUp && rest > 0 ? quotient + 1 : quotient
  }
}
