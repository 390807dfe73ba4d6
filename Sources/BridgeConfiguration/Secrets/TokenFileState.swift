/// What becomes of a token file that is read again and again: which token holds, and what a person is
/// told of it, once. Pure.
///
/// Whatever is wrong with the file, the last good token holds: calls may still be let in with it, and
/// without one they certainly aren't.
package struct TokenFileState {
  /// What one look at the file found.
  package enum Finding {
    case token(Configuration.Secret)
    /// There's no token in it that can be sent, and why, in words without it.
    case fault(String)
  }

  package enum Action {
    case nothing
    /// Calls that begin from now on carry this one.
    case renew(Configuration.Secret)
    /// A person is to be told; the token stays what it is.
    case report(String)
  }

  private var token: Configuration.Secret
  private var isFaulty = false

  package init(_ token: Configuration.Secret) {
    self.token = token
  }

  /// The file was looked at.
  package mutating func found(_ finding: Finding) -> Action {
    switch finding {
    case .fault(let reason):
      guard !self.isFaulty else { return .nothing }
      self.isFaulty = true
      return .report("\(reason); the last good token holds")
    case .token(let token):
      let wasFaulty = self.isFaulty
      self.isFaulty = false
      guard token.revealed == self.token.revealed else {
        self.token = token
        return .renew(token)
      }
      return wasFaulty ? .report("holds the token again") : .nothing
    }
  }
}
