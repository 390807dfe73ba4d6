import BridgeProxy
import Codec
import LocalFiles
import Testing

@testable import Addresses
@testable import BridgeConfiguration

@Suite struct ConfigurationReaderTests {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
    try self.folder.write("a.proto", "syntax = \"proto3\";")
    try self.folder.write("protos/b.proto", "syntax = \"proto3\";")
    try self.folder.write("token.txt", "from-a-file\n")
  }

  private func read(_ text: String) throws -> Configuration {
    let environment = ["BENCH_TOKEN": "s3cret", "EMPTY": "", "BROKEN": "a\nb"]
    return try ConfigurationReader { environment[$0] }
      .read(text: text, file: "bridge.yaml", folder: self.folder.path)
  }

  private func faults(_ text: String) -> String {
    do {
      _ = try self.read(text)
      return ""
    } catch {
      return "\(error)".replacing(self.folder.path, with: "<folder>")
    }
  }

  @Test func `every key has its location in the configuration`() throws {
    let configuration = try self.read(
      """
      listen: [127.0.0.1:8080, "unix:run/b.sock"]   # a list
      admin: 127.0.0.1:8081
      access_log: off
      threads: 3
      drain_timeout: 0s
      limits:
        request_body_bytes: 1MiB
        inflation_ratio: 50
        reply_bytes: 2MiB
        head_bytes: 8KiB
        head_fields: 10
        idle_timeout: 1m
        request_read_timeout: 2s
        half_closed_timeout: 3s
        calls_in_flight: 5
        calls_waiting: 6
        endpoint_connections: 8
        endpoint_header_bytes: 9KiB
        connect_timeout: 250ms
        client_buffer_bytes: 64MiB
        client_connections: 7
        client_streams: 10
      services:
        bench:
          hosts: [Bench.internal, 'other:81']
          prefix: /bench
          schemas: [a.proto, protos]
          import_paths: protos
          endpoint: 127.0.0.1:50051
          timeout: 1.5s
          metadata: {X-Team: legacy, x-number: 7}
          auth: {scheme: bearer, token_env: BENCH_TOKEN}
          map_by_name: false
          cors:
            origins: [https://App.example, "http://localhost:3000"]
            methods: GET
            headers: [X-Team]
            expose: X-Cost
            credentials: on
            max_age: 1h
          headers: {allow: [X-Team-*, authorization], deny: x-team-secret}
          forwarded: drop
          compression: {replies: on, requests: gzip, minimum: 2KiB}
          json:
            unknown_fields: ignore
            unknown_parameters: ignore
            always_print: true
            int64: number
            enums: number
            field_names: proto
          stream: {format: sse, heartbeat: 0s, timeout: 5m, done: "[DONE]"}
      """)
    #expect(
      configuration.listen == [
        .tcp(host: "127.0.0.1", port: 8080), .unix(path: self.folder.path + "/run/b.sock"),
      ])
    #expect(configuration.admin == .tcp(host: "127.0.0.1", port: 8081))
    #expect(configuration.writesAccessLog == false)
    #expect(configuration.threads == 3)
    #expect(configuration.drainTimeout == .zero)
    let limits = configuration.limits
    #expect(limits.requestBodyBytes == 1 << 20)
    #expect(limits.inflationRatio == 50)
    #expect(limits.replyBytes == 2 << 20)
    #expect(limits.headBytes == 8 << 10)
    #expect(limits.headFields == 10)
    #expect(limits.idleTimeout == .seconds(60))
    #expect(limits.requestReadTimeout == .seconds(2))
    #expect(limits.callsInFlight == 5)
    #expect(limits.callsWaiting == 6)
    #expect(limits.halfClosedTimeout == .seconds(3))
    #expect(limits.endpointConnections == 8)
    #expect(limits.endpointHeaderBytes == 9 << 10)
    #expect(limits.connectTimeout == .milliseconds(250))
    #expect(limits.clientBufferBytes == 64 << 20)
    #expect(limits.clientConnections == 7)
    #expect(limits.clientStreams == 10)
    let service = try #require(configuration.services.first)
    #expect(configuration.services.count == 1)
    #expect(service.name == "bench")
    #expect(service.hosts == ["bench.internal", "other:81"])
    #expect(service.prefix == "/bench")
    #expect(service.schemas == [self.folder.path + "/a.proto", self.folder.path + "/protos"])
    #expect(service.importPaths == [self.folder.path + "/protos"])
    #expect(service.cluster.only == Configuration.Endpoint(host: "127.0.0.1", port: 50051))
    #expect(service.timeout == .milliseconds(1500))
    #expect(service.metadata.map(\.name) == ["x-team", "x-number"])
    #expect(service.metadata.map(\.value) == ["legacy", "7"])
    #expect(service.auth?.scheme == .bearer)
    #expect(service.auth?.token.revealed == "s3cret")
    #expect(service.mapsMethodsByName == false)
    #expect(service.stream.format == .events)
    #expect(service.stream.heartbeat == .zero)
    #expect(service.stream.timeout == .seconds(300))
    #expect(service.stream.done == "[DONE]")
    #expect(service.cors?.origins == ["https://app.example", "http://localhost:3000"])
    #expect(service.cors?.methods == ["GET"])
    #expect(service.cors?.headers == ["x-team"])
    #expect(service.cors?.expose == ["x-cost"])
    #expect(service.cors?.allowsCredentials == true)
    #expect(service.cors?.maxAge == .seconds(3600))
    #expect(service.headers.permits("x-team-a".utf8))
    #expect(service.headers.permits("authorization".utf8))
    #expect(!service.headers.permits("x-team-secret".utf8))
    #expect(!service.headers.permits("cookie".utf8))
    #expect(service.forwarded == .drop)
    #expect(service.compression.replies == .always)
    #expect(service.compression.compressesRequests)
    #expect(service.compression.minimumByteCount == 2 << 10)
    #expect(service.encode.ignoresUnknownFields)
    #expect(service.encode.ignoresUnknownParameters)
    #expect(service.decode.alwaysPrintsDefaults)
    #expect(service.decode.printsInt64AsNumber)
    #expect(service.decode.enumStyle == .number)
    #expect(service.decode.usesProtoNames)
  }

  @Test(arguments: [
    ("name", DecodeOptions.EnumStyle.name, false), ("number", .number, false),
    ("short_name", .shortName, true),
  ])
  func `every enum option has two valid spellings`(
    text: String, style: DecodeOptions.EnumStyle, acceptsShortNames: Bool
  ) throws {
    let configuration = try self.read(
      "services: {a: {schemas: a.proto, endpoint: 'h:1', json: {enums: \(text)}}}")
    let service = try #require(configuration.services.first)
    #expect(service.decode.enumStyle == style)
    #expect(service.encode.acceptsShortEnumNames == acceptsShortNames)
  }

  @Test func `the shortest file gets the defaults`() throws {
    let configuration = try self.read("services: {a: {schemas: a.proto, endpoint: 'h:1'}}")
    #expect(configuration.listen == [.tcp(host: "127.0.0.1", port: 8080)])
    #expect(configuration.admin == nil)
    #expect(configuration.writesAccessLog)
    #expect(configuration.threads == nil)
    #expect(configuration.drainTimeout == .seconds(30))
    let service = try #require(configuration.services.first)
    #expect(service.hosts.isEmpty && service.prefix.isEmpty && service.importPaths.isEmpty)
    #expect(service.timeout == .seconds(30))
    #expect(service.auth == nil && service.metadata.isEmpty && service.mapsMethodsByName)
  }

  @Test func `a token from a file loses its trailing newline`() throws {
    let configuration = try self.read(
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          auth: {scheme: raw, token_file: token.txt}
      """)
    let auth = try #require(configuration.services.first?.auth)
    #expect(auth.scheme == .raw)
    #expect(auth.token.revealed == "from-a-file")
    #expect("\(auth)".contains("from-a-file") == false)
  }

  /// A bad file and exactly what is said about it.
  struct BadFile: CustomTestStringConvertible {
    var name: String
    var text: String
    var faults: String
    var testDescription: String { self.name }

    init(_ name: String, _ text: String, _ faults: String) {
      self.name = name
      self.text = text
      self.faults = faults
    }
  }

  @Test(arguments: Self.badFiles)
  func `a bad file is refused with all its errors`(file: BadFile) {
    #expect(self.faults(file.text) == file.faults)
  }

  @Test func `a missing file is named`() {
    let reader = ConfigurationReader { _ in nil }
    #expect(
      throws: ConfigurationError([
        ConfigurationDiagnostic(
          file: "no.yaml", location: nil, key: "",
          reason: "can't be read: No such file or directory")
      ])
    ) { try reader.read(path: "no.yaml", in: self.folder.path) }
  }

  @Test func `a file is found by its path, and relative paths by its folder`() throws {
    try self.folder.write("b.yaml", "services: {a: {schemas: a.proto, endpoint: 'h:1'}}")
    let configuration = try ConfigurationReader { _ in nil }
      .read(path: "b.yaml", in: self.folder.path)
    #expect(configuration.services.first?.schemas == [self.folder.path + "/a.proto"])
  }

  @Test func `files and variables are read through the context only`() throws {
    let text = "services: {a: {schemas: a.proto, endpoint: '${H}:1', http_rules: r.yaml, "
    let files = [
      "/c/b.yaml": text + "auth: {scheme: raw, token_file: t}, tls: {ca: ca.pem}}}",
      "/c/a.proto": "", "/c/t": "secret\n", "/c/r.yaml": "http: {rules: []}", "/c/ca.pem": "?",
    ]
    let read = { @Sendable (path: String, _: Int) throws(FileError) -> [UInt8] in
      guard let text = files[path] else { throw FileError(description: "not there") }
      return Array(text.utf8)
    }
    let access = FileAccess(
      kind: { path throws(FileError) in
        _ = try read(path, 0)
        return .file
      }, read: read)
    let draft = try ConfigurationReader(environment: { $0 == "H" ? "h" : nil }, files: access)
      .draft(path: "b.yaml", in: "/c")
    #expect(draft.configuration.services[0].cluster.kind.description == "h:1")
    #expect(draft.configuration.services[0].auth?.token.revealed == "secret")
    #expect(draft.faults.map(\.key) == ["services.a.tls.ca", "http.rules"])
  }

  @Test func `a huge file and bytes that aren't text are refused`() throws {
    let reader = ConfigurationReader { _ in nil }
    try self.folder.write("huge.yaml", [UInt8](repeating: UInt8(ascii: "#"), count: 1 << 20 + 1))
    try self.folder.write("bytes.yaml", [0xFF, 0xFE, 0x00])
    for (name, reason) in [
      ("huge.yaml", "can't be read: has more than 1048576 bytes"),
      ("bytes.yaml", "is not UTF-8 text"),
      ("protos", "can't be read: is a folder, not a file"),
    ] {
      let fault = ConfigurationDiagnostic(file: name, location: nil, key: "", reason: reason)
      #expect(throws: ConfigurationError([fault])) {
        try reader.read(path: name, in: self.folder.path)
      }
    }
  }

  @Test func `a list of a hundred thousand values is refused`() {
    let text = "services: [" + String(repeating: "a,", count: 100_001) + "]"
    #expect(self.faults(text).contains("more than 100000 values"))
  }

  @Test func `endless nesting is refused`() {
    let text = String(repeating: "[", count: 200_000)
    #expect(
      self.faults(text)
        == "bridge.yaml:1:102: nested more than 100 levels deep; is a bracket left open?")
  }
}
