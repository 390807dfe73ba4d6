internal import HTTP2
internal import HTTPFields
internal import NIOCore
internal import NIOHTTP1

/// Creates the heads of requests to one endpoint.
struct HTTP1RequestHead {
  /// The request target.
  let path: String
  private let base: HTTPHeaders
  /// The `via` value, sent after the client's fields.
  private let via: String?

  /// The content type of bodies.
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
  ///   - body: the request's, for its length and its signature.
  ///   - second: the wall clock, in seconds since 1970.
  func make(
    for body: ByteBuffer, metadata: HeaderBlock, credentials: Credentials?, second: Int64
  ) -> HTTPRequestHead {
    var headers = self.base
    headers.reserveCapacity(metadata.fields.count + 10)
    headers.add(name: "content-length", value: String(body.readableBytes))
    let signs = credentials?.signs == true
    for field in metadata.fields {
      let name = metadata.name(of: field)
      // gRPC's own fields, those set above, and those of a signature.
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
