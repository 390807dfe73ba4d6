extension Configuration {
  /// Authorization of calls to endpoints.
  package struct Auth: Sendable {
    package enum Scheme: String, Sendable, CaseIterable {
      /// `Bearer <token>`.
      case bearer
      /// `<token>`.
      case raw
      /// `EAS <signature>`: the token is the key that each request is signed with (`EASSignature`). HTTP
      /// requests only, because their body is known when they start.
      case eas
    }

    package var scheme: Scheme
    /// The token as of when the configuration was read.
    package var token: Secret
    /// The header field that carries it, in lower case. Default `authorization`.
    package var header = "authorization"
    /// Absolute path of the token's file, which is re-read while the bridge runs. Nil: the token never
    /// changes.
    package var file: String?

    package init(scheme: Scheme, token: Secret) {
      self.scheme = scheme
      self.token = token
    }
  }
}

extension Configuration.Auth {
  /// Reads the key `auth` of a service or a group; nil if calls carry no authorization, or on an error.
  ///
  /// - Parameters:
  ///   - metadata: names set by `metadata` of the service, which must not include the header's.
  ///   - isHTTP: whether messages are sent over HTTP/1.1.
  init?(of service: SectionReader, metadata: [String], isHTTP: Bool) {
    guard let section = service.section("auth") else { return nil }
    let schemes: KeyValuePairs<String, Scheme?> = [
      "bearer": .bearer, "raw": .raw, "eas": .eas, "none": nil,
    ]
    let scheme = section.choice("scheme", schemes)
    let header = section.metadataName("header", example: "authorization")
    let source = Configuration.SecretSource(
      "token", of: section, example: "BENCH_TOKEN", for: .header)
    section.finish()
    if section.node("scheme") == nil {
      section.missing("scheme", "write bearer, raw, eas or none")
    } else if case .some(.none) = scheme {
      if let key = ["token_env", "token_file", "header"].first(where: { section.node($0) != nil }) {
        section.fault(key, "has no effect with scheme: none; leave it out")
      }
      return nil
    }
    if scheme == .some(.eas), !isHTTP {
      section.fault(
        "scheme",
        "eas signs HTTP requests, not gRPC calls; write bearer or raw, or use the "
          + "transport http-protobuf")
    }
    if section.node("token_env") == nil, section.node("token_file") == nil {
      section.missing(
        "token_env", "name the environment variable that holds the token, or write token_file")
    }
    let name = header ?? "authorization"
    if metadata.contains(name) {
      service.fault("metadata", "\(name) is set by auth as well; keep one of them")
    }
    guard let scheme = scheme.flatMap({ $0 }), let source else { return nil }
    self.init(scheme: scheme, token: source.secret)
    self.header = name
    self.file = source.file
  }
}
