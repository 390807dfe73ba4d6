internal import BridgeConfiguration
internal import Codec

/// State of polling a registry over HTTP: which server and token to use, and how to read the response.
/// Pure.
///
/// A round tries the servers in turn, starting with the last one that responded, until one returns a
/// list. A refused token is renewed once a round.
struct NacosPollState {
  enum Step: Equatable {
    case send(HTTPFetch.Request)
    /// The round is over.
    case done(EndpointUpdate, cacheTime: Duration?)
  }

  private enum Phase {
    case login
    case list
  }

  private let settings: Configuration.Nacos
  /// The client's authentication.
  var login: NacosLogin
  private var server = 0
  private var serversTried = 0
  private var phase = Phase.list
  private var hasRenewed = false

  /// Timeout of one request.
  private static let timeout: Duration = .seconds(5)

  init(_ settings: Configuration.Nacos) {
    self.settings = settings
    self.login = NacosLogin(settings)
  }

  /// Starts a round.
  mutating func begin(now: Duration, wallMilliseconds: Int) -> Step {
    self.serversTried = 0
    self.hasRenewed = false
    return self.send(now, wallMilliseconds)
  }

  /// Handles the outcome of the last request.
  mutating func receive(
    _ outcome: HTTPFetch.Outcome, now: Duration, wallMilliseconds: Int
  ) -> Step {
    switch self.phase {
    case .login:
      return self.take(
        self.login.receive(outcome, from: self.address, now: now), now, wallMilliseconds)
    case .list:
      switch outcome {
      case .failure(let failure):
        return self.next("\(failure)", now, wallMilliseconds)
      case .success(let response):
        return self.receive(response, now, wallMilliseconds)
      }
    }
  }

  // MARK: Requests

  private var address: Configuration.Endpoint { self.settings.servers[self.server] }

  private mutating func send(_ now: Duration, _ wall: Int) -> Step {
    if self.login.isNeeded(now: now) {
      self.phase = .login
      return self.take(self.login.begin(at: self.address), now, wall)
    }
    self.phase = .list
    var request = HTTPFetch.Request(self.url, timeout: Self.timeout)
    request.headers =
      [("accept", "application/json")] + self.login.httpHeaders(wallMilliseconds: wall)
    return .send(request)
  }

  private mutating func take(_ step: NacosLogin.Step, _ now: Duration, _ wall: Int) -> Step {
    switch step {
    case .send(let request): .send(request)
    case .loggedIn: self.send(now, wall)
    case .failed(let reason): self.next(reason, now, wall)
    }
  }

  /// Moves to the next server, or ends a round in which none returned a list.
  private mutating func next(_ reason: String, _ now: Duration, _ wall: Int) -> Step {
    self.server = (self.server + 1) % self.settings.servers.count
    self.serversTried += 1
    return self.serversTried < self.settings.servers.count
      ? self.send(now, wall) : .done(.failure(reason), cacheTime: nil)
  }

  private var url: String {
    let path: String
    var query = [
      ("namespaceId", self.settings.namespace), ("groupName", self.settings.group),
      ("serviceName", self.settings.service),
    ]
    let clusters = self.settings.clusters.joined(separator: ",")
    switch self.settings.access {
    case .httpV2:
      path = "/v2/ns/instance/list"
      // Accepts one name; the others are filtered out of the response.
      if self.settings.clusters.count == 1 { query.append(("clusterName", clusters)) }
    case .httpV3:
      path = "/v3/client/ns/instance/list"
      if self.settings.clusters.count == 1 { query.append(("clusterName", clusters)) }
    case .httpV1, .grpc:
      path = "/v1/ns/instance/list"
      // The oldest servers have no parameter for the group.
      query[2].1 = "\(self.settings.group)@@\(self.settings.service)"
      if !clusters.isEmpty { query.append(("clusters", clusters)) }
    }
    query.append(("healthyOnly", "false"))
    return "http://\(self.address)\(self.settings.contextPath)\(path)?\(FormEncoding.encode(query))"
  }

  // MARK: Responses

  private mutating func receive(
    _ response: HTTPFetch.Response, _ now: Duration, _ wall: Int
  ) -> Step {
    let url = self.url
    switch response.status {
    case 401, 403:
      if !self.hasRenewed, self.login.forget() {
        self.hasRenewed = true
        return self.send(now, wall)
      }
      return self.next(
        "\(url) returned \(response.status): \(self.refusal)", now, wall)
    case 410:
      return self.next(
        "\(url) returned 410: this version of Nacos removed the path; set protocol to http-v3 or grpc",
        now, wall)
    default:
      break
    }
    let parsed = JSONValue.parse(response.body, of: url)
    if case .success(let body) = parsed, body["code"]?.int == Self.unknownService {
      return .done(.endpoints([]), cacheTime: nil)
    }
    guard response.status == 200 else {
      return self.next("\(url) returned \(response.status)", now, wall)
    }
    switch parsed.flatMap({ self.read($0, url: url) }) {
    case .success(let instances):
      return .done(instances.update, cacheTime: instances.cacheTime)
    case .failure(let failure):
      return self.next("\(failure)", now, wall)
    }
  }

  private var refusal: String {
    switch self.login.credentials {
    case .none: "the registry requires authentication; set username and password_env"
    case .password: "this user may not read the service"
    case .key: "this key may not read the service"
    }
  }

  /// Bare in v1, in an envelope in v2; in v3 the envelope contains a bare list.
  private func read(
    _ response: JSONValue, url: String
  ) -> Result<NacosInstances, HTTPFetchError> {
    let odd = HTTPFetchError("\(url) returned JSON that is not a list of instances")
    var response = response
    if self.settings.access == .httpV2 || self.settings.access == .httpV3 {
      if let code = response["code"]?.int, code != 0 {
        let message = ConfigurationValues.quoted(response["message"]?.string ?? "")
        return .failure(HTTPFetchError("\(url) returned code \(code), \(message)"))
      }
      guard let data = response["data"] else { return .failure(odd) }
      response = data
    }
    if let list = response.array, self.settings.access == .httpV3 {
      return .success(NacosInstances(list: list, self.settings, source: url))
    }
    guard let instances = NacosInstances(serviceInfo: response, self.settings, source: url) else {
      return .failure(odd)
    }
    return .success(instances)
  }

  /// "service not exist" in v2 and v3.
  private static let unknownService = 21_008
}
