import Glibc
import NIOCore
import Testing

@testable import Downstream
@testable import ProcessResources

/// When the system is short of what connections need.
struct AcceptThrottleTests {
  @Test("a pause is told of once, and so is its end; one that comes soon after isn't")
  func states() {
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
    "what is a shortage",
    arguments: [
      (EMFILE, "ulimit -n"), (ENFILE, "fs.file-max"), (ENOBUFS, "memory"), (ENOMEM, "memory"),
      (ECONNABORTED, nil), (EBADF, nil),
    ] as [(Int32, String?)])
  func shortages(_ code: Int32, _ part: String?) {
    let text = Shortage(errno: code)?.description
    #expect((text == nil) == (part == nil))
    if let text, let part { #expect(text.contains(part)) }
  }

  @Test(
    "the reserve is a share of the limit", arguments: [(48, 6), (16, 4), (1024, 64), (1 << 20, 64)])
  func reserve(_ limit: Int, _ count: Int) {
    #expect(DescriptorReserve(limit: limit).count == count)
  }

  @Test("what is held is given back")
  func holds() {
    var reserve = DescriptorReserve(limit: 64)
    #expect(reserve.isReleased)
    #expect(reserve.fill() == true)
    #expect(!reserve.isReleased)
    #expect(reserve.fill() == true)
    reserve.release()
    #expect(reserve.isReleased)
  }

  @Test("a warning where clients may need more than there are")
  func warning() throws {
    #expect(OpenFiles.warning(limit: 20_000, perLoop: 10_000, loops: 2) == nil)
    #expect(OpenFiles.warning(limit: 0, perLoop: 10_000, loops: 2) == nil)
    let text = try #require(OpenFiles.warning(limit: 4096, perLoop: 10_000, loops: 2))
    for part in ["limits.client_connections", "10000", "2 event loops", "4096", "LimitNOFILE="] {
      #expect(text.contains(part))
    }
  }
}
