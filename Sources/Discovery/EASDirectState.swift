internal import BridgeConfiguration
internal import Codec

/// Asks the discovery of PAI-EAS: which address and which path, and what an answer says. Pure.
///
/// A round asks the addresses in turn, beginning with the one that answered last, until one gives a list.
struct EASDirectState {
  enum Step: Equatable {
    case send(HTTPFetch.Request)
    /// The round is over. Nil: the list is as it was.
    case done(EndpointUpdate?)
  }

  private let settings: Configuration.EASDirect
  private var base = 0
  private var path = 0
  /// Addresses and paths that this round has asked.
  private var basesTried = 0
  private var pathsTried = 0
  /// Of the answer before, and which question it was for.
  private var etag: (value: String, url: String)?

  init(_ settings: Configuration.EASDirect) {
    self.settings = settings
  }

  /// A round begins.
  mutating func begin() -> Step {
    self.basesTried = 0
    self.pathsTried = 0
    return .send(self.request)
  }

  /// The answer to the last question.
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
        "\(url) answered 404: discovery doesn't know the service, or has another path")
    case .success(let response) where response.status == 200:
      switch self.read(response.body, url: url) {
      case .success(let update):
        self.etag = response.etag.map { ($0, url) }
        return .done(update)
      case .failure(let failure):
        return self.next("\(failure)")
      }
    case .success(let response):
      return self.next("\(url) answered \(response.status)")
    }
  }

  /// On to the next address, or the end of a round in which none gave a list.
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

  /// `{"endpoints": {"items": [{"ip", "port", "weight"}]}}`. What's missing or null is an empty list:
  /// that's what a group without instances gets. What's of another kind is no answer.
  private func read(
    _ body: [UInt8], url: String
  ) -> Result<EndpointUpdate, HTTPFetchError> {
    JSONValue.parse(body, of: url).flatMap { response in
      guard case .object = response else {
        return .failure(HTTPFetchError("\(url) answered JSON that is no object"))
      }
      let endpoints = response["endpoints"]
      if let endpoints, case .object = endpoints {
      } else if endpoints != nil {
        return .failure(HTTPFetchError("\(url) answered endpoints that are no object"))
      }
      let items = endpoints?["items"]
      if items != nil, items?.array == nil {
        return .failure(HTTPFetchError("\(url) answered items that are no list"))
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
