/// State of a token file that is re-read periodically: which token is in effect, and when a problem is
/// reported (once). Pure.
///
/// On any error the last valid token stays in effect: it may still be accepted, while calls without one are
/// certainly rejected.
package struct TokenFileState {
  /// The result of reading the file.
  package enum Finding {
    case token(Configuration.Secret)
    /// The file has no valid token. The reason never contains its contents.
    case fault(String)
  }

  package enum Action {
    case nothing
    /// New calls carry this token.
    case renew(Configuration.Secret)
    /// Log a message; keep using the current token.
    case report(String)
  }

  private var token: Configuration.Secret
  private var isFaulty = false

  package init(_ token: Configuration.Secret) {
    self.token = token
  }

  /// Handles the result of reading the file.
  package mutating func found(_ finding: Finding) -> Action {
    switch finding {
    case .fault(let reason):
      guard !self.isFaulty else { return .nothing }
      self.isFaulty = true
      return .report("\(reason); the last valid token stays in use")
    case .token(let token):
      let wasFaulty = self.isFaulty
      self.isFaulty = false
      guard token.revealed == self.token.revealed else {
        self.token = token
        return .renew(token)
      }
      return wasFaulty ? .report("contains a valid token again") : .nothing
    }
  }
}
