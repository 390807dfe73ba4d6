internal import Codec

/// The keys of a service that say how paths and queries are read.
extension ConfigurationReader {
  /// What the section `http` of a service says.
  struct Mapping {
    var routing = RoutingOptions()
    var refusesPathFieldsElsewhere = false
    var mergesQueryIntoBodyField = false
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
    if let merges = section.choice("query_under_body", ["reject": false, "merge": true]) {
      mapping.mergesQueryIntoBodyField = merges
    }
    section.finish()
    return mapping
  }

  /// `json.unknown_parameters`: a choice, or a list of names that are passed over.
  func unknownParameters(_ section: SectionReader, _ options: inout EncodeOptions) {
    guard let node = section.node("unknown_parameters") else { return }
    if case .list = node.value {
      let names = section.list("unknown_parameters", example: "access_token") {
        text throws(ValueFault) in
        guard !text.isEmpty else {
          throw ValueFault("an empty name; write the parameter's name, such as access_token")
        }
        return Array(text.utf8)
      }
      options.ignoredParameters = names ?? []
      return
    }
    let ignores = section.value("unknown_parameters", example: "reject") {
      text throws(ValueFault) in
      guard let ignores = ["reject": false, "ignore": true][text] else {
        throw ValueFault(
          "\(ConfigurationValues.quoted(text)) is not a choice; write reject, ignore, or a list of "
            + "the names to ignore")
      }
      return ignores
    }
    if let ignores { options.ignoresUnknownParameters = ignores }
  }
}
