internal import HTTPFields

/// Whether a text is what should stand where it does, or more likely a secret that was put there.
///
/// A person may write a token where the name of its variable, or the path of its file, is due. Messages
/// show what was written only where it looks like a name or a path.
enum PlausibleText {
  /// Whether it's shown as the name of an environment variable: letters of one case, digits and
  /// underscores as POSIX has them (IEEE 1003.1 §8.1), in words of a usual length.
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

  /// Whether it's shown as a path.
  static func isPath(_ text: String) -> Bool {
    guard text.utf8.count <= 1024, !text.contains(" ") else { return false }
    return Self.hasUsualWords(text, separators: "/._-")
  }

  /// Whether it's shown as something else that was written: a few words.
  static func isShort(_ text: String) -> Bool {
    text.utf8.count <= 80 && Self.hasUsualWords(text, separators: " /._-:,")
  }

  /// Whether no word is long and made like a key: letters of both cases with digits, or mostly digits.
  private static func hasUsualWords(_ text: String, separators: String) -> Bool {
    // Words are short in what's written with separators, as UUIDs are.
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
      // Words of a language are shorter, and one of capitals that has this length is a key's name.
      if bytes.count >= 20, digits > 0 || capitals == letters { return false }
    }
    return true
  }
}
