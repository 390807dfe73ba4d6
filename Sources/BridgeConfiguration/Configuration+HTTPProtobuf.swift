package import Codec

extension Configuration {
  /// Messages as bodies of HTTP/1.1 instead of calls of gRPC (`transport: {http-protobuf: {…}}`): what
  /// the processors of PAI-EAS take. The service has this one method, whatever its schemas declare.
  package struct HTTPProtobuf: Sendable {
    /// The full name of a message, and where the configuration file has it.
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
    /// What the endpoint is asked for, from its leading `/`.
    package var path: String
    /// Where clients of the bridge find it. Default `/` and the service's name.
    package var route: String
    /// The method's name, in logs and errors. Default `Predict`.
    package var name = "Predict"
    /// Whether a request may be sent twice: if so, one whose connection was lost before anything of its
    /// answer came, and that had been kept since another request, is sent once more. Default no,
    /// because POST isn't idempotent (RFC 9110 §9.2.2).
    package var isIdempotent = false
    /// Connections to one endpoint, per event loop; each carries one request at a time, and more wait.
    /// Stops a burst from opening sockets without end. Default 64.
    package var connectionLimit = 64

    package init(request: String, response: String, path: String, route: String) {
      self.requestType = TypeName(request)
      self.responseType = TypeName(response)
      self.path = path
      self.route = route
    }
  }
}

/// Types that a schema doesn't have.
package struct UnknownTypesError: Error {
  package struct Diagnostic: Sendable {
    /// Below `transport.http-protobuf`.
    package var key: String
    package var location: TextLocation?
    package var reason: String
  }

  package var faults: [Diagnostic]
}

extension Configuration.HTTPProtobuf {
  /// The schema with the one method instead of the services that it declares.
  ///
  /// - Parameter service: the service's name in the configuration, which is the method's as well.
  package func schema(
    from schema: Schema, service: String
  ) throws(UnknownTypesError) -> Schema {
    var faults: [UnknownTypesError.Diagnostic] = []
    let input = Self.find(self.requestType, "request_type", in: schema, &faults)
    let output = Self.find(self.responseType, "response_type", in: schema, &faults)
    guard let input, let output, faults.isEmpty else { throw UnknownTypesError(faults: faults) }
    return schema.serving(
      method: self.name, of: service, input: input, output: output,
      rule: HTTPRule(verb: "POST", template: self.route, body: "*"),
      file: "services.\(service).transport")
  }

  /// `:path` of calls of the method.
  package func callPath(service: String) -> String { "/\(service)/\(self.name)" }

  private static func find(
    _ type: TypeName, _ key: String, in schema: Schema,
    _ faults: inout [UnknownTypesError.Diagnostic]
  ) -> MessageIndex? {
    if let index = schema.message(named: type.name) { return index }
    let names = schema.messages.lazy.filter { !$0.isMapEntry }.map(\.fullName)
    let hint = SpellingSuggestion.name(to: type.name, among: names).map { "; did you mean \($0)?" }
    faults.append(
      UnknownTypesError.Diagnostic(
        key: key, location: type.location,
        reason: "these schemas have no message \(ConfigurationValues.quoted(type.name))"
          + (hint ?? "; write its full name, with its package")))
    return nil
  }
}
