package import Codec

/// One HTTP binding of a method: everything needed to turn a matched request into a call.
///
/// A class because it's passed along with each request and has a dozen members to retain.
package final class Route: Sendable {
  /// A field that takes its value from the path.
  package struct Variable: Sendable {
    package var field: FieldPath
    /// The segments of the template that it spans.
    package var segments: Range<Int>
    /// How its value is decoded.
    package var scope: PercentCoding.Scope
  }

  /// `GET`, `POST`, …, the kind of a custom rule, or `*` for any method.
  package let httpMethod: String
  package let template: PathTemplate
  /// The index of `**` in the template's segments.
  let restIndex: Int?
  package let method: MethodSchema
  /// `:path` of the call: `/package.Service/Method`.
  package let callPath: String
  package let body: BodyRule
  /// The field of the response message that is the HTTP body; nil for the whole message.
  package let responseBody: FieldPath?
  package let variables: [Variable]
  /// Whether the body isn't JSON but a google.api.HttpBody: the request message itself, or its field.
  package let takesHTTPBody: Bool
  /// Whether the response isn't JSON but a google.api.HttpBody: the response message itself, or its
  /// field.
  package let givesHTTPBody: Bool
  /// Whether it's the route by the method's own name.
  package let isByName: Bool
  /// The file that contains its rule, for messages; with line and column for an override.
  package let source: String
  /// Whether its rule is an override.
  package let isFromOutside: Bool

  init(
    httpMethod: String, template: PathTemplate, method: MethodSchema, body: BodyRule,
    responseBody: FieldPath? = nil, variables: [Variable] = [], takesHTTPBody: Bool = false,
    givesHTTPBody: Bool = false, isByName: Bool = false, source: String? = nil
  ) {
    self.httpMethod = httpMethod
    self.template = template
    self.restIndex = template.segments.firstIndex(of: .rest)
    self.method = method
    self.callPath = method.path
    self.body = body
    self.responseBody = responseBody
    self.variables = variables
    self.takesHTTPBody = takesHTTPBody
    self.givesHTTPBody = givesHTTPBody
    self.isByName = isByName
    self.source = source ?? method.file
    self.isFromOutside = source != nil
  }

  /// Whether the request has an HTTP body.
  package var takesBody: Bool {
    if case .none = self.body { false } else { true }
  }

  /// `package.Service/Method`, for display.
  package var name: String { "\(self.method.serviceName)/\(self.method.name)" }

  /// The bytes of a variable's value in a path that has just been matched with this route.
  package func range(
    of variable: Variable, in path: RawSpan, _ scratch: borrowing RouteScratch
  ) -> Range<Int> {
    scratch.range(
      of: variable.segments, count: self.template.segments.count, rest: self.restIndex, path)
  }
}
