internal import Glibc
package import NIOCore
internal import NIOPosix
internal import Synchronization
internal import Time

/// Takes access entries on the event loops and writes them on a thread of its own.
///
/// Each loop has a recorder that formats lines into a buffer. A full buffer, or one that's half a
/// second old, goes to the writer; when the writer can't keep up, buffers are dropped and their lines
/// counted, and the count is written in their place: a log never holds up a request. `shutDown` must
/// be called before the writer goes.
package final class AccessLogWriter: Sendable {
  /// Takes all bytes of a buffer, or says that it can't. Called on the writer's thread only.
  package typealias Output = @Sendable (_ bytes: [UInt8]) -> Bool

  /// A buffer of this size goes to the writer.
  static let bufferByteCount = 32 << 10
  /// The most buffers that wait for the writer (2 MiB). Stops a stalled reader of the log (a full
  /// pipe) from filling memory.
  static let waitingBufferLimit = 64
  /// A line waits no longer than this.
  static let longestWait = TimeAmount.milliseconds(500)

  private struct State {
    var waiting = 0
    var droppedLines = 0
    /// Empty buffers with their memory, for the recorders.
    var spare: [[UInt8]] = []
    var recorders: [NIOLoopBound<AccessLogRecorder>] = []
    /// Only the writer's thread formats with it.
    var formatter = AccessLogFormatter()
  }

  private let state = Mutex(State())
  private let thread = NIOThreadPool(numberOfThreads: 1)
  private let output: Output

  /// - Parameter output: where the bytes go; standard output unless told otherwise.
  package init(output: @escaping Output = AccessLogWriter.standardOutput) {
    self.output = output
    self.thread.start()
  }

  /// Makes the recorder of a loop. Call it on that loop.
  package func makeRecorder(on eventLoop: any EventLoop) -> AccessLogRecorder {
    let recorder = AccessLogRecorder(writer: self, eventLoop: eventLoop)
    let bound = NIOLoopBound(recorder, eventLoop: eventLoop)
    self.state.withLock { $0.recorders.append(bound) }
    return recorder
  }

  /// Writes what the recorders hold and ends the thread. Nothing may be recorded after it.
  ///
  /// - Parameter limit: how long it may take; a writer that's stalled is left behind.
  package func shutDown(within limit: Duration = .seconds(2)) async {
    let recorders = self.state.withLock { state in
      defer { state.recorders = [] }
      return state.recorders
    }
    for recorder in recorders {
      try? await recorder.eventLoop.submit { recorder.value.flush() }.get()
    }
    // Behind everything that waits: there's one thread. A thread that's stalled never gets there,
    // and can't be waited for by a task group.
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

  /// Takes a buffer of lines and gives an empty one back.
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
      // Cancelled: after the end, on a thread that isn't the writer's.
      if case .active = state { self.writeNow(lines, lineCount: lineCount) }
    }
    return self.state.withLock { $0.spare.popLast() } ?? []
  }

  /// On the writer's thread.
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

  /// Writes to standard output, waiting where it's a pipe that's full.
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

  /// Formats one line. On the recorder's loop.
  package func record(_ entry: AccessEntry) {
    self.formatter.append(entry, at: .now(), to: &self.buffer)
    self.lineCount += 1
    if self.buffer.count >= AccessLogWriter.bufferByteCount {
      self.flush()
    } else if !self.isFlushScheduled {
      self.isFlushScheduled = true
      // Not cancelled when the buffer fills up before: it then finds a younger buffer, or none.
      self.eventLoop.assumeIsolated().scheduleTask(in: AccessLogWriter.longestWait) {
        self.isFlushScheduled = false
        self.flush()
      }
    }
  }

  /// Hands over what there is. On the recorder's loop.
  func flush() {
    guard self.lineCount > 0 else { return }
    var lines: [UInt8] = []
    swap(&lines, &self.buffer)
    self.buffer = self.writer.write(lines, lineCount: self.lineCount)
    self.lineCount = 0
  }
}
