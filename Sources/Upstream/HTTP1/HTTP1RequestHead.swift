internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1

/// Makes the heads of requests to one endpoint.
struct HTTP1RequestHead {
  /// Asked for.
  let path: String
  private let base: HTTPHeaders
  /// Behind the client's fields.
  private let via: String?

  /// What a body is said to be.
  private static let contentType = "application/octet-stream"

  /// - Parameters:
  ///   - host: the `Host` field.
  ///   - via: the bridge's name in `via`; nil: it isn't sent.
  init(path: String, host: String, userAgent: String, via: String? = nil) {
    self.path = path
    self.via = via.map { "1.1 \($0)" }
    self.base = HTTPHeaders([
      ("host", host), ("user-agent", userAgent), ("accept-encoding", "identity"),
      ("content-type", Self.contentType),
    ])
  }

  /// The head of one request.
  ///
  /// - Parameters:
  ///   - body: what's sent, for its length and its signature.
  ///   - second: the wall clock's, since 1970.
  func make(
    for body: ByteBuffer, metadata: HeaderBlock, credentials: Credentials?, second: Int64
  ) -> HTTPRequestHead {
    var headers = self.base
    headers.reserveCapacity(metadata.fields.count + 10)
    headers.add(name: "content-length", value: String(body.readableBytes))
    let signs = credentials?.signs == true
    for field in metadata.fields {
      let name = metadata.name(of: field)
      // gRPC's own, what's written above, and what belongs to a signature.
      if name.hasPrefix("grpc-") || name == "user-agent"
        || (signs && (name == "date" || name == "content-md5"))
      {
        continue
      }
      headers.add(name: name, value: metadata.value(of: field))
    }
    if let via = self.via { headers.add(name: "via", value: via) }
    if let credentials {
      for field in credentials.fields.fields {
        headers.add(
          name: credentials.fields.name(of: field), value: credentials.fields.value(of: field))
      }
      if signs {
        let digest = EASSignature.digest(of: body)
        let date = DateLine.text(of: second)
        headers.add(name: "content-md5", value: digest)
        headers.add(name: "date", value: date)
        let signature = EASSignature.signature(
          key: credentials.token, digest: digest, contentType: Self.contentType, date: date,
          path: self.path)
        headers.add(name: credentials.name, value: "EAS \(signature)")
      }
    }
    return HTTPRequestHead(version: .http1_1, method: .POST, uri: self.path, headers: headers)
  }
}
