internal import Routing

extension Configuration {
  /// Protobuf messages as HTTP/1.1 bodies instead of gRPC calls (`transport: {http-protobuf: {…}}`), as
  /// PAI-EAS processors expect. The service has this one method, whatever its schemas declare.
  package struct HTTPProtobuf: Sendable {
    /// The full name of a message and its location in the configuration file.
    package struct TypeName: Sendable, Equatable {
      package var name: String
      package var location: TextLocation?

      package init(_ name: String, location: TextLocation? = nil) {
        self.name = name
        self.location = location
      }
    }

    package var requestType: TypeName
    package var responseType: TypeName
    /// Path of requests to the endpoint, with its leading `/`.
    package var path: String
    /// Path template for clients of the bridge. Default `/` and the service's name.
    package var route: String
    /// The method's name, in logs and errors. Default `Predict`.
    package var name = "Predict"
    /// Whether a request may be sent twice: if so, a request on a reused connection that is lost before
    /// any byte of the response arrives is retried once. Default no, because POST isn't idempotent (RFC
    /// 9110 §9.2.2).
    package var isIdempotent = false
    /// Maximum number of connections to one endpoint, per event loop; each carries one request at a
    /// time, further requests wait. Stops a burst from opening unlimited sockets. Default 64.
    package var connectionLimit = 64

    package init(request: String, response: String, path: String, route: String) {
      self.requestType = TypeName(request)
      self.responseType = TypeName(response)
      self.path = path
      self.route = route
    }

    /// `:path` of the method's calls.
    package func callPath(service: String) -> String { "/\(service)/\(self.name)" }
  }
}

extension Configuration.HTTPProtobuf {
  /// Reads the section `http-protobuf` of `transport`.
  ///
  /// - Parameter name: the name of the service.
  init?(_ section: SectionReader, name: String) {
    let request = TypeName("request_type", of: section, example: "PredictRequest")
    let response = TypeName("response_type", of: section, example: "PredictResponse")
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
        text.isAlphanumeric(or: "_")
      else {
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a method's name; write letters, digits and _")
      }
      return text
    }
    let isIdempotent = section.flag("idempotent")
    let limit = section.integer("connections_max", example: "64", in: 1...4096)
    section.finish()
    guard let request, let response else { return nil }
    self.init(
      request: request.name, response: response.name, path: path ?? "", route: route ?? "/\(name)")
    self.requestType = request
    self.responseType = response
    if let method { self.name = method }
    if let isIdempotent { self.isIdempotent = isIdempotent }
    if let limit { self.connectionLimit = limit }
  }

  private static func path(_ text: String) throws(ValueError) -> String {
    if text == "/" { return text }
    return try ConfigurationValues.prefix(text)
  }
}

extension Configuration.HTTPProtobuf.TypeName {
  fileprivate init?(_ key: String, of section: SectionReader, example: String) {
    guard let node = section.node(key) else {
      section.missing(key, "write the full name of a message, such as \(example)")
      return nil
    }
    let name = section.value(key, example: example) { text throws(ValueError) in
      var name = text[...]
      if name.hasPrefix(".") { name.removeFirst() }
      return String(name)
    }
    guard let name else { return nil }
    self.init(name, location: node.location)
  }
}
