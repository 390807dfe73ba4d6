internal import FrontFuzz
internal import Glibc

/// The target named by the environment. One program has all of them, because each would take as
/// long to build as the bridge.
private let target: FrontTarget = {
  let names = FrontTarget.allCases.map(\.rawValue).joined(separator: ", ")
  guard let name = unsafe getenv("FUZZ_TARGET"),
    let target = FrontTarget(rawValue: unsafe String(cString: name))
  else { fatalError("FUZZ_TARGET is one of \(names)") }
  return target
}()

/// Runs the target with one input from libFuzzer. A broken property ends the process, as a trap
/// does, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
package func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  do throws(BrokenProperty) {
    try target.run(input)
  } catch {
    fatalError(error.description)
  }
  return 0
}
