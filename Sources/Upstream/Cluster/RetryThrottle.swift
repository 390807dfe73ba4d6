internal import BridgeConfiguration

/// Keeps retries from making an outage worse: gRPC's retry throttling (gRFC A6).
///
/// A token bucket: a failed attempt takes one, a successful call returns a fraction of one. While
/// it's at most half full, nothing is retried. Pure.
struct RetryThrottle {
  private let most: Double
  private let ratio: Double
  private var tokens: Double

  init(_ budget: Configuration.Retry.Budget) {
    self.most = Double(budget.tokens)
    self.ratio = budget.ratio
    self.tokens = self.most
  }

  mutating func succeeded() {
    if self.tokens < self.most { self.tokens = min(self.most, self.tokens + self.ratio) }
  }

  mutating func failed() {
    self.tokens = max(0, self.tokens - 1)
  }

  var allows: Bool { self.tokens > self.most / 2 }
}
