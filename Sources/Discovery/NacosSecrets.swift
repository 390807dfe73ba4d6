internal import BridgeConfiguration
internal import NIOPosix
internal import Upstream

/// Credentials of a registry, re-read from password and key files, which may be replaced while the bridge
/// runs.
///
/// If a file can't be read, its previous value stays in use, and the problem is reported once.
struct NacosSecrets {
  private(set) var credentials: Configuration.Nacos.Credentials
  private var problem: String?

  init(_ credentials: Configuration.Nacos.Credentials) {
    self.credentials = credentials
  }

  /// Reads the files, on a thread that may block.
  ///
  /// - Returns: a new problem with one of them.
  mutating func renew() async -> String? {
    guard !self.credentials.files.isEmpty else { return nil }
    let before = self.credentials
    let read = try? await NIOThreadPool.singleton.runIfActive { before.read() }
    guard let (after, problem) = read else { return nil }
    self.credentials = after
    defer { self.problem = problem }
    return problem == self.problem ? nil : problem
  }
}

extension Configuration.Nacos.Credentials {
  /// The files they are read from.
  fileprivate var files: [String] {
    switch self {
    case .none: []
    case .password(_, let password): [password.file].compactMap { $0 }
    case .key(let access, let secret): [access.file, secret.file].compactMap { $0 }
    }
  }

  /// The same with the current contents of the files. Blocks.
  fileprivate func read() -> (Configuration.Nacos.Credentials, problem: String?) {
    var problem: String?
    let read = { (source: Configuration.SecretSource, use: SecretFile.Use) in
      guard let file = source.file else { return source }
      do throws(ValueError) {
        let secret = try SecretFile.read(file, shownAs: file, for: use)
        return Configuration.SecretSource(secret, file: file)
      } catch {
        problem = "\(error.reason); its previous value stays in use"
        return source
      }
    }
    switch self {
    case .none:
      return (.none, nil)
    case .password(let username, let password):
      return (.password(username: username, password: read(password, .other)), problem)
    case .key(let access, let secret):
      return (.key(access: read(access, .header), secret: read(secret, .other)), problem)
    }
  }
}
