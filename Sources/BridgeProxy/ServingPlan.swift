package import BridgeConfiguration
package import Codec
package import Downstream
internal import Routing

/// How to handle a service whose endpoint doesn't provide its schema and for which none is cached.
package enum WhenMissing: Sendable {
  /// Reject the configuration.
  case refuse
  /// Serve without a schema: requests get 503 with Retry-After until the endpoint provides it.
  case wait
}

/// A configuration with everything that it refers to loaded, immutable and ready to serve.
package struct ServingPlan: Sendable {
  package let configuration: Configuration
  /// Schemas and routes of all services.
  package let table: ServingTable
  /// What is not served and why, one sentence each.
  package let warnings: [String]
  /// Schemas from reflection, by the index of the service.
  package let reflected: [Int: ReflectedFiles]
  /// Contexts of TLS connections.
  let tls: TLSContexts

  /// Loads the schemas and builds the routes of all services.
  ///
  /// - Parameters:
  ///   - file: the configuration's file, for messages; empty if there's none.
  ///   - faults: errors of the file itself. Schemas are loaded all the same, so that all errors are
  ///     reported together.
  ///   - warnings: warnings of the configuration reader.
  ///   - tls: the configuration's TLS contexts; loaded by default.
  ///   - whenMissing: for services whose schema comes from reflection.
  ///   - reflection: requests those schemas; by default over connections of its own.
  ///   - loadSchema: loads the schema of a service; by default from its files.
  /// - Throws: the errors of all services, each with its key.
  package static func load(
    _ configuration: Configuration, file: String, faults: [ConfigurationDiagnostic] = [],
    warnings: [String] = [], tls: TLSContexts? = nil, whenMissing: WhenMissing = .refuse,
    reflection: ReflectionLoader? = nil,
    loadSchema: (Configuration.Service) async throws(SchemaLoadError) -> Schema = { service in
      try await SchemaLoader().load(service.schemas, importPaths: service.importPaths)
    }
  ) async throws(ConfigurationError) -> ServingPlan {
    let tls = if let tls { tls } else { try TLSContexts(of: configuration) }
    var builder = Builder(file: file, faults: faults)
    builder.warnings = warnings
    // No reflection for a configuration that can't be served anyway.
    let reflected =
      faults.isEmpty
      ? await Self.reflect(
        configuration.services,
        reflection ?? ReflectionLoader(limits: configuration.limits, tls: tls)) : [:]
    for (index, service) in configuration.services.enumerated() {
      let key = "services.\(service.name)"
      if service.reflection != nil {
        if let outcome = reflected[index] {
          builder.add(service, at: index, outcome, whenMissing)
        }
        continue
      }
      do throws(SchemaLoadError) {
        // Few services share their schemas, and loading takes milliseconds.
        builder.add(service, schema: try await loadSchema(service))
      } catch {
        for reason in error.faults { builder.fault("\(key).schemas", service.location, reason) }
        guard !service.httpRules.isEmpty else { continue }
        // Rules are checked against those schemas that load on their own.
        for path in service.schemas where service.schemas.count > 1 {
          var part = service
          part.schemas = [path]
          guard let schema = try? await loadSchema(part) else { continue }
          builder.addFaults(ofRulesOf: service, in: schema)
        }
      }
    }
    return try builder.build(configuration, tls)
  }

  /// Requests the schemas of all services that use reflection, concurrently.
  private static func reflect(
    _ services: [Configuration.Service], _ loader: ReflectionLoader
  ) async -> [Int: ReflectionLoader.Outcome] {
    await withTaskGroup(of: (Int, ReflectionLoader.Outcome).self) { group in
      for (index, service) in services.enumerated() where service.reflection != nil {
        group.addTask { (index, await loader.load(service)) }
      }
      return await group.reduce(into: [:]) { outcomes, next in outcomes[next.0] = next.1 }
    }
  }

  /// The plan for display: every service with its hosts and prefix, its endpoints, and its routes.
  package var listing: [String] {
    zip(self.configuration.services, self.table.services).flatMap { configured, served in
      let hosts = configured.hosts.isEmpty ? "any host" : configured.hosts.joined(separator: ", ")
      let prefix = configured.prefix.isEmpty ? "" : ", prefix \(configured.prefix)"
      let groups = configured.groups
      let head =
        "\(configured.name): \(hosts)\(prefix), calls go to \(groups[0].destination)"
      let others = groups.dropFirst().map { "  or, as \($0.name), to \($0.destination)" }
      return [head] + others + served.routes.listing(prefix: configured.prefix).map { "  " + $0 }
    }
  }

  /// Number of routes of all services.
  package var routeCount: Int {
    self.table.services.reduce(0) { $0 + $1.routes.routes.count }
  }
}

extension Configuration.EndpointGroup {
  /// The destination for display: `127.0.0.1:50051 over TLS`.
  fileprivate var destination: String {
    "\(self.cluster.kind)"
      + (self.transport.map { " as POST \($0.path) over HTTP/1.1" } ?? "")
      + (self.cluster.tls == nil ? "" : " over TLS")
  }
}

