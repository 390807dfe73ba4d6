/// Path operations on text, without access to the file system.
package enum FilePaths {
  /// `path` if it's absolute, else resolved in `folder`; `.`, `..` and `//` are removed.
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

  /// The folder that contains an absolute path.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// The part of an absolute path after `folder`; nil if it isn't below it.
  package static func relative(_ path: String, to folder: String) -> String? {
    let start = folder == "/" ? folder : folder + "/"
    guard path.hasPrefix(start), path.utf8.count > start.utf8.count else { return nil }
    return String(path.dropFirst(start.count))
  }
}
