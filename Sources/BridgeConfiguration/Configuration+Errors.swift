internal import Codec
package import GRPCWire
internal import Routing

extension Configuration {
  /// Format of a service's error responses, for clients that don't know google.rpc.Status.
  package struct Errors: Sendable, Equatable {
    /// HTTP statuses of errors.
    package enum Statuses: Sendable, Equatable {
      /// The same for every error.
      case all(Int)
      /// By gRPC code; the default for all others.
      case byCode([GRPCStatus.Code: Int])
    }

    /// The body; nil: google.rpc.Status. Default nil.
    package var body: ErrorTemplate?
    /// Default: the standard mapping.
    package var statuses = Statuses.byCode([:])
    /// `Content-Type` of error bodies. Default `application/json`.
    package var contentType: String?

    package init() {}

    /// The HTTP status of an error, given the default one.
    package func httpStatus(of code: GRPCStatus.Code, usually status: Int) -> Int {
      switch self.statuses {
      case .all(let status): status
      case .byCode(let statuses): statuses[code] ?? status
      }
    }
  }
}

extension Configuration.Errors {
  /// Reads the section `errors` of a service.
  init(_ section: SectionReader) {
    self.init()
    if let node = section.node("body"), node.isNull {
      section.fault("body", "expected the JSON of an error, as YAML, found nothing")
    } else if let node = section.node("body") {
      var builder = ErrorTemplate.Builder()
      let reader = TemplateReader(faults: section.faults)
      reader.append(node, path: section.path(of: "body"), to: &builder)
      self.body = builder.build()
    }
    if let statuses = Self.statuses(section) { self.statuses = statuses }
    self.contentType = section.value(
      "content_type", example: "application/json", Self.contentType)
    section.finish()
  }

  /// One status for all errors, or one per code.
  private static func statuses(_ section: SectionReader) -> Statuses? {
    guard let node = section.node("status") else { return nil }
    guard case .mapping(let members) = node.value else {
      return section.value("status", example: "200", Self.status).map { .all($0) }
    }
    guard let map = section.section("status") else { return nil }
    let codes = GRPCStatus.Code.allCases.filter { $0 != .ok }
    var statuses: [GRPCStatus.Code: Int] = [:]
    for member in members {
      let status = map.value(member.key, example: "200", Self.status)
      if let code = codes.first(where: { $0.name == member.key }) {
        statuses[code] = status
        continue
      }
      let near = SpellingSuggestion.name(to: member.key, among: codes.map(\.name))
      map.faults.add(
        member.keyLocation, map.path(of: member.key),
        "not the code of an error; "
          + (near.map { "did you mean \($0)?" } ?? "write its name, such as NOT_FOUND"))
    }
    return .byCode(statuses)
  }

  private static func status(_ text: String) throws(ValueError) -> Int {
    let status = try ConfigurationValues.integer(text, in: 200...599)
    // RFC 9110 §15.3.5, §15.3.6, §15.4.5: responses without content.
    guard status != 204, status != 205, status != 304 else {
      throw ValueError("a response with the status \(status) has no body; write another one")
    }
    return status
  }

  /// RFC 9110 §8.3.1: a type, a subtype and optional parameters.
  private static func contentType(_ text: String) throws(ValueError) -> String {
    let parts = text.prefix { $0 != ";" && $0 != " " }
      .split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2,
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(HTTPMethods.isTokenByte) }),
      text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), text.utf8.last != UInt8(ascii: " ")
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a content type; write one such as "
          + "application/json")
    }
    return text
  }
}

/// Compiles the YAML tree of a template, and reports each invalid part.
private struct TemplateReader {
  let faults: SectionReader.Faults

  /// Recursion depth is bounded by libyaml's nesting limit.
  func append(_ node: YAMLNode, path: String, to builder: inout ErrorTemplate.Builder) {
    switch node.value {
    case .scalar(let text, let isPlain):
      do throws(ValueError) {
        if isPlain {
          try builder.append(plain: text)
        } else {
          try builder.append(template: text)
        }
      } catch {
        self.faults.add(node.location, path, error.reason)
      }
    case .list(let nodes):
      builder.append(literal: "[")
      for (index, node) in nodes.enumerated() {
        if index > 0 { builder.append(literal: ",") }
        self.append(node, path: "\(path)[\(index)]", to: &builder)
      }
      builder.append(literal: "]")
    case .mapping(let members):
      builder.append(literal: "{")
      for (index, member) in members.enumerated() {
        if index > 0 { builder.append(literal: ",") }
        let path = "\(path).\(member.key)"
        do throws(ValueError) {
          try builder.append(key: member.key)
        } catch {
          self.faults.add(member.keyLocation, path, error.reason)
        }
        self.append(member.value, path: path, to: &builder)
      }
      builder.append(literal: "}")
    }
  }
}
