internal import BridgeConfiguration
internal import Codec
internal import Upstream

/// Authentication to a registry: a token obtained by login and renewed, or a signature. Pure; its
/// contents are never shown.
struct NacosLogin {
  enum Step: Equatable {
    case send(HTTPFetch.Request)
    /// A token is available.
    case loggedIn
    case failed(String)
  }

  private let settings: Configuration.Nacos
  /// The credentials of the settings, or what their files contain now.
  var credentials: Configuration.Nacos.Credentials
  private let paths: [String]
  private var path = 0
  private var pathsTried = 0
  private var token: (value: Configuration.Secret, renewAt: Duration)?

  /// Timeout of one request.
  static let timeout: Duration = .seconds(5)

  init(_ settings: Configuration.Nacos) {
    self.settings = settings
    self.credentials = settings.credentials
    let old = ["/v1/auth/users/login", "/v3/auth/user/login", "/v1/auth/login"]
    let new = ["/v3/auth/user/login", "/v1/auth/users/login"]
    self.paths = settings.access == .httpV3 ? new : old
  }

  /// Whether a login must precede the next request: there's a password, and no token or one that expires
  /// soon.
  func isNeeded(now: Duration) -> Bool {
    guard case .password = self.credentials else { return false }
    return self.token.map { $0.renewAt <= now } ?? true
  }

  /// Discards a token that was refused.
  ///
  /// - Returns: whether a new login could help.
  mutating func forget() -> Bool {
    self.token = nil
    if case .password = self.credentials { return true }
    return false
  }

  // MARK: Logging in

  mutating func begin(at server: Configuration.Endpoint) -> Step {
    self.pathsTried = 0
    return self.request(to: server)
  }

  /// Handles the outcome of the last request. Other versions of the registry use other paths.
  mutating func receive(
    _ outcome: HTTPFetch.Outcome, from server: Configuration.Endpoint, now: Duration
  ) -> Step {
    let url = self.url(at: server)
    switch outcome {
    case .failure(let failure):
      return .failed("\(failure)")
    case .success(let response) where [404, 405, 410, 501].contains(response.status):
      self.pathsTried += 1
      self.path = (self.path + 1) % self.paths.count
      guard self.pathsTried < self.paths.count else {
        return .failed("\(url) returned \(response.status): no known login path exists")
      }
      return self.request(to: server)
    case .success(let response) where response.status == 200:
      switch JSONValue.parse(response.body, of: url) {
      case .failure(let failure): return .failed("\(failure)")
      case .success(let response): return self.take(response, url: url, now: now)
      }
    case .success(let response):
      return .failed("\(url) returned \(response.status): wrong user name or password")
    }
  }

  /// `{"accessToken", "tokenTtl"}`; a later version may use an envelope.
  private mutating func take(_ response: JSONValue, url: String, now: Duration) -> Step {
    let response = response["data"] ?? response
    guard let token = response["accessToken"]?.string, !token.isEmpty,
      MetadataRules.fault(value: token, of: "authorization") == nil
    else { return .failed("\(url) returned no token") }
    let seconds = min(max(response["tokenTtl"]?.int ?? 18_000, 1), 365 * 86_400)
    // Renewed after 90 % of its lifetime, so that it never expires in flight.
    let life = Duration.seconds(seconds) * 9 / 10
    self.token = (Configuration.Secret(token), now + life)
    return .loggedIn
  }

  private func url(at server: Configuration.Endpoint) -> String {
    "http://\(server)\(self.settings.contextPath)\(self.paths[self.path])"
  }

  private func request(to server: Configuration.Endpoint) -> Step {
    guard case .password(let username, let password) = self.credentials else {
      return .loggedIn
    }
    var request = HTTPFetch.Request(self.url(at: server), timeout: Self.timeout)
    request.method = .post
    request.headers = [("content-type", "application/x-www-form-urlencoded")]
    let form = [("username", username), ("password", password.secret.revealed)]
    request.body = [UInt8](FormEncoding.encode(form).utf8)
    return .send(request)
  }

  // MARK: Showing it

  /// Header fields of an HTTP request.
  func httpHeaders(wallMilliseconds: Int) -> [(name: String, value: String)] {
    let fields = self.fields(wallMilliseconds: wallMilliseconds)
    guard let token = self.token else { return fields }
    return fields + [("authorization", "Bearer \(token.value.revealed)")]
  }

  /// The same for fields carried in a message.
  func fields(wallMilliseconds: Int) -> [(name: String, value: String)] {
    switch self.credentials {
    case .none:
      return []
    case .password:
      return self.token.map { [("accessToken", $0.value.revealed)] } ?? []
    case .key(let access, let secret):
      let data = "\(wallMilliseconds)@@\(self.settings.group)@@\(self.settings.service)"
      return [
        ("ak", access.secret.revealed), ("data", data),
        ("signature", TextSignature.make(of: data, key: secret.secret)),
      ]
    }
  }
}

/// `application/x-www-form-urlencoded` (the URL standard, §5), for queries and forms.
enum FormEncoding {
  /// Percent-encodes everything but letters, digits and `-._~`; a space becomes `%20`, which every parser
  /// accepts.
  static func encode(_ pairs: [(String, String)]) -> String {
    pairs.map { "\(Self.encode($0.0))=\(Self.encode($0.1))" }.joined(separator: "&")
  }

  static func encode(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      let character = Character(Unicode.Scalar(byte))
      if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
        encoded.append(character)
      } else {
        encoded += byte < 16 ? "%0" : "%"
        encoded += String(byte, radix: 16, uppercase: true)
      }
    }
    return encoded
  }
}
