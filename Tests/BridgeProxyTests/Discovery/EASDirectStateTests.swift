import Testing

@testable import BridgeConfiguration
@testable import Discovery

/// Requests to the discovery API by address and path, and the effects of its responses.
@Suite struct EASDirectStateTests {
  private static let documented =
    "http://d1/exported/apis/eas.alibaba-inc.k8s.io/v1/upstreams/my_svc"
  private static let newer = "http://d1/api/v1/servicediscovery/upstreams/my_svc"

  private static func settings(
    _ bases: [String] = ["http://d1"], _ change: (inout Configuration.EASDirect) -> Void = { _ in }
  ) -> Configuration.EASDirect {
    var settings = Configuration.EASDirect(service: "my_svc", bases: bases)
    change(&settings)
    return settings
  }

  private static func response(_ text: String, etag: String? = nil) -> HTTPFetch.Outcome {
    .success(HTTPFetch.Response(status: 200, body: Array(text.utf8), etag: etag))
  }

  private static func status(_ status: Int) -> HTTPFetch.Outcome {
    .success(HTTPFetch.Response(status: status))
  }

  /// The URLs that a round asks, and how it ends.
  private static func round(
    _ state: inout EASDirectState, _ responses: [HTTPFetch.Outcome]
  ) -> (urls: [String], update: EndpointUpdate?) {
    var urls: [String] = []
    var responses = responses[...]
    var step = state.begin()
    while true {
      switch step {
      case .send(let request):
        urls.append(request.url)
        step = state.receive(responses.popFirst() ?? .failure(HTTPFetchError("no more responses")))
      case .done(let update):
        return (urls, update)
      }
    }
  }

  struct Response: Sendable, CustomTestStringConvertible {
    let body: String
    /// `host:port*weight` each; or what the failure has to say.
    let endpoints: [String]
    var failure: String?
    var testDescription: String { self.body }
  }

