package import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOHTTP1

/// A service's CORS policy (Fetch standard §3.3), with prebuilt response fields: which pages of other
/// origins may call it from a browser, and which response headers they may read.
package struct CORSPolicy: Sendable, Equatable {
  /// The permitted origins, in lower case; empty: any.
  private let origins: [[UInt8]]
  /// The fields of a response after its `Access-Control-Allow-Origin`.
  private let responseFields: HeaderBlock
  /// The fields of a preflight response after its `Access-Control-Allow-Origin`.
  private let preflightFields: HeaderBlock
  /// Whether any request header may be sent: then the requested ones are echoed.
  private let allowsAnyHeader: Bool
  private let hasCredentials: Bool

  /// Builds the response fields of a configuration.
  package init(_ configuration: Configuration.CORS) {
    self.origins = configuration.origins.map { $0.utf8.map(ASCII.lowercased) }
    self.allowsAnyHeader = configuration.headers.contains("*")
    self.hasCredentials = configuration.allowsCredentials
    var response = HeaderBlock()
    if configuration.allowsCredentials {
      response.append("access-control-allow-credentials", "true")
    }
    var preflight = response
    if !configuration.expose.isEmpty {
      response.append("access-control-expose-headers", configuration.expose.joined(separator: ", "))
    }
    preflight.append(
      "access-control-allow-methods", configuration.methods.joined(separator: ", "))
    if !self.allowsAnyHeader, !configuration.headers.isEmpty {
      preflight.append(
        "access-control-allow-headers", configuration.headers.joined(separator: ", "))
    }
    preflight.append(
      "access-control-max-age", String(configuration.maxAge.components.seconds))
    self.responseFields = response
    self.preflightFields = preflight
  }

  /// Whether pages of all origins may call.
  var permitsAny: Bool { self.origins.isEmpty }

  /// Whether an origin may call: one with the same scheme, host and port, compared case-insensitively.
  func permits(_ origin: String) -> Bool {
    if self.origins.isEmpty { return true }
    return self.origins.contains { known in
      known.count == origin.utf8.count
        && zip(known, origin.utf8).allSatisfy { $0 == ASCII.lowercased($1) }
    }
  }

  /// Appends the fields of a response to a request of this origin; for one that may not call, only
  /// `vary: origin`.
  func appendFields(for origin: String, to fields: inout HeaderBlock) {
    self.append(self.responseFields, for: origin, to: &fields)
  }

  /// Appends the fields of a preflight response.
  ///
  /// - Parameter requestedHeaders: the preflight's `Access-Control-Request-Headers`; echoed only if it's
  ///   a list of names.
  func appendPreflight(
    for origin: String, requestedHeaders: String, to fields: inout HeaderBlock
  ) {
    self.append(self.preflightFields, for: origin, to: &fields)
    guard self.allowsAnyHeader, !requestedHeaders.isEmpty, self.permits(origin),
      requestedHeaders.utf8.allSatisfy(Self.isInNameList)
    else { return }
    fields.append("access-control-allow-headers", requestedHeaders)
  }

  private func append(_ more: HeaderBlock, for origin: String, to fields: inout HeaderBlock) {
    if self.origins.isEmpty {
      // No credentials are sent then, so the response is the same for all origins.
      if !origin.isEmpty {
        fields.append("access-control-allow-origin", "*")
        fields.append(contentsOf: more)
      }
      return
    }
    fields.append("vary", "origin")
    guard !origin.isEmpty, self.permits(origin) else { return }
    fields.append("access-control-allow-origin", origin)
    fields.append(contentsOf: more)
  }

  /// An endpoint's metadata without `access-control-…`, which the policy sets instead.
  static func without(_ metadata: HeaderBlock) -> HeaderBlock {
    var kept = HeaderBlock()
    for field in metadata.fields
    where !metadata.bytes[field.name].starts(with: "access-control-".utf8) {
      kept.append(field, of: metadata)
    }
    return kept
  }

  private static func isInNameList(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: " "):
      true
    default:
      false
    }
  }
}

// MARK: - Requests

extension ExchangeDriver {
  /// Adds the fields of the service's policy to the response's.
  func applyPolicy(_ headers: RequestHeaders, of service: ServedService) {
    service.cors?.appendFields(for: headers.origin, to: &self.responseFields)
  }

  /// Responds to a preflight (Fetch §3.3.2) if the service that its request would reach has a policy.
  ///
  /// - Returns: false for any other request, which is then routed.
  @inline(never)
  func respondToPreflight(
    _ head: RequestHead, _ headers: RequestHeaders
  ) throws(RequestError) -> Bool {
    guard head.method == .OPTIONS, !headers.origin.isEmpty, let method = headers.requestedMethod,
      let service = RequestRouter.service(of: head, method: method, headers, self.loop),
      let policy = service.cors
    else { return false }
    self.exchange?.unroutedService = service
    policy.appendPreflight(
      for: headers.origin, requestedHeaders: headers.requestedHeaders, to: &self.responseFields)
    guard policy.permits(headers.origin) else {
      throw RequestError(
        .permissionDenied, .originNotAllowed,
        "the origin \(EchoedText.cut(headers.origin)) isn't one of services.\(service.name).cors.origins"
      )
    }
    self.respondEmpty()
    return true
  }

  /// Adds a hint about `cors.origins` to the error of a preflight (Fetch §3.3.2) without policy and
  /// route.
  @inline(never)
  func explainPreflight(
    _ error: inout RequestError, _ head: RequestHead, _ headers: RequestHeaders
  ) {
    guard head.method == .OPTIONS, !headers.origin.isEmpty, let method = headers.requestedMethod,
      error.reason == .methodNotAllowed || error.reason == .noRoute,
      let service = RequestRouter.service(of: head, method: method, headers, self.loop),
      service.cors == nil
    else { return }
    error.message +=
      ". This is a browser's CORS preflight for a page of \(headers.origin.prefix(200)); to allow it, "
      + "add that origin to services.\(service.name).cors.origins"
  }

  /// Applies the service's policy to a request without a route, so that a page can read the error.
  @inline(never)
  func applyPolicyWithoutRoute(_ head: RequestHead, _ headers: RequestHeaders) {
    guard
      let service = RequestRouter.service(
        of: head, method: head.method.rawValue, headers, self.loop)
    else { return }
    self.applyPolicy(headers, of: service)
  }
}
