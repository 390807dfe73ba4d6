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
}
