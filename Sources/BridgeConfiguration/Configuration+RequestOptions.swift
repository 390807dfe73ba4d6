extension Configuration {
  /// How requests are read that aren't quite what their rules say.
  package struct RequestOptions: Sendable, Equatable {
    /// Whether bodies are JSON whatever their `Content-Type` says. Default no.
    package var takesAnyContentType = false
    /// Whether a body is passed over where the rule has none. Default no.
    package var ignoresUnexpectedBody = false
    /// Whether a POST with `X-HTTP-Method-Override: GET` and a form as its body is the GET whose query
    /// that form is. Default no.
    package var overridesMethods = false

    package init() {}
  }
}
