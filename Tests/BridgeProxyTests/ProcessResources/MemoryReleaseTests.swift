import Testing

@testable import ProcessResources

/// When memory goes back.
struct MemoryReleaseTests {
  private static let mebibyte = 1 << 20

  @Test func `memory is released when it settles above idle, and ever less often`() {
    var schedule = MemoryReleaseSchedule(idle: 20 * Self.mebibyte)
    func sampled(_ mebibytes: Int) -> Bool {
      schedule.sampled(resident: mebibytes * Self.mebibyte)
    }
    // Nothing to give back.
    #expect([20, 20, 24, 24].map(sampled) == [false, false, false, false])
    // It still moves; then it doesn't.
    #expect([200, 150, 150].map(sampled) == [false, false, true])
    schedule.released(from: 150 * Self.mebibyte, to: 100 * Self.mebibyte)
    #expect([100, 100].map(sampled) == [false, true])
    // It's in use.
    for pause in [2, 4, 8, 12, 12] {
      schedule.released(from: 100 * Self.mebibyte, to: 100 * Self.mebibyte)
      for _ in 0..<pause { #expect(sampled(100) == false) }
      #expect(sampled(100) == true)
    }
    schedule.released(from: 100 * Self.mebibyte, to: 22 * Self.mebibyte)
    for _ in 0..<10 { #expect(sampled(22) == false) }
  }

  @Test func `the process knows its size, and releases memory safely`() throws {
    #expect(try #require(ProcessMemory.residentByteCount) > Self.mebibyte)
    ProcessMemory.releaseOfThread()
    ProcessMemory.release()
  }
}
