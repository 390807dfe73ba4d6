package import NIOCore

/// A connection or a response that queues output and writes it at the end of the loop's current tick.
package protocol DeferredFlush: AnyObject {
  /// Whether it's in a `FlushQueue`. Written by the queue alone.
  var isFlushDue: Bool { get set }

  /// Writes what is queued. It may make others due, which follow in the same tick.
  func flush()
}

/// The flushes that are due at the end of one event loop's current tick: whatever is queued during a tick
/// leaves in one write per connection.
///
/// One queue serves all connections of a loop, to clients and to endpoints, at the cost of one loop task a
/// tick. May be created anywhere; used on its loop only.
package final class FlushQueue {
  /// The entries. Not the queue itself, which would own the task that owns it.
  private final class Entries {
    var due: ContiguousArray<any DeferredFlush> = []

    func flushAll() {
      var index = 0
      // Flushing one may add others: an event stream over HTTP/2 queues frames on its connection.
      while index < self.due.count {
        let flush = self.due[index]
        index += 1
        flush.isFlushDue = false
        flush.flush()
      }
      self.due.removeAll(keepingCapacity: true)
    }
  }

  private let eventLoop: any EventLoop
  private let entries = Entries()
  /// The loop task, created once so that scheduling it allocates nothing.
  private lazy var task: @Sendable () -> Void = {
    let entries = NIOLoopBound(self.entries, eventLoop: self.eventLoop)
    return { entries.value.flushAll() }
  }()

  package init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
  }

  /// Flushes `flush` at the end of the current tick, once however often it's added.
  package func add(_ flush: any DeferredFlush) {
    guard !flush.isFlushDue else { return }
    flush.isFlushDue = true
    self.entries.due.append(flush)
    if self.entries.due.count == 1 { self.eventLoop.execute(self.task) }
  }
}
