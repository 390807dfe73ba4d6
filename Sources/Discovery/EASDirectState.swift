internal import BridgeConfiguration
internal import Codec

/// State of polling PAI-EAS discovery: which address and path to request, and how to read the response.
/// Pure.
///
/// A round tries the addresses in turn, starting with the last one that responded, until one returns a
/// list.
struct EASDirectState {
  enum Step: Equatable {
    case send(HTTPFetch.Request)
    /// The round is over. Nil: the list is unchanged.
    case done(EndpointUpdate?)
  }

  private let settings: Configuration.EASDirect
  private var base = 0
  private var path = 0
  /// Addresses and paths tried in this round.
  private var basesTried = 0
  private var pathsTried = 0
  /// Of the previous response, with the URL it was for.
  private var etag: (value: String, url: String)?

  init(_ settings: Configuration.EASDirect) {
    self.settings = settings
  }

  /// Starts a round.
  mutating func begin() -> Step {
    self.basesTried = 0
    self.pathsTried = 0
    return .send(self.request)
  }

  /// Handles the outcome of the last request.
  mutating func receive(_ outcome: HTTPFetch.Outcome) -> Step {
    let url = self.url
    switch outcome {
    case .failure(let failure):
      return self.next("\(failure)")
    case .success(let response) where response.status == 304 && self.etag?.url == url:
      return .done(nil)
    case .success(let response) where response.status == 404:
      self.pathsTried += 1
      self.path = (self.path + 1) % self.settings.paths.count
      if self.pathsTried < self.settings.paths.count { return .send(self.request) }
      return self.next(
        "\(url) returned 404: the service is unknown, or the discovery path is different")
    case .success(let response) where response.status == 200:
      switch self.read(response.body, url: url) {
      case .success(let update):
        self.etag = response.etag.map { ($0, url) }
        return .done(update)
      case .failure(let failure):
        return self.next("\(failure)")
      }
    case .success(let response):
      return self.next("\(url) returned \(response.status)")
    }
  }

  /// Moves to the next address, or ends a round in which none returned a list.
  private mutating func next(_ reason: String) -> Step {
    self.etag = nil
    self.basesTried += 1
    self.pathsTried = 0
    self.base = (self.base + 1) % self.settings.bases.count
    return self.basesTried < self.settings.bases.count
      ? .send(self.request) : .done(.failure(reason))
  }

  private var url: String {
    let path = self.settings.paths[self.path]
      .replacing("{service}", with: self.settings.service)
    let query = self.settings.isInternal.map { "?internal=\($0)" } ?? ""
    return self.settings.bases[self.base] + path + query
  }

  private var request: HTTPFetch.Request {
    var request = HTTPFetch.Request(self.url, timeout: self.settings.timeout)
    request.headers = [("accept", "application/json")]
    if let etag = self.etag, etag.url == request.url {
      request.headers.append(("if-none-match", etag.value))
    }
    return request
  }

  /// `{"endpoints": {"items": [{"ip", "port", "weight"}]}}`. Missing or null members mean an empty list:
  /// that's what a group without instances gets. A member of another JSON type is an error.
  private func read(
    _ body: [UInt8], url: String
  ) -> Result<EndpointUpdate, HTTPFetchError> {
    JSONValue.parse(body, of: url).flatMap { response in
      guard case .object = response else {
        return .failure(HTTPFetchError("\(url) returned JSON that is not an object"))
      }
      let endpoints = response["endpoints"]
      if let endpoints, case .object = endpoints {
      } else if endpoints != nil {
        return .failure(HTTPFetchError("\(url) returned endpoints that are not an object"))
      }
      let items = endpoints?["items"]
      if items != nil, items?.array == nil {
        return .failure(HTTPFetchError("\(url) returned items that are not an array"))
      }
      var found = DiscoveredEndpoints()
      for item in items?.array ?? [] {
        found.add(
          host: item["ip"]?.string, port: self.settings.port ?? item["port"]?.int,
          weight: item["weight"]?.double ?? Double(self.settings.defaultWeight))
      }
      return .success(found.update(from: url))
    }
  }
}
