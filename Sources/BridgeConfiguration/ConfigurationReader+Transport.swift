internal import Codec
internal import Routing

/// The key `transport` of a service: how messages get to its endpoints.
extension ConfigurationReader {
  /// What `transport` says.
  enum Transport {
    case grpc
    /// Nil where it's faulty.
    case http(Configuration.HTTPProtobuf?)

    var isHTTP: Bool {
      if case .http = self { true } else { false }
    }
  }

  /// `grpc`, or `{http-protobuf: {…}}`. Its path is only what the key says; `complete` makes it whole.
  ///
  /// - Parameter name: the service's.
  func transport(_ service: SectionReader, name: String) -> Transport {
    guard let node = service.node("transport") else { return .grpc }
    guard case .mapping = node.value else {
      if service.choice("transport", ["grpc": true]) == nil {
        service.fault(
          "transport", "messages over HTTP/1.1 are {http-protobuf: {request_type: …, …}}")
      }
      return .grpc
    }
    guard let section = service.section("transport") else { return .grpc }
    let settings = section.section("http-protobuf")
    section.finish()
    if section.node("http-protobuf") == nil {
      section.missing(
        "http-protobuf", "write the types of request and response, or transport: grpc")
    }
    return .http(settings.flatMap { self.httpProtobuf($0, name: name) })
  }

  private func httpProtobuf(
    _ section: SectionReader, name: String
  ) -> Configuration.HTTPProtobuf? {
    let request = self.typeName("request_type", of: section, example: "PredictRequest")
    let response = self.typeName("response_type", of: section, example: "PredictResponse")
    let path = section.value("path", example: "/api/predict/infer", Self.path)
    let route = section.value("route", example: "/\(name)") { text throws(ValueError) in
      do throws(TemplateError) {
        return try PathTemplate(text).text
      } catch {
        throw ValueError("\(ConfigurationValues.quoted(text)): \(error.description)")
      }
    }
    let method = section.value("name", example: "Predict") { text throws(ValueError) in
      guard (1...64).contains(text.utf8.count),
        text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
      else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a method's name; write letters, digits and _")
      }
      return text
    }
    let isIdempotent = section.flag("idempotent")
    let limit = section.value("connections_max", example: "64") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 1...4096)
    }
    section.finish()
    guard let request, let response else { return nil }
    var transport = Configuration.HTTPProtobuf(
      request: request.name, response: response.name, path: path ?? "", route: route ?? "/\(name)")
    transport.requestType = request
    transport.responseType = response
    if let method { transport.name = method }
    if let isIdempotent { transport.isIdempotent = isIdempotent }
    if let limit { transport.connectionLimit = limit }
    return transport
  }

  /// Puts the path together and finds what doesn't go with the transport.
  func complete(
    _ transport: Transport, of service: SectionReader, cluster: inout Configuration.Cluster?,
    compression: Configuration.Compression?
  ) -> Configuration.HTTPProtobuf? {
    guard case .http(let found) = transport else { return nil }
    if cluster?.health.check == true {
      service.fault("health", "check asks by gRPC, which this transport isn't; leave it out")
    }
    cluster?.health.check = false
    if compression?.compressesRequests == true {
      service.fault(
        "compression",
        "requests are compressed for gRPC alone; write requests: off, or leave it out")
    }
    guard var found else { return nil }
    let base = cluster?.kind.predictPath ?? ""
    if base.isEmpty, found.path.isEmpty {
      if let location = service.section("transport")?.section("http-protobuf") {
        location.missing("path", "write what the endpoint is asked for, such as /api/predict/infer")
      } else {
        service.fault(
          "endpoint", "has no path of its own; write path in the service's transport.http-protobuf")
      }
    }
    found.path = base + found.path
    return found
  }

  private func typeName(
    _ key: String, of section: SectionReader, example: String
  ) -> Configuration.HTTPProtobuf.TypeName? {
    guard let node = section.node(key) else {
      section.missing(key, "write the full name of a message, such as \(example)")
      return nil
    }
    return section.value(key, example: example) { text throws(ValueError) in
      var name = text[...]
      if name.hasPrefix(".") { name.removeFirst() }
      return Configuration.HTTPProtobuf.TypeName(String(name), location: node.location)
    }
  }

  private static func path(_ text: String) throws(ValueError) -> String {
    if text == "/" { return text }
    return try ConfigurationValues.prefix(text)
  }
}

extension Configuration.EndpointKind {
  /// Where processors of PAI-EAS are called; empty where the service isn't known.
  var predictPath: String {
    let service: String? =
      switch self {
      case .easGateway(let gateway): gateway.service
      case .easDirect(let eas): eas.service
      case .static, .dns, .nlb, .nacos: nil
      }
    return service.map { "/api/predict/\($0)" } ?? ""
  }
}
