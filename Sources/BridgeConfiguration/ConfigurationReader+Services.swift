internal import Codec
internal import LocalFiles

/// The `services` of a configuration file.
extension ConfigurationReader {
  /// All services. Whether two of them take the same requests shows when their routes are known:
  /// several may share a host and a prefix.
  func services(_ top: SectionReader, folder: String) -> [Configuration.Service] {
    guard let section = top.section("services") else {
      if top.node("services") == nil {
        top.missing("services", "write at least one service with its schemas and its endpoint")
      }
      return []
    }
    if section.members.isEmpty {
      section.faults.add(
        section.location, section.path,
        "no services; write at least one, with schemas and an endpoint"
      )
    }
    var services: [Configuration.Service] = []
    for member in section.members {
      let path = section.path(of: member.key)
      self.checkName(member.key, location: member.keyLocation, path: path, faults: section.faults)
      guard
        let reader = SectionReader(
          member.value, path: path, location: member.keyLocation, faults: section.faults),
        let service = self.service(reader, name: member.key, folder: folder)
      else { continue }
      services.append(service)
    }
    self.checkCaches(services, section)
    return services
  }

  /// Nil when no schemas are named. An endpoint that's missing or wrong is a fault; then an address
  /// that can't be called stands in for it, so that the schemas can still be looked at.
  private func service(
    _ reader: SectionReader, name: String, folder: String
  ) -> Configuration.Service? {
    let hosts =
      reader.list("hosts", example: "bench.internal", ConfigurationValues.hostPattern) ?? []
    self.checkRepeated(hosts, key: "hosts", in: reader)
    let prefix = reader.value("prefix", example: "/bench", ConfigurationValues.prefix)
    let schemasLocation = reader.node("schemas")?.location
    let transport = self.transport(reader, name: name)
    var cluster = self.cluster(reader, folder: folder, isHTTP: transport.isHTTP)
    let reflection = self.reflection(
      reader, name: name, cluster, folder: folder, isHTTP: transport.isHTTP)
    let schemas =
      reflection == nil
      ? self.paths("schemas", of: reader, folder: folder, mustBeFolders: false) : []
    let importPaths = self.paths("import_paths", of: reader, folder: folder, mustBeFolders: true)
    let timeout = reader.value("timeout", example: "30s") { text throws(ValueError) in
      try ConfigurationValues.duration(text)
    }
    let metadata = reader.section("metadata").map(self.metadata) ?? []
    let auth = self.auth(
      reader, folder: folder, metadata: metadata.map(\.name), isHTTP: transport.isHTTP)
    let json = reader.section("json").map(self.options)
    let headers = reader.section("headers").map(self.headerRules)
    let forwarded = self.forwarded(reader)
    let cors = reader.section("cors").flatMap(self.cors)
    let compression = reader.section("compression").map(self.compression)
    let mapsByName = reader.flag("map_by_name")
    let errors = reader.section("errors").map(self.errors)
    let stream = reader.section("stream").map(Self.stream)
    let mapping = reader.section("http").map(self.mapping)
    let statusHeader = self.statusHeader(reader)
    let rules = self.httpRules(reader, folder: folder)
    let http = self.complete(
      transport, of: reader, cluster: &cluster, compression: compression)
    let alternatives = self.alternatives(
      reader, folder: folder,
      GroupDefaults(
        cluster: cluster, auth: auth, transport: transport, metadata: metadata.map(\.name)))
    let choose = self.choose(reader, among: alternatives.map(\.name))
    if reader.node("schemas") == nil {
      reader.missing(
        "schemas",
        "write the .proto files, descriptor sets or folders of them, or reflection to ask the endpoint"
      )
    }
    reader.finish()
    guard let schemas else { return nil }
    var service = Configuration.Service(
      name: name, hosts: hosts, prefix: prefix ?? "", schemas: schemas,
      importPaths: importPaths ?? [],
      cluster: cluster ?? Configuration.Cluster(Configuration.Endpoint(host: "", port: 0)),
      timeout: timeout ?? .seconds(30), metadata: metadata, auth: auth)
    service.location = schemasLocation
    service.reflection = reflection
    service.transport = http
    service.alternatives = alternatives
    service.choose = choose
    if let json { (service.encode, service.decode) = json }
    if let headers { service.headers = headers }
    if let forwarded { service.forwarded = forwarded }
    service.cors = cors
    if let compression { service.compression = compression }
    if let mapsByName { service.mapsMethodsByName = mapsByName }
    if let stream { service.stream = stream }
    service.errors = errors
    service.statusHeader = statusHeader
    service.httpRules = rules
    if let mapping {
      service.routing = mapping.routing
      service.encode.refusesPathFieldsElsewhere = mapping.refusesPathFieldsElsewhere
      service.encode.mergesQueryIntoBodyField = mapping.underBody == .merge
      service.encode.ignoresQueryUnderBodyField = mapping.underBody == .ignore
      service.requests = mapping.requests
    }
    return service
  }