  private static func responses() -> [Response] {
    let item = #""ip":"10.0.0.5","port":50000"#
    let items = { (items: String) in #"{"endpoints":{"items":["# + items + "]}}" }
    let one = ["10.0.0.5:50000*100"]
    return [
      Response(
        body: #"{"correlative":["a"],"endpoints":{"items":[{"app":"a",\#(item),"weight":100},"#
          + #"{"app":"a","ip":"10.0.0.6","port":50001,"weight":50,"x":{"y":[1]}}]}}"#,
        endpoints: one + ["10.0.0.6:50001*50"]),
      Response(body: items("{\(item)}"), endpoints: one),
      Response(body: items(#"{\#(item),"weight":null}"#), endpoints: one),
      Response(body: items(#"{\#(item),"weight":"no"}"#), endpoints: one),
      Response(body: items(#"{\#(item),"weight":"30"}"#), endpoints: ["10.0.0.5:50000*30"]),
      Response(body: items(#"{\#(item),"weight":0}"#), endpoints: ["10.0.0.5:50000*0"]),
      Response(body: items(#"{\#(item),"weight":-5}"#), endpoints: ["10.0.0.5:50000*0"]),
      Response(body: items(#"{\#(item),"weight":1e300}"#), endpoints: ["10.0.0.5:50000*1000000"]),
      Response(
        body: items(#"{\#(item),"weight":0.5},{"ip":"h","port":1,"weight":1}"#),
        endpoints: ["10.0.0.5:50000*50", "h:1*100"]),
      Response(
        body: items(#"{\#(item),"weight":0.0001},{"ip":"h","port":1,"weight":1}"#),
        endpoints: ["10.0.0.5:50000*1", "h:1*100"]),
      Response(
        body: items(#"{"ip":"fd00::1","port":"8080","weight":1}"#),
        endpoints: ["[fd00::1]:8080*1"]),
      Response(
        body: items(
          #"{"port":1},{"ip":"a"},{"ip":5,"port":1},{"ip":"","port":1},{"ip":"a","port":0},"#
            + #"{"ip":"a","port":65536},{"ip":"a","port":1.5},{"ip":"a b","port":1},null,7,[],"#
            + #"{"ip":"1.2.3","port":1},{"ip":"evil/../x","port":1},{"ip":"a:b","port":1},"#
            + "{\(item)},{\(item)}"), endpoints: one),
      Response(body: items(""), endpoints: []),
      Response(body: "{}", endpoints: []),
      Response(body: #"{"endpoints":null}"#, endpoints: []),
      Response(body: #"{"endpoints":{}}"#, endpoints: []),
      Response(body: #"{"endpoints":{"items":null}}"#, endpoints: []),
      Response(body: "[]", endpoints: [], failure: "JSON that is not an object"),
      Response(body: "null", endpoints: [], failure: "JSON that is not an object"),
      Response(body: "", endpoints: [], failure: "returned invalid JSON"),
      Response(body: "<html>", endpoints: [], failure: "returned invalid JSON"),
      Response(
        body: #"{"endpoints":[]}"#, endpoints: [], failure: "endpoints that are not an object"),
      Response(
        body: #"{"endpoints":{"items":{}}}"#, endpoints: [], failure: "items that are not an array"),
      Response(
        body: items(
          (0...DiscoveredEndpoints.countLimit).map { #"{"ip":"h\#($0)","port":1}"# }
            .joined(separator: ",")), endpoints: [], failure: "10001 endpoints; the limit is 10000"),
    ]
  }

  @Test(arguments: Self.responses()) func `a response becomes a list of endpoints or an error`(
    _ response: Response
  ) {
    var state = EASDirectState(Self.settings())
    let (_, update) = Self.round(&state, [Self.response(response.body)])
    switch update {
    case .endpoints(let endpoints):
      #expect(response.failure == nil)
      #expect(endpoints.map { "\($0.endpoint)*\($0.weight)" } == response.endpoints)
    case .failure(let reason):
      #expect(reason.contains(response.failure ?? "nothing, as it should be a list"))
    case nil:
      Issue.record("no update")
    }
  }

  @Test func `the other path is tried after a 404, and then kept`() {
    var state = EASDirectState(Self.settings())
    let first = Self.round(&state, [Self.status(404), Self.response("{}")])
    #expect(first.urls == [Self.documented, Self.newer])
    #expect(first.update == .endpoints([]))
    let second = Self.round(&state, [Self.response("{}")])
    #expect(second.urls == [Self.newer])
  }

  @Test func `a configured path is the only one tried`() {
    var state = EASDirectState(Self.settings { $0.paths = ["/x/{service}/y"] })
    let round = Self.round(&state, [Self.status(404)])
    #expect(round.urls == ["http://d1/x/my_svc/y"])
    #expect(
      round.update
        == .failure(
          "http://d1/x/my_svc/y returned 404: the service is unknown, or the discovery path is "
            + "different"))
  }

  @Test(arguments: [
    (HTTPFetch.Outcome.success(HTTPFetch.Response(status: 500)), "returned 500"),
    (.success(HTTPFetch.Response(status: 200, body: [0xFF])), "returned invalid JSON"),
    (.success(HTTPFetch.Response(status: 302)), "returned 302"),
    (.success(HTTPFetch.Response(status: 304)), "returned 304"),
    (.failure(HTTPFetchError("gone")), "gone"),
  ]) func `the next address is tried after a failure`(_ outcome: HTTPFetch.Outcome, reason: String)
  {
    var state = EASDirectState(Self.settings(["http://d1", "http://d2"]))
    let first = Self.round(&state, [outcome, Self.response("{}")])
    #expect(first.urls.map { $0.prefix(9) } == ["http://d1", "http://d2"])
    #expect(first.update == .endpoints([]))
    // It begins with the one that answered.
    let second = Self.round(&state, [outcome, outcome])
    #expect(second.urls.map { $0.prefix(9) } == ["http://d2", "http://d1"])
    guard case .failure(let said) = second.update else {
      Issue.record("no failure")
      return
    }
    #expect(said.contains(reason))
  }

  @Test func `an unchanged list is recognized by its ETag`() {
    var state = EASDirectState(Self.settings())
    #expect(Self.round(&state, [Self.response("{}", etag: "\"1\"")]).update == .endpoints([]))
    guard case .send(let request) = state.begin() else {
      Issue.record("no question")
      return
    }
    #expect(request.headers.contains { $0 == ("if-none-match", "\"1\"") })
    #expect(state.receive(Self.status(304)) == .done(nil))
    // Not the response to what it was the tag of.
    _ = Self.round(&state, [Self.status(500)])
    guard case .send(let again) = state.begin() else { return }
    #expect(!again.headers.contains { $0.name == "if-none-match" })
  }

  @Test func `the internal parameter is sent as written`() {
    for (value, query) in [(true, "?internal=true"), (false, "?internal=false"), (nil, "")] {
      var state = EASDirectState(Self.settings { $0.isInternal = value })
      #expect(Self.round(&state, [Self.response("{}")]).urls == [Self.documented + query])
    }
  }

  @Test func `another port can be configured`() {
    var state = EASDirectState(Self.settings { $0.port = 9 })
    let body = #"{"endpoints":{"items":[{"ip":"a","port":1},{"ip":"b"}]}}"#
    guard case .endpoints(let found) = Self.round(&state, [Self.response(body)]).update else {
      Issue.record("no list")
      return
    }
    #expect(found.map { "\($0.endpoint)" } == ["a:9", "b:9"])
  }
}
