internal import BridgeConfiguration
internal import Codec

/// Message types that the schema doesn't define.
struct UnknownTypesError: Error {
  struct Diagnostic: Sendable {
    /// Key below `transport.http-protobuf`.
    var key: String
    var location: TextLocation?
    var reason: String
  }

  var faults: [Diagnostic]
}

extension Configuration.HTTPProtobuf {
  /// The schema with the transport's one method instead of its declared services.
  ///
  /// - Parameter service: the service's name in the configuration, also used as the Protobuf service.
  func schema(
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
