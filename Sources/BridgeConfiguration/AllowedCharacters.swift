internal import HTTPFields

extension StringProtocol {
  /// Whether it consists of ASCII letters, digits and the characters of `others` only.
  func isAlphanumeric(or others: String = "") -> Bool {
    self.utf8.allSatisfy { ASCII.isAlphanumeric($0) || others.utf8.contains($0) }
  }
}
