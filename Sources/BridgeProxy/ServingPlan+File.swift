package import BridgeConfiguration
internal import LocalFiles

extension ServingPlan {
  /// Reads a configuration file and loads what it refers to.
  ///
  /// - Parameters:
  ///   - file: its path, which may be relative to the working directory.
  ///   - environment: the value of an environment variable; nil when it isn't set.
  ///   - whenMissing: how to handle a service whose endpoint doesn't provide its schema.
  ///   - readsSecrets: whether tokens and passwords are required.
  /// - Throws: all errors of the file and of what it refers to.
  package static func load(
    file: String, environment: @escaping (String) -> String?, whenMissing: WhenMissing,
    readsSecrets: Bool = true
  ) async throws(ConfigurationError) -> ServingPlan {
    var draft = try ConfigurationReader(environment: environment, readsSecrets: readsSecrets)
      .draft(path: file, in: Files.workingFolder())
    let tls = TLSContexts(of: &draft)
    return try await ServingPlan.load(
      draft.configuration, file: file, faults: draft.faults, warnings: draft.warnings, tls: tls,
      whenMissing: whenMissing)
  }
}
