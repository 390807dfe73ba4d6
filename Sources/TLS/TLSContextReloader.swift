/// When files that may be written at any time are worth reading. Pure.
///
/// A certificate and its key are seldom replaced at the same instant, so a change is acted on when the
/// next look finds the same again.
struct FileChangeDetector {
  /// The files whose content is in use, or was found wrong.
  private var known: TLSFingerprint
  /// Others, as they were at the last look.
  private var changed: TLSFingerprint?

  init(loaded: TLSFingerprint) {
    self.known = loaded
  }

  /// Takes the files as they are now.
  ///
  /// - Returns: whether to read them; asked once for each change.
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

/// Reads certificates, keys and authorities again when their files change, off the event loops.
package struct TLSContextReloader {
  /// What came of files that have changed.
  package enum Outcome: Sendable, Equatable {
    /// They hold for connections made from now on.
    case replaced(key: String)
    /// They are wrong; what was read before stays in use.
    case kept(key: String, reason: String)
  }

  private let contexts: [ReloadableTLSContext]
  private var reloads: [FileChangeDetector]

  package init(_ contexts: [ReloadableTLSContext]) {
    self.contexts = contexts
    self.reloads = contexts.map { FileChangeDetector(loaded: $0.current.fingerprint) }
  }

  /// Looks again and again until the task is cancelled.
  package mutating func run(_ report: (Outcome) -> Void) async {
    while (try? await Task.sleep(for: Self.interval)) != nil {
      for outcome in self.check() { report(outcome) }
    }
  }

  /// Looks once.
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

  /// How often the files are looked at: a change holds after two looks.
  private static let interval = Duration.seconds(2)
}
