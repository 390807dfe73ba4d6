internal import LocalFiles

/// The source files of a service's schemas, and their import names.
///
/// The import name of a `.proto` file is its path relative to an *import root*. Roots are, in this order,
/// the import paths of the configuration, then the listed folders and the folders of the listed files,
/// outermost first: so a file reached in two ways has one name.
struct SchemaSources: Equatable {
  /// A `.proto` file to compile.
  struct Source: Equatable {
    /// Absolute.
    var path: String
    /// As written in an import: `acme/v1/a.proto`.
    var importName: String
  }

  /// Maximum number of files in the listed folders: stops a wrong folder (`/`) from being read for hours.
  static let fileLimit = 5000
  private static let depthLimit = 32
  /// Larger files aren't compared.
  private static let copyByteLimit = 4 << 20

  private(set) var descriptorSets: [String] = []
  private(set) var protos: [Source] = []
  private(set) var roots: [String]

  /// Collects the files of the paths. All paths are absolute.
  ///
  /// - Throws: for paths that don't exist, folders without schemas, two files with one import name.
  init(paths: [String], importPaths: [String]) throws(SchemaLoadError) {
    var walk = Walk()
    for path in paths { walk.add(FilePaths.absolute(path, in: "/")) }
    var roots: [String] = []
    let folders = walk.roots.sorted { left, right in
      left.split(separator: "/").count < right.split(separator: "/").count
    }
    let importPaths = importPaths.map { FilePaths.absolute($0, in: "/") }
    for root in importPaths + folders where !roots.contains(root) { roots.append(root) }
    self.roots = roots
    self.descriptorSets = walk.descriptorSets
    let clashes = self.name(walk.protos)
    guard walk.faults.isEmpty, clashes.isEmpty else {
      throw SchemaLoadError(walk.faults + clashes)
    }
  }

  private mutating func name(_ paths: [String]) -> [String] {
    var named: [String: String] = [:]
    var clashes: [String] = []
    for path in paths {
      let relative = self.roots.lazy.compactMap { FilePaths.relative(path, to: $0) }.first
      let name = relative ?? path
      if let other = named[name] {
        // Copies are common, and Google's own files exist in many versions; the first one is used.
        if Self.isGoogles(name) || Self.areEqual(path, other) { continue }
        clashes.append(
          "\(path): has the same import name as \(other), \(name); add a common parent folder "
            + "to import_paths")
        continue
      }
      named[name] = path
      self.protos.append(Source(path: path, importName: name))
    }
    return clashes
  }

  private static func isGoogles(_ name: String) -> Bool {
    ["google/protobuf/", "google/api/", "google/rpc/"].contains {
      name.hasPrefix($0) || name.contains("/" + $0)
    }
  }

  private static func areEqual(_ first: String, _ second: String) -> Bool {
    guard let left = try? Files.read(first, limit: Self.copyByteLimit),
      let right = try? Files.read(second, limit: Self.copyByteLimit)
    else { return false }
    return left == right
  }
}

extension SchemaSources {
  /// Collects the files of paths, without duplicates.
  private struct Walk {
    var protos: [String] = []
    var descriptorSets: [String] = []
    var roots: [String] = []
    var faults: [String] = []
    private var seen: Set<String> = []

    mutating func add(_ path: String) {
      do throws(FileError) {
        if try Files.kind(of: path) == .folder {
          try self.addFolder(path)
        } else if path.hasSuffix(".proto") {
          self.roots.append(FilePaths.folder(of: path))
          self.insert(path, isProto: true)
        } else {
          self.insert(path, isProto: false)
        }
      } catch {
        self.faults.append("\(path): \(error)")
      }
    }

    private mutating func addFolder(_ folder: String) throws(FileError) {
      self.roots.append(folder)
      var foundAny = false
      try self.descend(folder, depth: 0, &foundAny)
      if !foundAny {
        throw FileError(
          description: "contains no .proto file and no descriptor set (.binpb, .pb, .desc, "
            + ".protoset)")
      }
    }

    private mutating func descend(
      _ folder: String, depth: Int, _ foundAny: inout Bool
    ) throws(FileError) {
      guard depth < SchemaSources.depthLimit else {
        throw FileError(
          description: "contains folders nested deeper than \(SchemaSources.depthLimit)")
      }
      for name in try Files.names(in: folder) {
        let path = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
        switch try? Files.kind(of: path) {
        case .folder:
          try self.descend(path, depth: depth + 1, &foundAny)
        case .file:
          let isProto = name.hasSuffix(".proto")
          guard isProto || Self.isDescriptorSet(name) else { continue }
          foundAny = true
          self.insert(path, isProto: isProto)
        case .other, nil:
          continue
        }
        guard self.seen.count <= SchemaSources.fileLimit else {
          throw FileError(
            description: "contains more than \(SchemaSources.fileLimit) schema files; give a more "
              + "specific folder")
        }
      }
    }

    private mutating func insert(_ path: String, isProto: Bool) {
      guard self.seen.insert(path).inserted else { return }
      if isProto {
        self.protos.append(path)
      } else {
        self.descriptorSets.append(path)
      }
    }

    /// By the usual file name extensions; a file listed itself may have any name.
    private static func isDescriptorSet(_ name: String) -> Bool {
      [".binpb", ".pb", ".desc", ".protoset", ".protoset.bin"].contains(where: name.hasSuffix)
    }
  }
}
