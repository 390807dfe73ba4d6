/// Where implementations of google.api.http differ in how they read a path: what a service chose.
package struct RoutingOptions: Sendable, Equatable {
  /// What becomes of two rules that the same requests would match.
  package enum Clashes: Sendable, Equatable {
    /// They are an error.
    case refuse
    /// The one that is declared first gets the requests, with a warning.
    case first
  }

  /// How the values of variables that span several segments are decoded. Default: all but `%2F`.
  package var multiSegmentScope = PercentCoding.Scope.allButSlash
  /// Whether `/a/` is taken for `/a`. Default: it is.
  package var matchesTrailingSlash = true
  /// How names and values of a query are decoded. Default: `+` is a space.
  package var queryScope = PercentCoding.Scope.query
  /// Whether several slashes of a path in a row count as one. Default: they don't.
  package var mergesSlashes = false
  /// Nil: within one schema the first one gets the requests, because nobody here wrote it; rules of the
  /// configuration, and rules of two services, are refused. Default nil.
  package var clashes: Clashes?

  /// Whether a PATCH whose client leaves out the request's only FieldMask gets one with the paths that
  /// its body has. Default: it doesn't.
  package var fillsPatchMask = false

  package init() {}
}
