/// An error of the file system, as `strerror` words it: "No such file or directory".
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  package init(description: String) {
    self.description = description
  }
}
