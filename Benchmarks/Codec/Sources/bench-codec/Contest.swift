import CAllocations
import Glibc

/// A subject of measurement: one contestant in one direction over one corpus.
struct Contender {
  /// Repeats the work this many times. The output of a repetition is kept or discarded as it would
  /// be in use: the codec keeps its buffers, the others create messages and arrays.
  let run: (_ times: Int) throws -> Void

  init(_ run: @escaping (_ times: Int) throws -> Void) {
    self.run = run
  }
}

/// The measurements of a contender.
struct Measurement {
  /// The best round, per repetition.
  var nanoseconds = Double.infinity
  /// Heap allocations per repetition, after a warm-up.
  var allocations = 0.0
}

/// Measures contenders against each other.
///
/// They take turns, so that any other load on the machine affects all alike, and the best round of
/// each counts. The clock is the thread's CPU time, which excludes waiting for a core.
struct Contest {
  /// The number of turns of each.
  var rounds: Int
  /// The length of a turn, in nanoseconds.
  var turn: Double

  func measure(_ contenders: [Contender]) throws -> [Measurement] {
    var results = [Measurement](repeating: Measurement(), count: contenders.count)
    var times = [Int](repeating: 1, count: contenders.count)
    for (index, contender) in contenders.enumerated() {
      times[index] = try self.calibrate(contender)
      results[index].allocations = try Self.countAllocations(contender)
    }
    for round in 0..<self.rounds {
      for offset in contenders.indices {
        // Each round begins with another one.
        let index = (offset + round) % contenders.count
        let elapsed = try Self.time { try contenders[index].run(times[index]) }
        results[index].nanoseconds = min(
          results[index].nanoseconds, elapsed / Double(times[index]))
      }
    }
    return results
  }

  /// The number of repetitions in a turn. Also warms up.
  private func calibrate(_ contender: Contender) throws -> Int {
    var times = 1
    while true {
      let elapsed = try Self.time { try contender.run(times) }
      if elapsed >= self.turn / 4 {
        return max(1, Int(Double(times) * self.turn / elapsed))
      }
      times *= 4
    }
  }

  /// The difference between a long and a short run, which excludes the allocations of the run itself.
  private static func countAllocations(_ contender: Contender) throws -> Double {
    func count(_ times: Int) throws -> UInt64 {
      let before = CAllocations_count()
      try contender.run(times)
      return CAllocations_count() - before
    }
    let one = try count(1)
    let nine = try count(9)
    return (Double(nine) - Double(one)) / 8
  }

  private static func time(_ body: () throws -> Void) rethrows -> Double {
    let start = Self.now()
    try body()
    return Self.now() - start
  }

  /// CPU time of this thread in nanoseconds.
  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
  }
}
