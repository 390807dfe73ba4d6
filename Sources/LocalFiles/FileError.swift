/// A file system error, as worded by `strerror`: "No such file or directory".
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  package init(description: String) {
    self.description = description
  }
}
