import BridgeProxy
import Dispatch
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import AccessLogging
@testable import GRPCWire

@Suite struct AccessLogWriterTests {
  /// What a writer wrote, and a gate that holds it up.
  private final class Sink: Sendable {
    let text = Mutex("")
    let gate = DispatchSemaphore(value: 0)
    let isGated: Bool

    init(isGated: Bool = false) {
      self.isGated = isGated
    }

    var lines: [Substring] { self.text.withLock { $0.split(separator: "\n") } }

    func take(_ bytes: [UInt8]) -> Bool {
      if self.isGated { self.gate.wait() }
      self.text.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
      return true
    }
  }

  private static func entry(path: String) -> AccessEntry {
    AccessEntry(
      method: "GET", path: path, service: "s", rpc: "", httpStatus: 404, grpcCode: .notFound,
      requestBytes: 0, responseBytes: 1, duration: .milliseconds(1))
  }

  @Test func `buffered lines are written in order at shutdown`() async throws {
    let sink = Sink()
    let writer = AccessLogWriter { sink.take($0) }
    let loop = NIOAsyncTestingEventLoop()
    try await loop.executeInContext {
      let recorder = writer.makeRecorder(on: loop)
      for index in 0..<1000 { recorder.record(Self.entry(path: "/\(index)")) }
    }
    await writer.shutDown()
    #expect(sink.lines.count == 1000)
    for (index, line) in sink.lines.enumerated() {
      #expect(line.contains("\"path\":\"/\(index)\""))
    }
    await loop.shutdownGracefully()
  }

  @Test func `a line waits half a second for others to share its write`() async throws {
    let (stream, continuation) = AsyncStream.makeStream(of: String.self)
    let writer = AccessLogWriter { bytes in
      continuation.yield(String(decoding: bytes, as: UTF8.self))
      return true
    }
    let loop = NIOAsyncTestingEventLoop()
    try await loop.executeInContext {
      writer.makeRecorder(on: loop).record(Self.entry(path: "/one"))
    }
    await loop.advanceTime(by: .milliseconds(500))
    var written = stream.makeAsyncIterator()
    #expect(await written.next()?.contains("/one") == true)
    await writer.shutDown()
    await loop.shutdownGracefully()
  }

  @Test func `a stalled writer drops lines, which are counted, and uses no memory`() async throws {
    let sink = Sink(isGated: true)
    let writer = AccessLogWriter { sink.take($0) }
    let loop = NIOAsyncTestingEventLoop()
    let path = "/" + String(repeating: "x", count: 2000)
    let recorded = 10_000
    try await loop.executeInContext {
      let recorder = writer.makeRecorder(on: loop)
      for _ in 0..<recorded { recorder.record(Self.entry(path: path)) }
    }
    // 64 buffers of 32 KiB wait; one more passes for the flush at the end, if there's room by then.
    for _ in 0..<100 { sink.gate.signal() }
    await writer.shutDown()
    let notices = sink.lines.filter { $0.contains("dropped_lines") }
    let dropped = notices.compactMap { line in
      line.split(separator: ":").last.flatMap { Int($0.dropLast()) }
    }.reduce(0, +)
    let written = sink.lines.count - notices.count
    #expect(written < 64 * 17)
    #expect(written > 500)
    #expect(written + dropped == recorded)
    await loop.shutdownGracefully()
  }

  @Test func `a writer that never returns doesn't delay the shutdown`() async throws {
    let sink = Sink(isGated: true)
    let writer = AccessLogWriter { sink.take($0) }
    let loop = NIOAsyncTestingEventLoop()
    try await loop.executeInContext {
      writer.makeRecorder(on: loop).record(Self.entry(path: "/"))
    }
    await writer.shutDown(within: .milliseconds(10))
    #expect(sink.lines.isEmpty)
    sink.gate.signal()
    await loop.shutdownGracefully()
  }
}
