extension Configuration {
  /// Health checking, and which of several endpoints are excluded from load balancing.
  package struct Health: Sendable, Equatable {
    /// Whether each endpoint is checked with grpc.health.v1; nil: if there are several. An endpoint
    /// without that service is considered healthy.
    package var check: Bool?
    /// The service that is checked; empty: the server as a whole.
    package var service = ""
    /// If the share of healthy endpoints falls below this, all of them are used: then the checks are more
    /// likely to be wrong, and the few healthy ones would be overloaded. Default 0.5, Envoy's.
    package var panicThreshold = 0.5
    package var outliers = Outliers()

    package init() {}
  }
}

extension Configuration.Health {
  /// Reads the section `health` of a service.
  init(_ section: SectionReader) {
    self.init()
    self.check = section.flag("check")
    let service = section.value("service", example: "inference.GRPCInferenceService") {
      text throws(ValueError) in
      guard text.utf8.count <= 256 else { throw ValueError("a name of more than 256 bytes") }
      return text
    }
    if let service { self.service = service }
    section.share("panic_threshold", into: &self.panicThreshold)
    section.integer(
      "consecutive_failures", into: &self.outliers.consecutiveFailures, example: "5",
      in: 0...1000)
    section.flag("success_rate", into: &self.outliers.usesSuccessRate)
    section.duration("interval", into: &self.outliers.interval)
    section.duration("ejection_time", into: &self.outliers.ejectionTime)
    section.duration("ejection_time_max", into: &self.outliers.longestEjection)
    section.share("ejected_max", into: &self.outliers.mostEjected)
    section.finish()
  }
}
