internal import FuzzTargets

/// Runs the target `round-trip` with one input from libFuzzer. A broken property ends the process,
/// as a trap does, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
package func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  do throws(BrokenProperty) {
    try FuzzTarget.roundTrip.run(input)
  } catch {
    fatalError(error.description)
  }
  return 0
}
