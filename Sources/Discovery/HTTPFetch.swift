/// Sends one HTTP request for discovery: small requests, small responses. [seam]
///
/// The production implementation is `DiscoveryClient`; tests respond from a table. The response is
/// complete and bounded in size, and arrives within the request's timeout or not at all. Redirects aren't
/// followed.
package struct HTTPFetch: Sendable {
  package struct Request: Sendable, Equatable {
    package enum Method: String, Sendable {
      case get = "GET"
      case post = "POST"
    }

    package var method = Method.get
    /// Complete and percent-encoded, `http://host:port/path?query`. It may appear in a message: no
    /// secrets.
    package var url: String
    /// May contain secrets; never shown.
    package var headers: [(name: String, value: String)] = []
    /// May contain secrets; never shown.
    package var body: [UInt8] = []
    /// For the whole exchange.
    package var timeout: Duration

    package init(_ url: String, timeout: Duration) {
      self.url = url
      self.timeout = timeout
    }

    package static func == (left: Request, right: Request) -> Bool {
      left.method == right.method && left.url == right.url && left.body == right.body
        && left.timeout == right.timeout && left.headers.elementsEqual(right.headers, by: ==)
    }
  }

  package struct Response: Sendable, Equatable {
    package var status: Int
    package var body: [UInt8]
    /// For `If-None-Match` of the next request; nil if there's none.
    package var etag: String?

    package init(status: Int, body: [UInt8] = [], etag: String? = nil) {
      self.status = status
      self.body = body
      self.etag = etag
    }
  }

  package typealias Outcome = Result<Response, HTTPFetchError>

  private let send: @Sendable (Request) async -> Outcome

  package init(_ send: @escaping @Sendable (Request) async -> Outcome) {
    self.send = send
  }

  /// The response, whatever its status.
  package func callAsFunction(_ request: Request) async -> Outcome {
    await self.send(request)
  }

  /// Maximum size of a response: some 4,000 instances of a registry. Stops a server from filling memory.
  package static let byteLimit = 1 << 20
}

extension HTTPFetch.Request: CustomStringConvertible, CustomDebugStringConvertible {
  /// `GET http://…`; neither headers nor body.
  package var description: String { "\(self.method.rawValue) \(self.url)" }
  package var debugDescription: String { self.description }
}
