import Glibc
import NIOCore
import Testing

@testable import Downstream
@testable import ProcessResources

/// When the system is short of what connections need.
struct AcceptThrottleTests {
  @Test func `a pause and its end are logged once`() {
    var state = AcceptState()
    let start = NIODeadline.uptimeNanoseconds(1)
    #expect(state.checked(isThere: true, at: start) == .init())
    let first = state.ranOut(.systemDescriptors, at: start)
    #expect(first.accepts == false)
    #expect(
      first.note == "the system is out of file descriptors (raise fs.file-max); no connections "
        + "are accepted until some close")
    #expect(state.isPaused)
    #expect(state.ranOut(.descriptors, at: start) == .init())
    #expect(state.checked(isThere: false, at: start) == .init())
    #expect(
      state.checked(isThere: true, at: start)
        == .init(accepts: true, note: "accepting connections again"))
    #expect(state.ranOut(.memory, at: start + .seconds(59)) == .init(accepts: false))
    #expect(state.checked(isThere: true, at: start + .seconds(59)) == .init(accepts: true))
    #expect(state.ranOut(.memory, at: start + .seconds(60)).note != nil)
  }

  @Test(
    arguments: [
      (EMFILE, "ulimit -n"), (ENFILE, "fs.file-max"), (ENOBUFS, "memory"), (ENOMEM, "memory"),
      (ECONNABORTED, nil), (EBADF, nil),
    ] as [(Int32, String?)])
  func `errors for lack of resources are shortages`(_ code: Int32, _ part: String?) {
    let text = Shortage(errno: code)?.description
    #expect((text == nil) == (part == nil))
    if let text, let part { #expect(text.contains(part)) }
  }

  @Test(arguments: [(48, 6), (16, 4), (1024, 64), (1 << 20, 64)])
  func `the descriptor reserve is a share of the limit`(_ limit: Int, _ count: Int) {
    #expect(DescriptorReserve(limit: limit).count == count)
  }

  @Test func `reserved descriptors are given back`() {
    var reserve = DescriptorReserve(limit: 64)
    #expect(reserve.isReleased)
    #expect(reserve.fill() == true)
    #expect(!reserve.isReleased)
    #expect(reserve.fill() == true)
    reserve.release()
    #expect(reserve.isReleased)
  }

  @Test func `limits above the available descriptors cause a warning`() throws {
    #expect(OpenFiles.warning(limit: 20_000, perLoop: 10_000, loops: 2) == nil)
    #expect(OpenFiles.warning(limit: 0, perLoop: 10_000, loops: 2) == nil)
    let text = try #require(OpenFiles.warning(limit: 4096, perLoop: 10_000, loops: 2))
    for part in ["limits.client_connections", "10000", "2 event loops", "4096", "LimitNOFILE="] {
      #expect(text.contains(part))
    }
  }
}
