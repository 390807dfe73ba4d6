internal import LocalFiles

/// The files that the schemas of a service are read from, and the names that imports know them by.
///
/// A `.proto` file is known by its path below an *import root*. Roots are, in this order, the import
/// paths of the configuration, then the listed folders and the folders of the listed files, the
/// outermost first: so a file that is reached twice has one name, whichever way it was reached.
struct SchemaSources: Equatable {
  /// A `.proto` file to compile.
  struct Source: Equatable {
    /// Absolute.
    var path: String
    /// As an import spells it: `acme/v1/a.proto`.
    var importName: String
  }

  /// The most files below the listed folders: stops a wrong folder (`/`) from being read for hours.
  static let fileLimit = 5000
  private static let depthLimit = 32
  /// Larger files aren't compared.
  private static let copyByteLimit = 4 << 20

  private(set) var descriptorSets: [String] = []
  private(set) var protos: [Source] = []
  private(set) var roots: [String]

  /// Looks at the paths and what is in them. Everything is absolute.
  ///
  /// - Throws: paths that lead nowhere, folders without schemas, two files of one import name.
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
        // Copies lie about everywhere, of Google's own files in many versions; the first one does.
        if Self.isGoogles(name) || Self.areEqual(path, other) { continue }
        clashes.append(
          "\(path): an import can't tell it from \(other), both are \(name); add a folder above both "
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
  /// Collects files from paths, each once.
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
          description: "holds no .proto file and no descriptor set (.binpb, .pb, .desc, .protoset)")
      }
    }

    private mutating func descend(
      _ folder: String, depth: Int, _ foundAny: inout Bool
    ) throws(FileError) {
      guard depth < SchemaSources.depthLimit else {
        throw FileError(description: "holds folders deeper than \(SchemaSources.depthLimit)")
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
            description: "holds more than \(SchemaSources.fileLimit) schema files; name a folder "
              + "further down")
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

    /// By the names that people give them; a file that is listed itself may have any name.
    private static func isDescriptorSet(_ name: String) -> Bool {
      [".binpb", ".pb", ".desc", ".protoset", ".protoset.bin"].contains(where: name.hasSuffix)
    }
  }
}
