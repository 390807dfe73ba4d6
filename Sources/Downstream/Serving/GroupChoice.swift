internal import BridgeConfiguration
internal import Codec

/// Chooses a group of a service's endpoints for each request. Immutable.
struct GroupChoice: Sendable {
  private let rules: [Rule]
  /// In the order of the service's groups.
  private let names: [String]

  private struct Rule {
    var header: String?
    var value: String?
    var pathPrefix: [UInt8]
    var target: Configuration.GroupRule.Target
    /// The sum of `weights`.
    var total: Int
  }

  /// Nil if there's nothing to choose.
  init?(_ service: Configuration.Service) {
    guard !service.choose.isEmpty else { return nil }
    self.names = service.groups.map(\.name)
    self.rules = service.choose.map { rule in
      var total = 0
      if case .weights(let weights) = rule.target { total = weights.reduce(0, +) }
      return Rule(
        header: rule.header, value: rule.value, pathPrefix: Array((rule.pathPrefix ?? "").utf8),
        target: rule.target, total: total)
    }
  }

  /// The group of a request: that of the first matching rule, else the service's default group.
  ///
  /// - Parameters:
  ///   - path: without the service's prefix and the query.
  ///   - header: returns the first field with a name, given in lower case; nil if there's none.
  ///   - generator: for weighted choices.
  /// - Throws: `UnknownGroupError` if the client names a group that doesn't exist.
  func group(
    path: RawSpan, using generator: inout some RandomNumberGenerator,
    header: (String) -> String?
  ) throws(UnknownGroupError) -> Int {
    for rule in self.rules where Self.begins(path, with: rule.pathPrefix) {
      var found = ""
      if let name = rule.header {
        guard let value = header(name), rule.value == nil || rule.value == value else { continue }
        found = value
      }
      switch rule.target {
      case .group(let index):
        return index
      case .weights(let weights):
        var position = Int.random(in: 0..<rule.total, using: &generator)
        for (index, weight) in weights.enumerated() {
          if position < weight { return index }
          position -= weight
        }
        return 0
      case .named:
        if let index = self.names.firstIndex(of: found) { return index }
        throw UnknownGroupError(header: rule.header ?? "", value: found, names: self.names)
      }
    }
    return 0
  }

  /// Whether the path begins with the prefix and a segment ends there.
  private static func begins(_ path: RawSpan, with prefix: [UInt8]) -> Bool {
    guard !prefix.isEmpty else { return true }
    guard path.byteCount >= prefix.count else { return false }
    for index in prefix.indices where path[index] != prefix[index] { return false }
    return path.byteCount == prefix.count || path[prefix.count] == UInt8(ascii: "/")
  }
}

/// A client requested a group of endpoints that doesn't exist.
struct UnknownGroupError: Error, Equatable, CustomStringConvertible {
  var header: String
  /// As sent by the client.
  var value: String
  /// The valid values.
  var names: [String]

  var description: String {
    "\(self.header): \(ConfigurationValues.quoted(self.value)) names no endpoint of this service; "
      + "write one of \(self.names.joined(separator: ", ")), or leave the header out"
  }
}
