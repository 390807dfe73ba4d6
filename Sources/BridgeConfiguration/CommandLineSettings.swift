internal import LocalFiles

/// The arguments of `serve` without a file: a configuration with one service.
package struct CommandLineSettings: Sendable {
  /// Empty: the endpoint's own schema, by reflection.
  package var schemas: [String]
  package var importPaths: [String]
  package var endpoint: String
  /// Empty: the default.
  package var listen: [String]
  package var admin: String?
  package var prefix: String?
  package var writesAccessLog: Bool

  package init(
    schemas: [String], importPaths: [String] = [], endpoint: String, listen: [String] = [],
    admin: String? = nil, prefix: String? = nil, writesAccessLog: Bool = true
  ) {
    self.schemas = schemas
    self.importPaths = importPaths
    self.endpoint = endpoint
    self.listen = listen
    self.admin = admin
    self.prefix = prefix
    self.writesAccessLog = writesAccessLog
  }

  /// The name of the one service, in logs.
  package static let serviceName = "default"

  /// The configuration given by the arguments.
  ///
  /// - Parameter context: its environment determines the user's cache folder.
  /// - Throws: all errors, each with its argument as key.
  package func configuration(
    in context: ReadContext
  ) throws(ConfigurationError) -> Configuration {
    var faults: [ConfigurationDiagnostic] = []
    func take<Value>(
      _ argument: String, _ text: String, _ parse: (String) throws(ValueError) -> Value
    ) -> Value? {
      do throws(ValueError) {
        return try parse(text)
      } catch {
        faults.append(
          ConfigurationDiagnostic(file: "", location: nil, key: argument, reason: error.reason))
        return nil
      }
    }
    let address = { (text: String) throws(ValueError) in
      try ConfigurationValues.listenAddress(text, folder: context.folder)
    }
    let path = { (text: String) throws(ValueError) -> String in
      let path = context.absolute(text)
      do throws(FileError) {
        _ = try context.files.kind(path)
      } catch {
        throw ValueError("\(ConfigurationValues.quoted(text)): \(error)")
      }
      return path
    }
    let schemas = self.schemas.compactMap { take("--schema", $0, path) }
    let importPaths = self.importPaths.compactMap { take("--import-path", $0, path) }
    let endpoint = take("--endpoint", self.endpoint) { text throws(ValueError) in
      try ConfigurationValues.endpoint(text, folder: context.folder)
    }
    let listen = self.listen.compactMap { take("--listen", $0, address) }
    let admin = self.admin.flatMap { take("--admin", $0, address) }
    let prefix = self.prefix.flatMap { take("--prefix", $0, ConfigurationValues.prefix) }
    guard let endpoint, faults.isEmpty else { throw ConfigurationError(faults) }
    var service = Configuration.Service(
      name: Self.serviceName, prefix: prefix ?? "", schemas: schemas, importPaths: importPaths,
      endpoint: endpoint)
    if self.schemas.isEmpty {
      var reflection = Configuration.Reflection()
      reflection.cache = Configuration.Reflection.standardCache(
        service: Self.serviceName, service.cluster, environment: context.environment)
      service.reflection = reflection
    }
    var configuration = Configuration(
      listen: listen.isEmpty ? [ConfigurationReader.defaultListen] : listen, admin: admin,
      services: [service])
    configuration.writesAccessLog = self.writesAccessLog
    for own in configuration.ownEndpoints {
      faults.append(
        ConfigurationDiagnostic(file: "", location: nil, key: "--endpoint", reason: own.reason))
    }
    guard faults.isEmpty else { throw ConfigurationError(faults) }
    return configuration
  }
}
