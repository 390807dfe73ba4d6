package import BridgeConfiguration
internal import Codec
internal import GRPCWire
internal import HTTP2
internal import HTTPFields
internal import NIOHTTP1

/// Which pages of other origins may call a service from a browser, and what they may read of its
/// answers: the CORS protocol of the Fetch standard (§3.3), made ready to be written.
package struct CORSPolicy: Sendable, Equatable {
  /// In lower case; empty: any.
  private let origins: [[UInt8]]
  /// The fields of an answer behind its `Access-Control-Allow-Origin`.
  private let responseFields: HeaderBlock
  /// The fields that the answer to a preflight has besides.
  private let preflightFields: HeaderBlock
  /// Whether any header of a request may be sent: then those that are asked for are named.
  private let allowsAnyHeader: Bool
  private let hasCredentials: Bool

  /// Puts together what answers say.
  package init(_ configuration: Configuration.CORS) {
    self.origins = configuration.origins.map { $0.utf8.map(ASCII.lowercased) }
    self.allowsAnyHeader = configuration.headers.contains("*")
    self.hasCredentials = configuration.allowsCredentials
    var respond = HeaderBlock()
    if configuration.allowsCredentials {
      respond.append("access-control-allow-credentials", "true")
    }
    var preflight = respond
    if !configuration.expose.isEmpty {
      respond.append("access-control-expose-headers", configuration.expose.joined(separator: ", "))
    }
    preflight.append(
      "access-control-allow-methods", configuration.methods.joined(separator: ", "))
    if !self.allowsAnyHeader, !configuration.headers.isEmpty {
      preflight.append(
        "access-control-allow-headers", configuration.headers.joined(separator: ", "))
    }
    preflight.append(
      "access-control-max-age", String(configuration.maxAge.components.seconds))
    self.responseFields = respond
    self.preflightFields = preflight
  }

  /// Whether every page may call.
  var permitsAny: Bool { self.origins.isEmpty }

  /// Whether an origin may call: the same scheme, host and port, in any case.
  func permits(_ origin: String) -> Bool {
    if self.origins.isEmpty { return true }
    return self.origins.contains { known in
      known.count == origin.utf8.count
        && zip(known, origin.utf8).allSatisfy { $0 == ASCII.lowercased($1) }
    }
  }

  /// Appends the fields of an answer to a request of this origin; of one that may not call, only
  /// that the answer depends on it.
  func appendFields(for origin: String, to fields: inout HeaderBlock) {
    self.append(self.responseFields, for: origin, to: &fields)
  }

  /// Appends the fields of the answer to a preflight.
  ///
  /// - Parameter requestedHeaders: its `Access-Control-Request-Headers`, of which nothing is
  ///   believed but that they are names.
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
      // No cookies are sent then, so the answer is the same for all.
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

  /// What of an endpoint's metadata isn't passed on, because the policy says it:
  /// `access-control-…`.
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
  /// Adds what the service's policy says to the answer's fields.
  func applyPolicy(_ headers: RequestHeaders, of service: ServedService) {
    service.cors?.appendFields(for: headers.origin, to: &self.responseFields)
  }

  /// Answers a preflight (Fetch §3.3.2), where the service that its request would reach has a
  /// policy.
  ///
  /// - Returns: false for anything else, which goes to its route.
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

  /// Says what lets a page call, where a preflight (Fetch §3.3.2) found no policy and no route.
  @inline(never)
  func explainPreflight(
    _ fault: inout RequestError, _ head: RequestHead, _ headers: RequestHeaders
  ) {
    guard head.method == .OPTIONS, !headers.origin.isEmpty, let method = headers.requestedMethod,
      fault.reason == .methodNotAllowed || fault.reason == .noRoute,
      let service = RequestRouter.service(of: head, method: method, headers, self.loop),
      service.cors == nil
    else { return }
    fault.message +=
      ". This is a browser's question whether a page of \(headers.origin.prefix(200)) may call; list "
      + "that origin in services.\(service.name).cors.origins if it may"
  }

  /// Lets a page read the error of a request that found no route.
  @inline(never)
  func applyPolicyWithoutRoute(_ head: RequestHead, _ headers: RequestHeaders) {
    guard
      let service = RequestRouter.service(
        of: head, method: head.method.rawValue, headers, self.loop)
    else { return }
    self.applyPolicy(headers, of: service)
  }
}
