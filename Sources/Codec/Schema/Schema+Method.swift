extension Schema {
  /// The same messages with one method in place of the declared services: for endpoints whose
  /// schemas declare messages only.
  ///
  /// - Parameters:
  ///   - rule: how the method is called over HTTP.
  ///   - file: where it comes from, for error messages.
  package func serving(
    method name: String, of service: String, input: MessageIndex, output: MessageIndex,
    rule: HTTPRule, file: String
  ) -> Schema {
    let method = MethodSchema(
      name: name, serviceName: service, input: input, output: output, isClientStreaming: false,
      isServerStreaming: false, httpRules: [rule], file: file)
    return Schema(
      messages: self.messages, enums: self.enums,
      services: [ServiceSchema(fullName: service, methods: [method])], warnings: self.warnings,
      plan: self.plan)
  }
}
