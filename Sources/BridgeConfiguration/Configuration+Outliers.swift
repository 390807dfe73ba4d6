extension Configuration {
  /// Outlier detection: when an endpoint is ejected because of failing calls.
  package struct Outliers: Sendable, Equatable {
    /// Consecutive failures; 0: never. Default 5.
    package var consecutiveFailures = 5
    /// Whether an endpoint is ejected if its success rate is far below the others'. Default yes.
    package var usesSuccessRate = true
    /// How often success rates are compared. Default 10 s.
    package var interval: Duration = .seconds(10)
    /// Duration of an ejection; longer each time. Default 30 s.
    package var ejectionTime: Duration = .seconds(30)
    /// Maximum duration of an ejection. Default 5 min.
    package var longestEjection: Duration = .seconds(300)
    /// Maximum share of ejected endpoints, but always at least one. Default 0.5.
    package var mostEjected = 0.5

    package init() {}
  }
}
