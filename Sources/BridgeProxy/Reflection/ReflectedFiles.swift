package import Codec

/// An endpoint's schema from reflection: file descriptors and the services that they declare.
///
/// The files declare exactly the services that are served: two values are equal if the endpoint sent the
/// same schema.
package struct ReflectedFiles: Sendable, Equatable {
  /// Sorted by name, without duplicates.
  package let files: [DescriptorFile]

  package init(_ files: [DescriptorFile]) {
    var named: [String: DescriptorFile] = [:]
    for file in files where named[file.name] == nil { named[file.name] = file }
    self.files = named.values.sorted { $0.name < $1.name }
  }

  /// Reads a serialized `google.protobuf.FileDescriptorSet`.
  package init(descriptorSet bytes: [UInt8]) throws(CodecError) {
    self.init(try DescriptorFile.files(ofSet: bytes))
  }

  /// A serialized `google.protobuf.FileDescriptorSet`.
  package var descriptorSet: [UInt8] { DescriptorFile.set(of: self.files) }

  /// Full names, sorted.
  package var services: [String] { self.files.flatMap(\.services).sorted() }

  /// A copy with only these services, and without files that only the others need.
  ///
  /// A file that isn't imported and declares no service is kept: some servers give a file a different
  /// name than its importers use.
  package func keeping(services kept: Set<String>) -> ReflectedFiles {
    let byName = Dictionary(self.files.map { ($0.name, $0) }) { first, _ in first }
    let imported = Set(self.files.flatMap(\.dependencies))
    var needed: Set<String> = []
    var rest = self.files.filter { file in
      file.services.contains(where: kept.contains)
        || (file.services.isEmpty && !imported.contains(file.name))
    }
    while let file = rest.popLast() {
      guard needed.insert(file.name).inserted else { continue }
      rest += file.dependencies.compactMap { byName[$0] }
    }
    return ReflectedFiles(
      self.files.filter { needed.contains($0.name) }.map { $0.keeping(services: kept) })
  }

  /// The services declared in one of these files, or in one that imports it directly or transitively,
  /// each with that file.
  func servicesThatNeed(_ names: Set<String>) -> [String: String] {
    guard !names.isEmpty else { return [:] }
    var importers: [String: [DescriptorFile]] = [:]
    for file in self.files {
      for name in file.dependencies { importers[name, default: []].append(file) }
    }
    var seen: Set<String> = []
    var services: [String: String] = [:]
    var rest = self.files.filter { names.contains($0.name) }.map { (file: $0, cause: $0.name) }
    while let (file, cause) = rest.popLast() {
      guard seen.insert(file.name).inserted else { continue }
      for service in file.services { services[service] = cause }
      rest += (importers[file.name] ?? []).map { ($0, cause) }
    }
    return services
  }

  // MARK: The schema

  /// Links the files.
  ///
  /// If they can't be linked as a whole (a file is missing, or a name is declared twice), services whose
  /// own files can't be linked are left out, so that one broken service doesn't affect the others.
  ///
  /// - Parameter source: their origin, for messages.
  /// - Returns: the schema, and a warning for each service that is left out.
  /// - Throws: when nothing can be linked.
  package func schema(
    source: String
  ) throws(SchemaLoadError) -> (schema: Schema, warnings: [String]) {
    let whole: SchemaLoadError
    do throws(SchemaLoadError) {
      return (try self.link(source: source), [])
    } catch {
      whole = error
    }
    let services = self.services
    guard services.count > 1, services.count <= Self.separateLimit else { throw whole }
    var kept: Set<String> = []
    var warnings: [String] = []
    var byteCount = 0
    for service in services {
      let needed = self.keeping(services: [service])
      byteCount += needed.files.reduce(0) { $0 + $1.bytes.count }
      guard byteCount <= Self.separateByteLimit else { throw whole }
      do throws(SchemaLoadError) {
        _ = try needed.link(source: source)
        kept.insert(service)
      } catch {
        warnings.append("\(service) is left out: \(error.faults.joined(separator: "; "))")
      }
    }
    guard !kept.isEmpty else { throw whole }
    if kept.count < services.count {
      do throws(SchemaLoadError) {
        return (try self.keeping(services: kept).link(source: source), warnings)
      } catch {
        // Each can be linked on its own, but not all of them together.
      }
    }
    return try self.growingSchema(of: services.filter(kept.contains), source: source, warnings)
  }

  /// Adds one service after the other, and leaves out those that conflict with earlier ones.
  private func growingSchema(
    of services: [String], source: String, _ warnings: [String]
  ) throws(SchemaLoadError) -> (schema: Schema, warnings: [String]) {
    var kept: Set<String> = []
    var warnings = warnings
    var schema: Schema?
    var byteCount = 0
    for service in services {
      let grown = self.keeping(services: kept.union([service]))
      byteCount += grown.files.reduce(0) { $0 + $1.bytes.count }
      guard byteCount <= Self.separateByteLimit else {
        throw SchemaLoadError(["\(source): its services can't be linked together"])
      }
      do throws(SchemaLoadError) {
        schema = try grown.link(source: source)
        kept.insert(service)
      } catch {
        warnings.append("\(service) is left out: \(error.faults.joined(separator: "; "))")
      }
    }
    guard let schema else { throw SchemaLoadError(warnings) }
    return (schema, warnings)
  }

  private func link(source: String) throws(SchemaLoadError) -> Schema {
    try SchemaLoader.schema(of: self.descriptorSet, source: source)
  }

  /// Maximum number of services that are linked individually. Each costs a link; stops thousands of
  /// broken ones from taking minutes.
  private static let separateLimit = 200
  /// Maximum number of bytes linked for that, counted each time.
  private static let separateByteLimit = 64 << 20
}
