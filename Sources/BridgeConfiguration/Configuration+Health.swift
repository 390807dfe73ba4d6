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

extension ConfigurationReader {
  /// The section `health`.
  func health(_ section: SectionReader) -> Configuration.Health {
    var health = Configuration.Health()
    health.check = section.flag("check")
    let service = section.value("service", example: "inference.GRPCInferenceService") {
      text throws(ValueError) in
      guard text.utf8.count <= 256 else { throw ValueError("a name of more than 256 bytes") }
      return text
    }
    if let service { health.service = service }
    Self.share("panic_threshold", in: section, &health.panicThreshold)
    let failures = section.value("consecutive_failures", example: "5") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 0...1000)
    }
    if let failures { health.outliers.consecutiveFailures = failures }
    if let uses = section.flag("success_rate") { health.outliers.usesSuccessRate = uses }
    Self.duration("interval", in: section, &health.outliers.interval)
    Self.duration("ejection_time", in: section, &health.outliers.ejectionTime)
    Self.duration("ejection_time_max", in: section, &health.outliers.longestEjection)
    Self.share("ejected_max", in: section, &health.outliers.mostEjected)
    section.finish()
    return health
  }
}
