internal import Glibc
package import NIOCore
internal import NIOPosix
internal import Synchronization
internal import Time

/// Receives access entries on the event loops and writes them on a separate thread.
///
/// Each loop has a recorder that formats lines into a buffer, which is passed to the writer when it's
/// full or half a second old. If the writer can't keep up, buffers are dropped and the number of their
/// lines is logged instead: the log never delays a request. Call `shutDown` before releasing the writer.
package final class AccessLogWriter: Sendable {
  /// Writes all bytes of a buffer; returns false if it can't. Called only on the writer's thread.
  package typealias Output = @Sendable (_ bytes: [UInt8]) -> Bool

  /// Buffers of this size are passed to the writer.
  static let bufferByteCount = 32 << 10
  /// Maximum number of buffers queued for the writer (2 MiB). Stops a stalled reader of the log (a full
  /// pipe) from filling memory.
  static let waitingBufferLimit = 64
  /// Maximum time that a line is buffered.
  static let longestWait = TimeAmount.milliseconds(500)

  private struct State {
    var waiting = 0
    var droppedLines = 0
    /// Empty buffers with their capacity, for reuse by the recorders.
    var spare: [[UInt8]] = []
    var recorders: [NIOLoopBound<AccessLogRecorder>] = []
    /// Used only on the writer's thread.
    var formatter = AccessLogFormatter()
  }

  private let state = Mutex(State())
  private let thread = NIOThreadPool(numberOfThreads: 1)
  private let output: Output

  /// - Parameter output: the destination of the bytes; standard output by default.
  package init(output: @escaping Output = AccessLogWriter.standardOutput) {
    self.output = output
    self.thread.start()
  }

  /// Creates the recorder of a loop. Call it on that loop.
  package func makeRecorder(on eventLoop: any EventLoop) -> AccessLogRecorder {
    let recorder = AccessLogRecorder(writer: self, eventLoop: eventLoop)
    let bound = NIOLoopBound(recorder, eventLoop: eventLoop)
    self.state.withLock { $0.recorders.append(bound) }
    return recorder
  }

  /// Writes what the recorders have buffered and ends the thread. Nothing may be recorded afterwards.
  ///
  /// - Parameter limit: timeout; a stalled writer is abandoned.
  package func shutDown(within limit: Duration = .seconds(2)) async {
    let recorders = self.state.withLock { state in
      defer { state.recorders = [] }
      return state.recorders
    }
    for recorder in recorders {
      try? await recorder.eventLoop.submit { recorder.value.flush() }.get()
    }
    // Runs after everything that is queued: there's one thread. A stalled thread never gets there, and a
    // task group can't abandon it.
    let (isDone, done) = AsyncStream.makeStream(of: Never.self)
    self.thread.submit { _ in done.finish() }
    let timer = Task {
      try? await Task.sleep(for: limit)
      done.finish()
    }
    for await _ in isDone {}
    timer.cancel()
    self.thread.shutdownGracefully { _ in }
  }

  /// Passes a buffer of lines to the writer and returns an empty one.
  func write(_ buffer: consuming [UInt8], lineCount: Int) -> [UInt8] {
    let isAccepted = self.state.withLock { state in
      guard state.waiting < Self.waitingBufferLimit else {
        state.droppedLines += lineCount
        return false
      }
      state.waiting += 1
      return true
    }
    guard isAccepted else {
      buffer.removeAll(keepingCapacity: true)
      return buffer
    }
    let lines = buffer
    self.thread.submit { state in
      // Cancelled after shutdown, on a thread that isn't the writer's.
      if case .active = state { self.writeNow(lines, lineCount: lineCount) }
    }
    return self.state.withLock { $0.spare.popLast() } ?? []
  }

  /// Called on the writer's thread.
  private func writeNow(_ lines: consuming [UInt8], lineCount: Int) {
    let isWritten = self.output(lines)
    let notice: [UInt8]? = self.state.withLock { state in
      if !isWritten { state.droppedLines += lineCount }
      guard isWritten, state.droppedLines > 0 else { return nil }
      var notice: [UInt8] = []
      state.formatter.append(droppedLines: state.droppedLines, at: .now(), to: &notice)
      state.droppedLines = 0
      return notice
    }
    if let notice { _ = self.output(notice) }
    lines.removeAll(keepingCapacity: true)
    self.state.withLock { [lines] state in
      state.waiting -= 1
      if state.spare.count < 8 { state.spare.append(lines) }
    }
  }

  /// Writes to standard output, blocking while it's a full pipe.
  package static let standardOutput: Output = { bytes in
    var written = 0
    while written < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(
          STDOUT_FILENO, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
      }
      if result >= 0 {
        written += result
      } else if errno == EAGAIN {
        var descriptor = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&descriptor, 1, 1000)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}

/// The access recorder of one event loop.
package final class AccessLogRecorder: AccessRecorder {
  private let writer: AccessLogWriter
  private let eventLoop: any EventLoop
  private var formatter = AccessLogFormatter()
  private var buffer: [UInt8] = []
  private var lineCount = 0
  private var isFlushScheduled = false

  fileprivate init(writer: AccessLogWriter, eventLoop: any EventLoop) {
    self.writer = writer
    self.eventLoop = eventLoop
    self.buffer.reserveCapacity(AccessLogWriter.bufferByteCount + 1024)
  }

  /// Formats one line. Called on the recorder's loop.
  package func record(_ entry: AccessEntry) {
    self.formatter.append(entry, at: .now(), to: &self.buffer)
    self.lineCount += 1
    if self.buffer.count >= AccessLogWriter.bufferByteCount {
      self.flush()
    } else if !self.isFlushScheduled {
      self.isFlushScheduled = true
      // Not cancelled when the buffer fills up earlier: it then flushes a newer buffer, or none.
      self.eventLoop.assumeIsolated().scheduleTask(in: AccessLogWriter.longestWait) {
        self.isFlushScheduled = false
        self.flush()
      }
    }
  }

  /// Passes the buffered lines to the writer. Called on the recorder's loop.
  func flush() {
    guard self.lineCount > 0 else { return }
    var lines: [UInt8] = []
    swap(&lines, &self.buffer)
    self.buffer = self.writer.write(lines, lineCount: self.lineCount)
    self.lineCount = 0
  }
}
