import Foundation

/// One case of Tests/Cases/http: a request, and what becomes of it; or rules, and why they are
/// refused.
struct HTTPCase: Sendable, CustomStringConvertible {
  /// What has to become of it.
  enum Outcome: Sendable {
    /// The method of the showcase that's called, and its request as JSON text.
    case call(method: String, message: String)
    /// The response of the bridge.
    case error(Refusal)
    /// What the load of the service says.
    case fault(String)
  }

  /// A response of the bridge; what's nil isn't looked at.
  struct Refusal: Sendable {
    var status: Int
    var reason: String?
    var field: String?
    /// A part of the message.
    var says: String?
    var allow: String?
  }

  /// A sentence.
  var name: String
  /// The sentence of a specification, or the choice, that the case follows from.
  var source: String
  /// Method and target.
  var request: String
  var headers: [String]
  var body: String?
  /// The service's own keys, as YAML.
  var service: [String]
  var outcome: Outcome

  var description: String { self.name }

  /// All cases of a file.
  static func load(_ file: String) throws -> [HTTPCase] {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../../../Cases/http/\(file)")
    guard
      let groups = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
        as? [[String: Any]]
    else { throw ResponseError(text: "\(file) is no list of groups") }
    return try groups.flatMap { group in
      let service = group["service"] as? [String: Any] ?? [:]
      guard let cases = group["cases"] as? [[String: Any]] else {
        throw ResponseError(text: "\(file): a group without cases")
      }
      return try cases.map { try HTTPCase($0, service: service) }
    }
  }

  /// - Parameter service: the keys of the case's group.
  private init(_ members: [String: Any], service: [String: Any]) throws {
    let text = { (key: String) in members[key] as? String }
    self.name = text("name") ?? ""
    self.source = text("source") ?? ""
    self.request = text("request") ?? ""
    self.headers = (members["headers"] as? [String: String] ?? [:]).map { "\($0): \($1)" }
    self.body = try text("text") ?? members["body"].map(Self.json)
    var service = service
    if let rules = members["rules"] { service["http_rules"] = rules }
    self.service = service.map { "\($0): \(Self.yaml($1))" }
    if let method = text("method") {
      self.outcome = .call(method: method, message: try Self.json(members["message"] ?? [:]))
    } else if let fault = text("fault") {
      self.outcome = .fault(fault)
    } else if let status = members["status"] as? Int {
      self.outcome = .error(
        Refusal(
          status: status, reason: text("reason"), field: text("field"), says: text("says"),
          allow: text("allow")))
    } else {
      throw ResponseError(text: "\(self.name): nothing that has to become of it")
    }
    let isRequest = if case .fault = self.outcome { false } else { true }
    guard !self.name.isEmpty, !self.source.isEmpty, isRequest != self.request.isEmpty else {
      throw ResponseError(text: "\(members): a case has a name, a source and a request")
    }
  }

  private static func json(_ value: Any) throws -> String {
    let data = try JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed])
    return String(decoding: data, as: UTF8.self)
  }

  /// A value in YAML's flow style.
  private static func yaml(_ value: Any) -> String {
    switch value {
    case let members as [String: Any]:
      "{" + members.map { "\($0): \(Self.yaml($1))" }.joined(separator: ", ") + "}"
    case let elements as [Any]:
      "[" + elements.map(Self.yaml).joined(separator: ", ") + "]"
    default: "\"\(value)\""
    }
  }
}
