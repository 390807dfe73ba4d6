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

extension Configuration.Health {
  /// The section `health` of a service.
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
