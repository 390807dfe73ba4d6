/// Formats durations.
package enum DurationText {
  /// A duration in configuration syntax: `30s`, `1500ms`.
  package static func of(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    let milliseconds = attoseconds / 1_000_000_000_000_000
    return milliseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + milliseconds)ms"
  }
}
