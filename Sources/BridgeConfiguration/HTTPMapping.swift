internal import Codec
internal import Routing

/// The section `http` of a service: the mapping of HTTP requests.
struct HTTPMapping {
  /// Handling of a query parameter for a field inside the body field.
  private enum UnderBody {
    case refuse
    case merge
    case ignore
  }

  private var routing = RoutingOptions()
  private var refusesPathFieldsElsewhere = false
  private var underBody = UnderBody.refuse
  private var requests = Configuration.RequestOptions()

  init(_ section: SectionReader) {
    section.choice(
      "path_decoding", into: &self.routing.multiSegmentScope,
      ["all_but_slash": .allButSlash, "keep_reserved": .allButReserved, "all": .everything])
    section.choice(
      "trailing_slash", into: &self.routing.matchesTrailingSlash, ["match": true, "strict": false])
    section.choice(
      "plus_in_query", into: &self.routing.queryScope, ["space": .query, "literal": .everything])
    section.choice(
      "path_field_elsewhere", into: &self.refusesPathFieldsElsewhere,
      ["override": false, "reject": true])
    section.choice(
      "query_under_body", into: &self.underBody,
      ["reject": .refuse, "merge": .merge, "ignore": .ignore])
    section.choice(
      "slashes", into: &self.routing.mergesSlashes, ["keep": false, "merge": true])
    section.choice(
      "content_type", into: &self.requests.takesAnyContentType, ["json": false, "any": true])
    section.choice(
      "unexpected_body", into: &self.requests.ignoresUnexpectedBody,
      ["reject": false, "ignore": true])
    section.flag("method_override", into: &self.requests.overridesMethods)
    section.choice(
      "patch_mask", into: &self.routing.fillsPatchMask, ["leave": false, "fill": true])
    let clashes: KeyValuePairs<String, RoutingOptions.Clashes> = [
      "refuse": .refuse, "first": .first,
    ]
    self.routing.clashes = section.choice("clashes", clashes)
    section.finish()
  }

  /// Applies the settings to a service.
  func apply(to service: inout Configuration.Service) {
    service.routing = self.routing
    service.encode.refusesPathFieldsElsewhere = self.refusesPathFieldsElsewhere
    service.encode.mergesQueryIntoBodyField = self.underBody == .merge
    service.encode.ignoresQueryUnderBodyField = self.underBody == .ignore
    service.requests = self.requests
  }
}
