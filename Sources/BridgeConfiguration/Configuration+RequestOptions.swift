extension Configuration {
  /// Leniency towards requests that don't match their rules exactly.
  package struct RequestOptions: Sendable, Equatable {
    /// Whether bodies are read as JSON regardless of `Content-Type`. Default no.
    package var takesAnyContentType = false
    /// Whether a body is ignored if the rule has none. Default no.
    package var ignoresUnexpectedBody = false
    /// Whether a POST with `X-HTTP-Method-Override: GET` and a form body is handled as a GET with that
    /// form as its query. Default no.
    package var overridesMethods = false

    package init() {}
  }
}
