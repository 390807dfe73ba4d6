internal import Codec
internal import LocalFiles

/// Converts `protoc`'s messages to errors: import names become paths, and hints are added.
struct ProtocMessages {
  private let lines: [String]
  private let sources: SchemaSources

  /// - Parameter text: the standard error of a failed run.
  init(_ text: String, sources: SchemaSources) {
    self.lines = text.split(whereSeparator: \.isNewline).map(String.init).filter {
      !$0.contains(": warning: ") && !$0.contains("[libprotobuf ")
    }
    self.sources = sources
  }

  /// Whether two files of the run declare one name.
  var nameIsDeclaredTwice: Bool {
    self.lines.contains { $0.contains(" is already defined in file ") }
  }

  /// The errors, at most `limit` of them. If imports are missing, only those: all other messages of
  /// `protoc` follow from them.
  func errors(limit: Int) -> SchemaLoadError {
    let missing = self.missingImports
    var faults =
      missing.isEmpty ? self.lines.prefix(limit).map(self.fault) : Array(missing.prefix(limit))
    let count = missing.isEmpty ? self.lines.count : missing.count
    if count > limit { faults.append("… and \(count - limit) more errors from protoc") }
    if faults.isEmpty { faults = ["protoc failed without an error message"] }
    return SchemaLoadError(
      faults.map { ForeignText.shown($0, limit: 1000) } + (missing.isEmpty ? self.editions : []))
  }

  /// `a.proto:3:1: text` or `a.proto: text`.
  private func fault(_ line: String) -> String {
    guard let colon = line.firstIndex(of: ":") else { return "protoc: \(line)" }
    let name = String(line[..<colon])
    return (self.path(of: name) ?? name) + line[colon...]
  }

  private func path(of name: String) -> String? {
    if let source = self.sources.protos.first(where: { $0.importName == name }) {
      return source.path
    }
    for root in self.sources.roots {
      let path = FilePaths.absolute(name, in: root)
      if (try? Files.kind(of: path)) == .file { return path }
    }
    return nil
  }

  // MARK: Missing imports

  /// One sentence for each import that wasn't found, with the first location that imports it.
  private var missingImports: [String] {
    let notFound = ": File not found."
    let names = self.lines.filter { $0.hasSuffix(notFound) }.map {
      String($0.dropLast(notFound.count))
    }
    return names.map { name in
      let importer = self.lines.first { $0.contains(": Import \"\(name)\" was not found") }
      let location = importer.flatMap { line in
        line.firstRange(of: ": Import \"").map { line[..<$0.lowerBound] }
      }
      let file = location.map { $0.prefix { $0 != ":" } }.map(String.init)
      let path = file.flatMap(self.path)
      let position = location.map { $0.drop { $0 != ":" } } ?? ""
      let subject = path ?? file ?? name
      return "\(subject)\(position): imports \(name), which was not found; \(self.help(name, path))"
    }
  }

  /// A hint, and the folders that were searched.
  private func help(_ name: String, _ importer: String?) -> String {
    let listed = self.sources.protos.first { $0.path.hasSuffix("/" + name) }.map { source in
      let root = String(source.path.dropLast(name.utf8.count + 1))
      return root.isEmpty ? "/" : root
    }
    let folder = listed ?? importer.flatMap { ImportSearch.folder(of: name, from: $0) }
    let roots = self.sources.roots.prefix(5).joined(separator: ", ")
    let more = self.sources.roots.count > 5 ? ", …" : ""
    let looked = "searched in \(roots)\(more)"
    guard let folder else {
      return "give the folder that contains \(name) with --import-path (in a file: import_paths); "
        + "\(looked) and above"
    }
    return "add --import-path \(folder) (in a file: import_paths: [\(folder)]); \(looked)"
  }

  // MARK: Editions

  /// protoc before 27 doesn't support editions and reports something else.
  private var editions: [String] {
    let names = Set(self.lines.compactMap { $0.split(separator: ":").first.map(String.init) })
    return self.sources.protos.filter { names.contains($0.importName) }.compactMap { source in
      guard let bytes = try? Files.read(source.path, limit: 1 << 20) else { return nil }
      let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      guard lines.contains(where: { $0.hasPrefix("edition") }) else { return nil }
      return
        "\(source.path): uses an edition, which requires protoc 27 or later; if this protoc is older, "
        + "install a newer one, or give a descriptor set made by one"
    }
  }
}

/// Searches for the folder that an import is relative to.
enum ImportSearch {
  /// Folders in which projects commonly keep third-party schemas.
  private static let usual = [
    "proto", "protos", "third_party", "third_party/googleapis", "third_party/proto", "googleapis",
    "vendor", "include", "api", "src/main/proto",
  ]
  /// Maximum number of parent folders to search. No source tree is deeper.
  private static let depthLimit = 32

  /// The nearest parent folder of a file, or one of the usual folders in it, that contains the import.
  ///
  /// - Parameter importer: the absolute path of the file that imports it.
  static func folder(of name: String, from importer: String) -> String? {
    var folder = FilePaths.folder(of: importer)
    for _ in 0..<Self.depthLimit {
      for candidate in [folder] + Self.usual.map({ FilePaths.absolute($0, in: folder) })
      where (try? Files.kind(of: FilePaths.absolute(name, in: candidate))) == .file {
        return candidate
      }
      guard folder != "/" else { return nil }
      folder = FilePaths.folder(of: folder)
    }
    return nil
  }
}
