/// Paths as text: joined, made absolute and cleaned without asking the file system.
package enum FilePaths {
  /// `path` if it's absolute, otherwise what it means in `folder`; cleaned of `.`, `..` and `//`.
  ///
  /// - Parameter folder: an absolute path.
  package static func absolute(_ path: String, in folder: String) -> String {
    var parts: [Substring] = []
    let full = path.hasPrefix("/") ? path : folder + "/" + path
    for part in full.split(separator: "/") where part != "." {
      if part == ".." {
        _ = parts.popLast()
      } else {
        parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The folder that holds an absolute path.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// What stands behind `folder` in an absolute path below it; nil when it isn't below.
  package static func relative(_ path: String, to folder: String) -> String? {
    let start = folder == "/" ? folder : folder + "/"
    guard path.hasPrefix(start), path.utf8.count > start.utf8.count else { return nil }
    return String(path.dropFirst(start.count))
  }
}
