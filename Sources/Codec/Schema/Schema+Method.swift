extension Schema {
  /// The same messages, and instead of the declared services one with one method: for endpoints whose
  /// schemas declare messages alone.
  ///
  /// - Parameters:
  ///   - rule: how the method is called by HTTP.
  ///   - file: where it comes from, for messages to people.
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
