extension Configuration {
  /// Which endpoints of several are left out.
  package struct Health: Sendable, Equatable {
    /// Whether each endpoint is asked by grpc.health.v1; nil: where there are several. One that doesn't
    /// have that service counts as healthy.
    package var check: Bool?
    /// The service that is asked for; empty: the server as a whole.
    package var service = ""
    /// When the share of endpoints that look healthy falls below this, all of them are used: then it's
    /// more likely that the looking is wrong, and few would be overrun. Default 0.5, as Envoy's.
    package var panicThreshold = 0.5
    package var outliers = Outliers()

    package init() {}
  }
}
