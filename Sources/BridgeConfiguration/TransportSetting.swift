/// The key `transport` of a service: the protocol towards its endpoints.
enum TransportSetting {
  case grpc
  /// Nil if it's invalid.
  case http(Configuration.HTTPProtobuf?)

  var isHTTP: Bool {
    if case .http = self { true } else { false }
  }

  /// Reads `grpc` or `{http-protobuf: {…}}`. The path is that of the key only; `complete` prefixes the
  /// endpoint's.
  ///
  /// - Parameter name: the name of the service.
  init(of service: SectionReader, name: String) {
    self = .grpc
    guard let node = service.node("transport") else { return }
    guard case .mapping = node.value else {
      if service.choice("transport", ["grpc": true]) == nil {
        service.fault(
          "transport", "for messages over HTTP/1.1 write {http-protobuf: {request_type: …, …}}")
      }
      return
    }
    guard let section = service.section("transport") else { return }
    let settings = section.section("http-protobuf")
    section.finish()
    if section.node("http-protobuf") == nil {
      section.missing(
        "http-protobuf", "write the types of request and response, or transport: grpc")
    }
    self = .http(settings.flatMap { Configuration.HTTPProtobuf($0, name: name) })
  }

  /// Completes the path and reports settings that are incompatible with the transport.
  func complete(
    of service: SectionReader, cluster: inout Configuration.Cluster?,
    compression: Configuration.Compression?
  ) -> Configuration.HTTPProtobuf? {
    guard case .http(let found) = self else { return nil }
    if cluster?.health.check == true {
      service.fault("health", "check uses gRPC, which this transport doesn't; leave it out")
    }
    cluster?.health.check = false
    if compression?.compressesRequests == true {
      service.fault(
        "compression",
        "requests are only compressed for gRPC; write requests: off, or leave it out")
    }
    guard var found else { return nil }
    let base = cluster?.kind.predictPath ?? ""
    if base.isEmpty, found.path.isEmpty {
      if let location = service.section("transport")?.section("http-protobuf") {
        location.missing(
          "path", "write the path of requests to the endpoint, such as /api/predict/infer")
      } else {
        service.fault(
          "endpoint", "has no path of its own; write path in the service's transport.http-protobuf")
      }
    }
    found.path = base + found.path
    return found
  }
}

extension Configuration.EndpointKind {
  /// Path of PAI-EAS processors; empty if the service is unknown.
  fileprivate var predictPath: String {
    let service: String? =
      switch self {
      case .easGateway(let gateway): gateway.service
      case .easDirect(let eas): eas.service
      case .static, .dns, .nlb, .nacos: nil
      }
    return service.map { "/api/predict/\($0)" } ?? ""
  }
}