  /// A name appears in logs, so it's kept to what needs no quotes there.
  func checkName(
    _ name: String, location: TextLocation, path: String, faults: SectionReader.Faults
  ) {
    let isRight =
      (1...64).contains(name.utf8.count)
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    if !isRight {
      faults.add(
        location, path, "not a name; write up to 64 letters, digits, -, _ or .")
    }
  }

  /// Paths that must lead somewhere, made absolute. Nil when the key isn't there.
  private func paths(
    _ key: String, of reader: SectionReader, folder: String, mustBeFolders: Bool
  ) -> [String]? {
    let example = mustBeFolders ? "protos" : "schemas/a.proto"
    return reader.list(key, example: example) { text throws(ValueError) in
      let path = FilePaths.absolute(text, in: folder)
      do throws(FileError) {
        if try Files.kind(of: path) != .folder, mustBeFolders {
          throw FileError(description: "is not a folder")
        }
      } catch {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)): \(error) (looked for \(path))")
      }
      return path
    }
  }

  private func checkRepeated(_ hosts: [String], key: String, in reader: SectionReader) {
    var seen: Set<String> = []
    for host in hosts where !seen.insert(host).inserted {
      reader.fault(key, "\(ConfigurationValues.quoted(host)) is there twice; keep one")
    }
  }
}

// MARK: - Parts of a service

extension ConfigurationReader {
  private func metadata(_ section: SectionReader) -> [(name: String, value: String)] {
    var metadata: [(name: String, value: String)] = []
    var names: Set<String> = []
    for member in section.members {
      let name = member.key.lowercased()
      if let reason = MetadataRules.fault(name: name) {
        section.faults.add(member.keyLocation, section.path(of: member.key), reason)
      } else if !names.insert(name).inserted {
        section.faults.add(
          member.keyLocation, section.path(of: member.key),
          "written twice (upper and lower case are the same); keep one")
      }
      let value = section.value(member.key, example: "legacy") { text throws(ValueError) in
        if let reason = MetadataRules.fault(value: text, of: name) { throw ValueError(reason) }
        return text
      }
      if let value { metadata.append((name, value)) }
    }
    return metadata
  }

  private func options(_ section: SectionReader) -> (EncodeOptions, DecodeOptions) {
    var encode = EncodeOptions()
    var decode = DecodeOptions()
    if let ignores = section.choice("unknown_fields", ["reject": false, "ignore": true]) {
      encode.ignoresUnknownFields = ignores
    }
    self.unknownParameters(section, &encode)
    if let ignores = section.choice("unknown_enums", ["reject": false, "ignore": true]) {
      encode.ignoresUnknownEnums = ignores
    }
    if let takesBase64 = section.choice("unknown_any", ["base64": true, "reject": false]) {
      encode.acceptsUnknownAnyAsBase64 = takesBase64
      decode.printsUnknownAnyAsBase64 = takesBase64
    }
    if let always = section.flag("always_print") { decode.alwaysPrintsDefaults = always }
    if let asNumber = section.choice("int64", ["string": false, "number": true]) {
      decode.printsInt64AsNumber = asNumber
    }
    let styles: KeyValuePairs<String, DecodeOptions.EnumStyle> = [
      "name": .name, "number": .number, "short_name": .shortName,
    ]
    if let style = section.choice("enums", styles) {
      decode.enumStyle = style
      encode.acceptsShortEnumNames = style == .shortName
    }
    if let usesProtoNames = section.choice("field_names", ["json": false, "proto": true]) {
      decode.usesProtoNames = usesProtoNames
      encode.usesProtoNames = usesProtoNames
    }
    section.finish()
    return (encode, decode)
  }
}
