/// A service's choices where implementations of google.api.http read paths differently.
package struct RoutingOptions: Sendable, Equatable {
  /// How to handle two rules that match the same requests.
  package enum Clashes: Sendable, Equatable {
    /// They are an error.
    case refuse
    /// The one declared first gets the requests, with a warning.
    case first
  }

  /// How the values of variables that span several segments are decoded. Default: all but `%2F`.
  package var multiSegmentScope = PercentCoding.Scope.allButSlash
  /// Whether `/a/` is treated as `/a`. Default: true.
  package var matchesTrailingSlash = true
  /// How names and values of a query are decoded. Default: `+` is a space.
  package var queryScope = PercentCoding.Scope.query
  /// Whether consecutive slashes of a path count as one. Default: false.
  package var mergesSlashes = false
  /// Nil: within one schema the first one gets the requests, because its author isn't the operator;
  /// conflicts of overrides, and of two services, are errors. Default: nil.
  package var clashes: Clashes?

  /// Whether a PATCH that omits the request's only FieldMask gets one with the paths that its body
  /// has. Default: false.
  package var fillsPatchMask = false

  package init() {}
}