extension ServingPlan {
  /// Collects services and errors.
  private struct Builder {
    let file: String
    var services: [ServedService] = []
    var warnings: [String] = []
    var faults: [ConfigurationDiagnostic]
    var reflected: [Int: ReflectedFiles] = [:]

    init(file: String, faults: [ConfigurationDiagnostic]) {
      self.file = file
      self.faults = faults
    }

    mutating func fault(_ key: String, _ location: TextLocation?, _ reason: String) {
      self.faults.append(
        ConfigurationDiagnostic(file: self.file, location: location, key: key, reason: reason))
    }

    mutating func add(
      _ service: Configuration.Service, at index: Int, _ outcome: ReflectionLoader.Outcome,
      _ whenMissing: WhenMissing
    ) {
      let key = "services.\(service.name).schemas"
      switch outcome {
      case .loaded(let reflected):
        self.reflected[index] = reflected.files
        self.warnings += reflected.warnings.map { "services.\(service.name): \($0)" }
        self.add(service, schema: reflected.schema)
      case .refused(let reasons):
        for reason in reasons { self.fault(key, service.location, reason) }
      case .missing(let reason):
        guard whenMissing == .wait, let waiting = try? ServedService(missing: reason, service)
        else {
          return self.fault(key, service.location, reason)
        }
        self.warnings.append(
          "services.\(service.name): has no schema yet; requests get 503 until it has one: "
            + "\(reason)")
        self.services.append(waiting)
      }
    }

    mutating func add(_ service: Configuration.Service, schema: Schema) {
      let key = "services.\(service.name)"
      var schema = schema
      if let transport = service.transport {
        do throws(UnknownTypesError) {
          schema = try transport.schema(from: schema, service: service.name)
        } catch {
          for diagnostic in error.faults {
            self.fault(
              "\(key).transport.http-protobuf.\(diagnostic.key)", diagnostic.location,
              diagnostic.reason)
          }
          return
        }
      }
      for (index, group) in service.groups.enumerated() {
        let key = service.path(ofGroup: index)
        self.warnings += group.cluster.kind.warnings.map { "\(key).endpoint: \($0)" }
        self.warnings += group.cluster.warnings.map { "\(key).\($0)" }
      }
      do throws(RouteConflictError) {
        let served = try ServedService(service, schema: schema)
        self.add(served.routes.faults, of: service)
        self.warnings += (schema.warnings + served.routes.warnings).map { "\(key): \($0)" }
        let isFaulty =
          !served.routes.faults.isEmpty
          || self.faults.contains { $0.key.hasPrefix("\(key).schemas") }
        if served.routes.routes.isEmpty && !isFaulty {
          self.fault(
            "\(key).schemas", service.location,
            "none of these schemas has a method that can be served")
        }
        self.services.append(served)
      } catch {
        self.add(error.faults, of: service)
        for clash in error.clashes {
          if let rule = clash.rule.map({ service.httpRules[$0] }) {
            self.faults.append(
              ConfigurationDiagnostic(
                file: rule.selector.file, location: rule.selector.location, key: rule.selector.key,
                reason: clash.description))
          } else {
            self.fault("\(key).schemas", service.location, clash.description)
          }
        }
      }
    }

    private mutating func add(
      _ faults: [HTTPRuleOverride.Diagnostic], of service: Configuration.Service
    ) {
      // A selector may name a method of a schema that couldn't be loaded.
      let isWhole = !self.faults.contains { $0.key.hasPrefix("services.\(service.name).schemas") }
      self.faults += faults.filter { isWhole || $0.part != .selector }
        .map { service.httpRules[$0.rule].fault($0) }
    }

    /// Adds the errors of a service's rules for the methods in a part of its schemas.
    mutating func addFaults(ofRulesOf service: Configuration.Service, in schema: Schema) {
      do throws(RouteConflictError) {
        let table = try RouteTable(
          schema: schema, mapsMethodsByName: false, rules: service.httpRules.map(\.rule),
          options: service.routing)
        self.add(table.faults, of: service)
      } catch {
        self.add(error.faults, of: service)
      }
    }

    /// Also reports conflicts between services that are valid individually.
    consuming func build(
      _ configuration: Configuration, _ tls: TLSContexts
    ) throws(ConfigurationError) -> ServingPlan {
      let served = self.services
      let table: ServingTable
      do throws(RouteConflictError) {
        table = try ServingTable(served)
      } catch {
        for clash in error.clashes {
          let name = clash.services.map { served[$0.second].name } ?? ""
          let location = configuration.services.first { $0.name == name }?.location
          self.fault("services.\(name)", location, clash.description)
        }
        throw ConfigurationError(self.faults).sorted
      }
      guard self.faults.isEmpty else { throw ConfigurationError(self.faults).sorted }
      return ServingPlan(
        configuration: configuration, table: table,
        warnings: self.warnings
          + table.warnings.map { "services.\(served[$0.service].name): \($0.text)" },
        reflected: self.reflected, tls: tls)
    }
  }
}
