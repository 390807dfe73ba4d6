extension Configuration {
  /// When an endpoint is left out because of how its calls end.
  package struct Outliers: Sendable, Equatable {
    /// Failures in a row; 0: whatever happens. Default 5.
    package var consecutiveFailures = 5
    /// Whether one is left out whose share of good ends is far below the others'. Default yes.
    package var usesSuccessRate = true
    /// How often the shares are compared. Default 10 s.
    package var interval: Duration = .seconds(10)
    /// For how long it's left out; longer each time. Default 30 s.
    package var ejectionTime: Duration = .seconds(30)
    /// The longest. Default 5 min.
    package var longestEjection: Duration = .seconds(300)
    /// The share of endpoints that may be left out, but always one. Default 0.5.
    package var mostEjected = 0.5

    package init() {}
  }
}
