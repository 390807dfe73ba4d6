/// Decides when files that may be written at any time are worth reading. Pure.
///
/// A certificate and its key are seldom replaced at the same instant, so a change is acted on when two
/// successive checks find the same state.
struct FileChangeDetector {
  /// The files whose contents are in use, or were found invalid.
  private var known: TLSFingerprint
  /// A different state found by the last check.
  private var changed: TLSFingerprint?

  init(loaded: TLSFingerprint) {
    self.known = loaded
  }

  /// Compares the current state of the files.
  ///
  /// - Returns: whether to read them; true once for each change.
  mutating func check(_ fingerprint: TLSFingerprint) -> Bool {
    guard fingerprint != self.known else {
      self.changed = nil
      return false
    }
    guard fingerprint == self.changed else {
      self.changed = fingerprint
      return false
    }
    self.known = fingerprint
    self.changed = nil
    return true
  }
}

/// Reloads certificates, keys and authorities when their files change, off the event loops.
package struct TLSContextReloader {
  /// The result of reloading changed files.
  package enum Outcome: Sendable, Equatable {
    /// New connections use them.
    case replaced(key: String)
    /// They are invalid; the previous ones stay in use.
    case kept(key: String, reason: String)
  }

  private let contexts: [ReloadableTLSContext]
  private var reloads: [FileChangeDetector]

  package init(_ contexts: [ReloadableTLSContext]) {
    self.contexts = contexts
    self.reloads = contexts.map { FileChangeDetector(loaded: $0.current.fingerprint) }
  }

  /// Checks periodically until the task is cancelled.
  package mutating func run(_ report: (Outcome) -> Void) async {
    while (try? await Task.sleep(for: Self.interval)) != nil {
      for outcome in self.check() { report(outcome) }
    }
  }

  /// Checks once.
  mutating func check() -> [Outcome] {
    self.contexts.indices.compactMap { index in
      let contexts = self.contexts[index]
      guard self.reloads[index].check(TLSFingerprint(of: contexts.settings)) else { return nil }
      do throws(TLSSettingsError) {
        contexts.replace(by: try contexts.settings.load())
        return .replaced(key: contexts.key)
      } catch {
        return .kept(key: contexts.key, reason: error.reason)
      }
    }
  }

  /// Interval between checks: a change takes effect after two.
  private static let interval = Duration.seconds(2)
}
