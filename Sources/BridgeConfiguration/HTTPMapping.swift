internal import Codec
internal import Routing

/// The keys of a service that say how the parts of a request are read.
extension ConfigurationReader {
  /// What the section `http` of a service says.
  struct Mapping {
    var routing = RoutingOptions()
    var refusesPathFieldsElsewhere = false
    var underBody = UnderBody.refuse
    var requests = Configuration.RequestOptions()
  }

  /// What becomes of a query parameter for a field under the one that is the body.
  enum UnderBody {
    case refuse
    case merge
    case ignore
  }

  func mapping(_ section: SectionReader) -> Mapping {
    var mapping = Mapping()
    let scopes: KeyValuePairs<String, PercentCoding.Scope> = [
      "all_but_slash": .allButSlash, "keep_reserved": .allButReserved, "all": .everything,
    ]
    if let scope = section.choice("path_decoding", scopes) {
      mapping.routing.multiSegmentScope = scope
    }
    if let matches = section.choice("trailing_slash", ["match": true, "strict": false]) {
      mapping.routing.matchesTrailingSlash = matches
    }
    if let scope = section.choice(
      "plus_in_query", ["space": PercentCoding.Scope.query, "literal": .everything])
    {
      mapping.routing.queryScope = scope
    }
    if let refuses = section.choice("path_field_elsewhere", ["override": false, "reject": true]) {
      mapping.refusesPathFieldsElsewhere = refuses
    }
    let underBody: KeyValuePairs<String, UnderBody> = [
      "reject": .refuse, "merge": .merge, "ignore": .ignore,
    ]
    if let choice = section.choice("query_under_body", underBody) { mapping.underBody = choice }
    if let merges = section.choice("slashes", ["keep": false, "merge": true]) {
      mapping.routing.mergesSlashes = merges
    }
    if let takesAny = section.choice("content_type", ["json": false, "any": true]) {
      mapping.requests.takesAnyContentType = takesAny
    }
    if let ignores = section.choice("unexpected_body", ["reject": false, "ignore": true]) {
      mapping.requests.ignoresUnexpectedBody = ignores
    }
    if let overrides = section.flag("method_override") {
      mapping.requests.overridesMethods = overrides
    }
    if let fills = section.choice("patch_mask", ["leave": false, "fill": true]) {
      mapping.routing.fillsPatchMask = fills
    }
    let clashes: KeyValuePairs<String, RoutingOptions.Clashes> = [
      "refuse": .refuse, "first": .first,
    ]
    mapping.routing.clashes = section.choice("clashes", clashes)
    section.finish()
    return mapping
  }
}
