internal import HTTPFields

/// Names of PAI-EAS: the rules for services, accounts, regions and gateways.
enum EASNames {
  /// Letters, digits, `_` and `-`, with a dot after a group's name.
  static func service(_ text: String) throws(ValueError) -> String {
    guard (1...128).contains(text.utf8.count),
      text.isAlphanumeric(or: "-_.")
    else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a service of PAI-EAS; write letters, digits, _, "
          + "- or ., without a path")
    }
    return text
  }

  /// An account number.
  static func uid(_ text: String) throws(ValueError) -> String {
    guard (1...32).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isDigit) else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not an account's number; write digits")
    }
    return text
  }

  static func region(_ text: String) throws(ValueError) -> String {
    guard Self.isLabel(text) else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a region; write one such as cn-hangzhou")
    }
    return text
  }

  /// The identifier of a dedicated gateway.
  static func gateway(_ text: String) throws(ValueError) -> String {
    guard Self.isLabel(text), text.hasPrefix("gw-") else {
      throw ValueError(
        "\(ConfigurationValues.quoted(text)) is not a dedicated gateway; write its identifier, such "
          + "as gw-1234")
    }
    return text
  }

  /// Whether the text is a label of their host names.
  private static func isLabel(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
      && text.isAlphanumeric(or: "-") && !text.utf8.contains(where: ASCII.isUppercase)
  }
}
