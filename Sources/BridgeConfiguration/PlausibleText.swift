internal import HTTPFields

/// Heuristics that tell names and paths from secrets.
///
/// Users may write a token instead of the name of its variable or the path of its file. Messages only show
/// a value that looks like a name or a path.
enum PlausibleText {
  /// Whether a text is plausible as the name of an environment variable: letters of one case, digits and
  /// underscores as in POSIX (IEEE 1003.1 §8.1), in words of usual length.
  static func isVariableName(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...64).contains(bytes.count), let first = bytes.first, !ASCII.isDigit(first) else {
      return false
    }
    guard text.isAlphanumeric(or: "_")
    else { return false }
    let capitals = bytes.count(where: ASCII.isUppercase)
    let letters = bytes.count(where: ASCII.isLetter)
    guard capitals == 0 || capitals == letters else { return false }
    return Self.hasUsualWords(text, separators: "_")
  }

  /// Whether a text is plausible as a path.
  static func isPath(_ text: String) -> Bool {
    guard text.utf8.count <= 1024, !text.contains(" ") else { return false }
    return Self.hasUsualWords(text, separators: "/._-")
  }

  /// Whether a text is plausible as a few words.
  static func isShort(_ text: String) -> Bool {
    text.utf8.count <= 80 && Self.hasUsualWords(text, separators: " /._-:,")
  }

  /// Whether no word is long and looks like a key: letters of both cases with digits, or mostly digits.
  private static func hasUsualWords(_ text: String, separators: String) -> Bool {
    // Secrets with separators, such as UUIDs, have short words.
    guard text.utf8.count < 32 || text.utf8.count(where: ASCII.isDigit) * 3 < text.utf8.count else {
      return false
    }
    for word in text.split(whereSeparator: { separators.contains($0) }) {
      let bytes = word.utf8
      guard bytes.count <= 32 else { return false }
      let digits = bytes.count(where: ASCII.isDigit)
      let capitals = bytes.count(where: ASCII.isUppercase)
      let letters = bytes.count(where: ASCII.isLetter)
      let isMixed = digits > 0 && capitals > 0 && capitals < letters
      if bytes.count >= 16, isMixed || digits * 4 >= bytes.count { return false }
      // Natural words are shorter, and capitals of this length are a key ID.
      if bytes.count >= 20, digits > 0 || capitals == letters { return false }
    }
    return true
  }
}
