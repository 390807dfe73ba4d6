internal import BridgeConfiguration
internal import NIOPosix
internal import Upstream

/// Who asks a registry, by what the files of passwords and keys hold now: they may be replaced while the
/// bridge runs.
///
/// What can't be read stays what it was, and a person is told of it once.
struct NacosSecrets {
  private(set) var credentials: Configuration.Nacos.Credentials
  private var fault: String?

  init(_ credentials: Configuration.Nacos.Credentials) {
    self.credentials = credentials
  }

  /// Reads the files, on a thread that may wait.
  ///
  /// - Returns: what has become wrong with one of them.
  mutating func renew() async -> String? {
    guard !self.credentials.files.isEmpty else { return nil }
    let before = self.credentials
    let read = try? await NIOThreadPool.singleton.runIfActive { before.read() }
    guard let (after, fault) = read else { return nil }
    self.credentials = after
    defer { self.fault = fault }
    return fault == self.fault ? nil : fault
  }
}

extension Configuration.Nacos.Credentials {
  /// Where they're read from.
  fileprivate var files: [String] {
    switch self {
    case .none: []
    case .password(_, let password): [password.file].compactMap { $0 }
    case .key(let access, let secret): [access.file, secret.file].compactMap { $0 }
    }
  }

  /// The same with what the files hold now. Blocks.
  fileprivate func read() -> (Configuration.Nacos.Credentials, fault: String?) {
    var fault: String?
    let read = { (source: Configuration.SecretSource, use: SecretFile.Use) in
      guard let file = source.file else { return source }
      do throws(ValueError) {
        let secret = try SecretFile.read(file, shownAs: file, for: use)
        return Configuration.SecretSource(secret, file: file)
      } catch {
        fault = "\(error.reason); what it held last is used"
        return source
      }
    }
    switch self {
    case .none:
      return (.none, nil)
    case .password(let username, let password):
      return (.password(username: username, password: read(password, .other)), fault)
    case .key(let access, let secret):
      return (.key(access: read(access, .header), secret: read(secret, .other)), fault)
    }
  }
}
