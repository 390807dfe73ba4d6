/// Turns what `protoc` says into faults of ours: import names become paths, and what helps is added.
struct ProtocMessages {
  private let lines: [String]
  private let sources: SchemaSources

  /// - Parameter text: the standard error of a run that failed.
  init(_ text: String, sources: SchemaSources) {
    self.lines = text.split(whereSeparator: \.isNewline).map(String.init)
    self.sources = sources
  }

  /// The faults, at most `limit` of them.
  func errors(limit: Int) -> SchemaLoadErrors {
    let messages = self.lines.filter {
      !$0.contains(": warning: ") && !$0.contains("[libprotobuf ")
    }
    var faults = messages.prefix(limit).map(self.fault)
    if messages.count > limit { faults.append("… and \(messages.count - limit) more of protoc") }
    if faults.isEmpty { faults = ["protoc failed and gave no reason"] }
    return SchemaLoadErrors(faults + self.editions(in: messages))
  }

  /// `a.proto:3:1: text` or `a.proto: text`.
  private func fault(_ line: String) -> String {
    guard let colon = line.firstIndex(of: ":") else { return "protoc: \(line)" }
    let name = String(line[..<colon])
    let rest = String(line[colon...])
    if rest == ": File not found." {
      return "\(name): \(self.notFound(name))"
    }
    return (self.path(of: name) ?? name) + rest
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

  /// Where the import would be found, if one of the sources is it.
  private func notFound(_ name: String) -> String {
    let match = self.sources.protos.first { $0.path.hasSuffix("/" + name) }
    guard let match else {
      return "not found; add the folder that \(name) is relative to to import_paths"
    }
    let root = match.path.dropLast(name.count + 1)
    return "not found; add \(root.isEmpty ? "/" : root) to import_paths"
  }

  /// protoc before 27 doesn't know editions and says something else about them.
  private func editions(in messages: [String]) -> [String] {
    let names = Set(messages.compactMap { $0.split(separator: ":").first.map(String.init) })
    return self.sources.protos.filter { names.contains($0.importName) }.compactMap { source in
      guard let bytes = try? Files.read(source.path, limit: 1 << 20) else { return nil }
      let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      guard lines.contains(where: { $0.hasPrefix("edition") }) else { return nil }
      return
        "\(source.path): uses an edition, which takes protoc 27 or later; if this protoc is older, "
        + "install a newer one, or give a descriptor set made by one"
    }
  }
}
