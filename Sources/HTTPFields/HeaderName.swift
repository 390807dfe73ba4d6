/// Classification of a request header field by name.
package enum HeaderName: Equatable {
  /// The prefix of names that carry metadata, if the service is configured so.
  package static let metadataPrefix: StaticString = "grpc-metadata-"

  case host
  case contentLength
  case transferEncoding
  case contentType
  case contentEncoding
  case accept
  case acceptEncoding
  case expect
  case connection
  case authorization
  case te
  /// `grpc-timeout`.
  case timeout
  /// `X-Server-Timeout` or `Request-Timeout`, in seconds.
  case timeoutInSeconds
  /// `X-Request-Id`.
  case requestID
  /// `Forwarded` or `X-Forwarded-…`: forwarded, and may be extended.
  case forwarded
  case origin
  /// `Sec-Fetch-Site`.
  case fetchSite
  case upgrade
  /// Forwarded, with the bridge appended.
  case via
  /// `Access-Control-Request-Method`.
  case requestedMethod
  /// `Access-Control-Request-Headers`.
  case requestedHeaders
  /// `X-HTTP-Method-Override`: also forwarded.
  case methodOverride
  /// `Grpc-Metadata-…`: forwarded without the prefix, if the service is configured so.
  case grpcMetadata
  /// Any other field: forwarded to the endpoint.
  case metadata
  /// Not forwarded.
  case dropped

  /// Writes the name in lower case to `lowercased`, and returns its kind.
  package static func classify(_ name: String, _ lowercased: inout [UInt8]) -> HeaderName {
    lowercased.removeAll(keepingCapacity: true)
    lowercased.append(contentsOf: name.utf8)
    var span = lowercased.mutableSpan
    for index in 0..<span.count { span[index] = ASCII.lowercased(span[index]) }
    return Self.kind(of: lowercased)
  }

  /// The kind of a name in lower case.
  package static func kind(of lowercased: [UInt8]) -> HeaderName {
    guard let first = lowercased.first else { return .dropped }
    // The first letter rules out nearly all names with one comparison.
    switch first {
    case UInt8(ascii: "a"):
      if Self.equals(lowercased, "authorization") { return .authorization }
      if Self.equals(lowercased, "accept-encoding") { return .acceptEncoding }
      if Self.equals(lowercased, "accept") { return .accept }
      if Self.equals(lowercased, "accept-charset") { return .dropped }
      if Self.equals(lowercased, "access-control-request-method") { return .requestedMethod }
      if Self.equals(lowercased, "access-control-request-headers") { return .requestedHeaders }
    case UInt8(ascii: "c"):
      if Self.equals(lowercased, "content-length") { return .contentLength }
      if Self.equals(lowercased, "content-type") { return .contentType }
      if Self.equals(lowercased, "connection") { return .connection }
      if Self.equals(lowercased, "content-encoding") { return .contentEncoding }
      // Describe the bytes of the body, which isn't forwarded unchanged.
      if Self.equals(lowercased, "content-md5") || Self.equals(lowercased, "content-digest")
        || Self.equals(lowercased, "content-range")
        || Self.equals(lowercased, "content-transfer-encoding")
      {
        return .dropped
      }
    case UInt8(ascii: "e"):
      if Self.equals(lowercased, "expect") { return .expect }
    case UInt8(ascii: "f"):
      if Self.equals(lowercased, "forwarded") { return .forwarded }
    case UInt8(ascii: "g"):
      if Self.equals(lowercased, "grpc-timeout") { return .timeout }
      if Self.hasPrefix(lowercased, Self.metadataPrefix) {
        return .grpcMetadata
      }
      if Self.hasPrefix(lowercased, "grpc-") { return .dropped }
    case UInt8(ascii: "h"):
      if Self.equals(lowercased, "host") { return .host }
      if Self.equals(lowercased, "http2-settings") { return .dropped }
    case UInt8(ascii: "k"):
      if Self.equals(lowercased, "keep-alive") { return .dropped }
    case UInt8(ascii: "o"):
      if Self.equals(lowercased, "origin") { return .origin }
    case UInt8(ascii: "p"):
      if Self.hasPrefix(lowercased, "proxy-") { return .dropped }
    case UInt8(ascii: "r"):
      if Self.equals(lowercased, "request-timeout") { return .timeoutInSeconds }
    case UInt8(ascii: "s"):
      if Self.hasPrefix(lowercased, "sec-websocket-") { return .dropped }
      if Self.equals(lowercased, "sec-fetch-site") { return .fetchSite }
    case UInt8(ascii: "t"):
      if Self.equals(lowercased, "transfer-encoding") { return .transferEncoding }
      if Self.equals(lowercased, "te") { return .te }
      if Self.equals(lowercased, "trailer") { return .dropped }
    case UInt8(ascii: "u"):
      if Self.equals(lowercased, "upgrade") { return .upgrade }
    case UInt8(ascii: "v"):
      if Self.equals(lowercased, "via") { return .via }
    case UInt8(ascii: "x"):
      if Self.equals(lowercased, "x-request-id") { return .requestID }
      if Self.equals(lowercased, "x-server-timeout") { return .timeoutInSeconds }
      if Self.hasPrefix(lowercased, "x-forwarded-") { return .forwarded }
      if Self.equals(lowercased, "x-http-method-override") { return .methodOverride }
    default:
      break
    }
    return .metadata
  }

  /// Whether a response field isn't forwarded to the client: fields that describe the connection or a
  /// body that the bridge replaces, and gRPC's own.
  ///
  /// - Parameter keepsDigests: whether the endpoint's body is unchanged, so that its digests are valid.
  package static func isReserved(
    inReply name: ArraySlice<UInt8>, keepsDigests: Bool = false
  ) -> Bool {
    switch name.first {
    case UInt8(ascii: ":"), nil:
      true
    case UInt8(ascii: "c"):
      Self.equals(name, "content-type") || Self.equals(name, "content-length")
        || Self.equals(name, "content-encoding") || Self.equals(name, "connection")
        || (!keepsDigests
          && (Self.equals(name, "content-md5") || Self.equals(name, "content-digest")))
    case UInt8(ascii: "d"):
      Self.equals(name, "date")
    case UInt8(ascii: "g"):
      Self.hasPrefix(name, "grpc-")
    case UInt8(ascii: "k"):
      Self.equals(name, "keep-alive")
    case UInt8(ascii: "p"):
      Self.hasPrefix(name, "proxy-")
    case UInt8(ascii: "t"):
      Self.equals(name, "transfer-encoding") || Self.equals(name, "te")
        || Self.equals(name, "trailer")
    case UInt8(ascii: "u"):
      Self.equals(name, "upgrade")
    case UInt8(ascii: "x"):
      Self.equals(name, "x-request-id")
    default:
      false
    }
  }

  package static func isGRPCMetadata(_ name: ArraySlice<UInt8>) -> Bool {
    Self.hasPrefix(name, Self.metadataPrefix)
  }

  /// The name after `grpc-metadata-`, if a client may send it as metadata; else nil.
  package static func unprefixed(_ name: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let rest = name.dropFirst(Self.metadataPrefix.utf8CodeUnitCount)
    var scratch: [UInt8] = []
    switch Self.classify(String(decoding: rest, as: UTF8.self), &scratch) {
    case .metadata, .authorization, .forwarded, .origin, .requestedMethod, .requestedHeaders,
      .methodOverride:
      return Self.isReserved(inReply: rest) ? nil : rest
    default:
      return nil
    }
  }

  /// Whether a response field has a meaning in HTTP, so that it isn't renamed where metadata is.
  package static func isHTTPField(inReply name: ArraySlice<UInt8>) -> Bool {
    switch name.first {
    case UInt8(ascii: "a"): Self.hasPrefix(name, "access-control-") || Self.equals(name, "allow")
    case UInt8(ascii: "c"): Self.equals(name, "cache-control") || Self.hasPrefix(name, "content-")
    case UInt8(ascii: "e"): Self.equals(name, "etag") || Self.equals(name, "expires")
    case UInt8(ascii: "l"):
      Self.equals(name, "location") || Self.equals(name, "last-modified")
        || Self.equals(name, "link")
    case UInt8(ascii: "r"): Self.equals(name, "retry-after")
    case UInt8(ascii: "s"): Self.equals(name, "set-cookie")
    case UInt8(ascii: "v"): Self.equals(name, "vary")
    case UInt8(ascii: "w"): Self.equals(name, "www-authenticate")
    default: false
    }
  }

  /// Whether a lower-case name is a valid metadata name: `0-9 a-z _ - .` (the gRPC HTTP/2 protocol).
  package static func isMetadata(_ name: [UInt8]) -> Bool {
    for byte in name {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
        continue
      default:
        return false
      }
    }
    return true
  }

  /// Whether a field describes the clients of earlier proxies.
  package static func isForwarded(_ name: ArraySlice<UInt8>) -> Bool {
    Self.equals(name, "forwarded") || Self.hasPrefix(name, "x-forwarded-")
  }

  /// Whether values of this name are base64-encoded.
  package static func isBinary(_ name: [UInt8]) -> Bool {
    name.count > 4 && name.suffix(4).elementsEqual("-bin".utf8)
  }

  private static func equals(
    _ name: some RandomAccessCollection<UInt8>, _ text: StaticString
  ) -> Bool {
    name.count == text.utf8CodeUnitCount && Self.hasPrefix(name, text)
  }

  private static func hasPrefix(
    _ name: some RandomAccessCollection<UInt8>, _ text: StaticString
  ) -> Bool {
    guard name.count >= text.utf8CodeUnitCount else { return false }
    var start = unsafe text.utf8Start
    for byte in name.prefix(text.utf8CodeUnitCount) {
      if unsafe byte != start.pointee { return false }
      unsafe start += 1
    }
    return true
  }
}
