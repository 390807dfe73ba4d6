import Testing

@testable import BridgeConfiguration
@testable import Discovery

/// HTTP requests to a registry, their tokens, and the effects of its responses.
@Suite struct NacosPollStateTests {
  private static func settings(
    _ access: Configuration.Nacos.Access, servers: [String] = ["n1"],
    _ change: (inout Configuration.Nacos) -> Void = { _ in }
  ) -> Configuration.Nacos {
    var settings = Configuration.Nacos(
      servers: servers.map { Configuration.Endpoint(host: $0, port: 8848) }, service: "my svc")
    settings.access = access
    change(&settings)
    return settings
  }

  private static func withPassword(_ settings: inout Configuration.Nacos) {
    settings.credentials = .password(
      username: "me & you", password: Configuration.SecretSource(Configuration.Secret("p&ss=w0rd")))
  }

  private static func response(_ text: String, status: Int = 200) -> HTTPFetch.Outcome {
    .success(HTTPFetch.Response(status: status, body: Array(text.utf8)))
  }

  private static let token = Self.response(#"{"accessToken":"t0ken","tokenTtl":100}"#)
  private static let empty = Self.response(#"{"hosts":[]}"#)

  /// The requests of a round, and how it ends.
  private static func round(
    _ state: inout NacosPollState, _ responses: [HTTPFetch.Outcome], now: Duration = .zero
  ) -> (requests: [HTTPFetch.Request], update: EndpointUpdate) {
    var requests: [HTTPFetch.Request] = []
    var responses = responses[...]
    var step = state.begin(now: now, wallMilliseconds: 1_700_000_000_000)
    while true {
      switch step {
      case .send(let request):
        requests.append(request)
        let next = responses.popFirst() ?? .failure(HTTPFetchError("no more responses"))
        step = state.receive(next, now: now, wallMilliseconds: 1_700_000_000_000)
      case .done(let update, _):
        return (requests, update)
      }
    }
  }

  private static func urls(_ requests: [HTTPFetch.Request]) -> [String] {
    requests.map { "\($0)" }
  }

  @Test(
    arguments: [
      (
        Configuration.Nacos.Access.httpV1, [],
        "v1/ns/instance/list?namespaceId=public&groupName=pai-eas"
          + "&serviceName=pai-eas%40%40my%20svc&healthyOnly=false"
      ),
      (
        .httpV1, ["A", "B"],
        "v1/ns/instance/list?namespaceId=public&groupName=pai-eas"
          + "&serviceName=pai-eas%40%40my%20svc&clusters=A%2CB&healthyOnly=false"
      ),
      (
        .httpV2, ["A"],
        "v2/ns/instance/list?namespaceId=public&groupName=pai-eas&serviceName=my%20svc"
          + "&clusterName=A&healthyOnly=false"
      ),
      (
        .httpV2, ["A", "B"],
        "v2/ns/instance/list?namespaceId=public&groupName=pai-eas&serviceName=my%20svc"
          + "&healthyOnly=false"
      ),
      (
        .httpV3, [],
        "v3/client/ns/instance/list?namespaceId=public&groupName=pai-eas&serviceName=my%20svc"
          + "&healthyOnly=false"
      ),
    ] as [(Configuration.Nacos.Access, [String], String)])
  func `each version has its request`(
    _ access: Configuration.Nacos.Access, clusters: [String], url: String
  ) {
    var state = NacosPollState(Self.settings(access) { $0.clusters = clusters })
    let (requests, _) = Self.round(&state, [])
    #expect(Self.urls(requests) == ["GET http://n1:8848/nacos/" + url])
  }

  struct Response: Sendable, CustomTestStringConvertible {
    let access: Configuration.Nacos.Access
    let body: String
    var status = 200
    var endpoints: [String]?
    var failure = "nothing"
    var testDescription: String { "\(self.access) \(self.status) \(self.body)" }
  }

  private static func responses() -> [Response] {
    let good = #"{"ip":"10.0.0.5","port":50000,"weight":1.0,"healthy":true,"enabled":true}"#
    let many =
      #"{"hosts":[\#(good),{"ip":"a","port":1,"weight":0.5,"enabled":true,"healthy":true},"#
      + #"{"ip":"b","port":1,"weight":1,"healthy":false},{"ip":"c","port":1,"enabled":false},"#
      + #"{"ip":"d","port":1,"weight":0},{"ip":"e","port":1,"valid":false},{"ip":"f"},{},5]"#
    let wrapped = { (data: String) in #"{"code":0,"message":"success","data":\#(data)}"# }
    return [
      Response(access: .httpV1, body: "\(many)}", endpoints: ["10.0.0.5:50000*100", "a:1*50"]),
      Response(
        access: .httpV1, body: "\(many),\"reachProtectionThreshold\":true}",
        endpoints: ["10.0.0.5:50000*100", "a:1*50", "b:1*100", "e:1*100"]),
      Response(access: .httpV1, body: #"{"hosts":null}"#, endpoints: []),
      Response(access: .httpV1, body: "{}", endpoints: []),
      Response(access: .httpV1, body: #"{"hosts":5}"#, failure: "not a list of instances"),
      Response(access: .httpV1, body: "[]", failure: "not a list of instances"),
      Response(access: .httpV1, body: "dom not found", failure: "returned invalid JSON"),
      Response(access: .httpV1, body: "no", status: 500, failure: "returned 500"),
      Response(
        access: .httpV2, body: wrapped("\(many)}"), endpoints: ["10.0.0.5:50000*100", "a:1*50"]),
      Response(access: .httpV2, body: wrapped("[\(good)]"), failure: "not a list of instances"),
      Response(access: .httpV2, body: wrapped("null"), failure: "not a list of instances"),
      Response(
        access: .httpV2, body: #"{"code":40000,"message":"API deprecated"}"#, status: 410,
        failure: "returned 410: this version of Nacos removed the path; set protocol to http-v3 "
          + "or grpc"),
      Response(
        access: .httpV2, body: #"{"code":30000,"message":"bad\nthing"}"#,
        failure: #"returned code 30000, "bad?thing""#),
      Response(
        access: .httpV2, body: #"{"code":21008,"message":"service not exist"}"#, status: 404,
        endpoints: []),
      Response(access: .httpV3, body: wrapped("[\(good)]"), endpoints: ["10.0.0.5:50000*1"]),
      Response(
        access: .httpV3, body: wrapped("{\"hosts\":[\(good)]}"), endpoints: ["10.0.0.5:50000*1"]),
      Response(access: .httpV3, body: good, failure: "not a list of instances"),
    ]
  }

  @Test(arguments: Self.responses()) func `a response becomes a list of endpoints or an error`(
    _ response: Response
  ) {
    var state = NacosPollState(Self.settings(response.access))
    switch Self.round(&state, [Self.response(response.body, status: response.status)]).update {
    case .endpoints(let endpoints):
      #expect(endpoints.map { "\($0.endpoint)*\($0.weight)" } == response.endpoints)
    case .failure(let reason):
      #expect(response.endpoints == nil)
      #expect(reason.contains(response.failure))
    }
  }

  /// Metadata, and the port that's called by it, where the registered one is 8081.
  @Test(arguments: [
    (#"{"gRPC_port":"9091"}"#, 9091), (#"{"gRPC_port":9091}"#, 9091), ("{}", 8081), ("null", 8081),
    ("5", 8081), (#"{"gRPC_port":"none"}"#, 8081), (#"{"gRPC_port":"0"}"#, 8081),
    (#"{"gRPC_port":"70000"}"#, 8081), (#"{"grpc":"9091"}"#, 8081),
  ])
  func `the gRPC port is taken from the metadata`(_ metadata: String, _ port: Int) {
    let body = #"{"hosts":[{"ip":"a","port":8081,"metadata":\#(metadata)}]}"#
    let ports = { (change: (inout Configuration.Nacos) -> Void) -> [EndpointUpdate] in
      var settings = Self.settings(.httpV1)
      change(&settings)
      var state = NacosPollState(settings)
      return [Self.round(&state, [Self.response(body)]).update]
    }
    let called = { (port: Int) in
      [EndpointUpdate.endpoints([.init(.init(host: "a", port: port), weight: 1)])]
    }
    #expect(ports { _ in } == called(port))
    #expect(ports { $0.portMetadata = nil } == called(8081))
    #expect(ports { $0.port = 7 } == called(7))
    #expect(
      ports { $0.portMetadata = "grpc" } == called(metadata.contains(#""grpc""#) ? 9091 : 8081))
  }

  @Test func `instances of other clusters are left out`() {
    var state = NacosPollState(Self.settings(.httpV3) { $0.clusters = ["A", "B"] })
    let body =
      #"{"code":0,"data":[{"ip":"a","port":1,"clusterName":"A"},"#
      + #"{"ip":"c","port":1,"clusterName":"C"}]}"#
    #expect(
      Self.round(&state, [Self.response(body)]).update
        == .endpoints([.init(.init(host: "a", port: 1), weight: 1)]))
  }

  @Test func `the next server is tried after a failure, and then kept`() {
    var state = NacosPollState(Self.settings(.httpV1, servers: ["n1", "n2"]))
    let down = HTTPFetch.Outcome.failure(HTTPFetchError("down"))
    #expect(Self.round(&state, [down, Self.empty]).update == .endpoints([]))
    let (requests, update) = Self.round(&state, [Self.response("", status: 503), down])
    #expect(requests.map { $0.url.prefix(10) } == ["http://n2:", "http://n1:"])
    #expect(update == .failure("down"))
  }

  @Test func `a token is requested, kept, and renewed before it expires`() {
    var state = NacosPollState(Self.settings(.httpV1, Self.withPassword))
    let (first, _) = Self.round(&state, [Self.token, Self.empty])
    #expect(
      Self.urls(first).map { $0.prefix(50) } == [
        "POST http://n1:8848/nacos/v1/auth/users/login",
        "GET http://n1:8848/nacos/v1/ns/instance/list?names",
      ])
    #expect(
      String(decoding: first[0].body, as: UTF8.self)
        == "username=me%20%26%20you&password=p%26ss%3Dw0rd")
    #expect(first[1].headers.contains { $0 == ("authorization", "Bearer t0ken") })
    #expect(first[1].headers.contains { $0 == ("accessToken", "t0ken") })
    // A tenth of its hundred seconds early.
    #expect(Self.round(&state, [Self.empty], now: .seconds(89)).requests.count == 1)
    #expect(Self.round(&state, [Self.token, Self.empty], now: .seconds(90)).requests.count == 2)
  }

  @Test func `a refused token is renewed once per round`() {
    var state = NacosPollState(Self.settings(.httpV1, Self.withPassword))
    _ = Self.round(&state, [Self.token, Self.empty])
    let forbidden = Self.response("{}", status: 403)
    let (requests, update) = Self.round(&state, [forbidden, Self.token, Self.empty])
    #expect(requests.map(\.method) == [.get, .post, .get])
    #expect(update == .endpoints([]))
    let (again, failure) = Self.round(&state, [forbidden, Self.token, forbidden])
    #expect(again.count == 3)
    guard case .failure(let reason) = failure else {
      Issue.record("no failure")
      return
    }
    #expect(reason.hasSuffix("returned 403: this user may not read the service"))
  }

  @Test func `a 403 without credentials suggests to set them`() {
    var state = NacosPollState(Self.settings(.httpV1))
    guard case .failure(let reason) = Self.round(&state, [Self.response("", status: 403)]).update
    else {
      Issue.record("no failure")
      return
    }
    #expect(reason.hasSuffix("set username and password_env"))
  }

  @Test(
    arguments: [
      (
        Configuration.Nacos.Access.httpV1,
        ["v1/auth/users/login", "v3/auth/user/login", "v1/auth/login"]
      ),
      (.httpV3, ["v3/auth/user/login", "v1/auth/users/login"]),
    ] as [(Configuration.Nacos.Access, [String])])
  func `other versions have other login paths`(
    _ access: Configuration.Nacos.Access, paths: [String]
  ) {
    var state = NacosPollState(Self.settings(access, Self.withPassword))
    let (requests, update) = Self.round(
      &state, paths.map { _ in Self.response("", status: 404) })
    #expect(Self.urls(requests) == paths.map { "POST http://n1:8848/nacos/" + $0 })
    guard case .failure(let reason) = update else {
      Issue.record("no failure")
      return
    }
    #expect(reason.hasSuffix("no known login path exists"))
  }

  @Test(arguments: [
    Self.response("unknown user!", status: 403), Self.response("{}"), Self.response("x"),
    Self.response(#"{"accessToken":"a\nb"}"#), Self.response(#"{"accessToken":""}"#),
    .failure(HTTPFetchError("down")),
  ]) func `a failed login reveals no secret`(_ outcome: HTTPFetch.Outcome) {
    var state = NacosPollState(Self.settings(.httpV1, Self.withPassword))
    let (requests, update) = Self.round(&state, [outcome])
    #expect(requests.count == 1)
    guard case .failure(let reason) = update else {
      Issue.record("no failure")
      return
    }
    #expect(!reason.contains("p&ss") && !reason.contains("p%26ss"))
    #expect(!"\(requests) \(String(reflecting: requests[0]))".contains("p%26ss"))
  }

  @Test func `each request is signed with the key`() {
    var state = NacosPollState(
      Self.settings(.httpV1) {
        $0.credentials = .key(
          access: Configuration.SecretSource(Configuration.Secret("AK")),
          secret: Configuration.SecretSource(Configuration.Secret("key")))
      })
    let (requests, _) = Self.round(&state, [Self.empty])
    let headers = Dictionary(
      uniqueKeysWithValues: requests[0].headers.map { ($0.name, $0.value) })
    #expect(headers["ak"] == "AK")
    #expect(headers["data"] == "1700000000000@@pai-eas@@my svc")
    #expect(headers["signature"] == "hUv7y+C17VpEVcUo0n4iMmhyrW8=")
  }
}
