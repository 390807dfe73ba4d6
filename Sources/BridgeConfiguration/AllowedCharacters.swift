internal import HTTPFields

extension StringProtocol {
  /// Whether it has only letters and digits of ASCII, and characters of `others`.
  func isAlphanumeric(or others: String = "") -> Bool {
    self.utf8.allSatisfy { ASCII.isAlphanumeric($0) || others.utf8.contains($0) }
  }
}
