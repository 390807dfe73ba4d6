extension Configuration {
  /// A secret, and where it's read again while the bridge runs.
  package struct SecretSource: Sendable {
    /// As it was when it was last read.
    package var secret: Secret
    /// The file that holds it, absolute; nil: it stays what it is.
    package var file: String?

    package init(_ secret: Secret, file: String? = nil) {
      self.secret = secret
      self.file = file
    }
  }
}
