import Glibc

/// Certificates and keys in a folder, made by the openssl program.
struct TestCertificates {
  let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
  }

  /// `NAME.pem` and `NAME.key`: signed by its own key, for `localhost` and 127.0.0.1.
  func make(_ name: String) throws {
    try self.run(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=\(name)"
        + " -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
        + " -keyout \(name).key -out \(name).pem")
  }

  /// `NAME.key` under a pass phrase, as `OTHER.key`.
  func encrypt(_ name: String, as other: String) throws {
    try self.run("openssl pkey -in \(name).key -aes256 -passout pass:secret -out \(other).key")
  }

  func path(_ name: String) -> String { self.folder.path + "/" + name }

  /// Runs a command in the folder.
  func run(_ command: String) throws {
    guard let output = popen("cd '\(self.folder.path)' && { \(command); } 2>&1", "r") else {
      throw CommandError(command: command, output: "")
    }
    var bytes: [UInt8] = []
    var byte = fgetc(output)
    while byte >= 0 {
      bytes.append(UInt8(truncatingIfNeeded: byte))
      byte = fgetc(output)
    }
    guard pclose(output) == 0 else {
      throw CommandError(command: command, output: String(decoding: bytes, as: UTF8.self))
    }
  }

  struct CommandError: Error {
    var command: String
    var output: String
  }
}
