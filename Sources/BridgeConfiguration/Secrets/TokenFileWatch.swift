internal import NIOPosix

/// Reads a token file again and again, on a thread that may wait.
///
/// The content is compared, not the time of the last change: a file that is replaced as a whole, a
/// symbolic link that leads elsewhere, and a clock that was set back are all the same to it.
package struct TokenFileWatch: Sendable {
  private let path: String
  private let first: Configuration.Secret
  private let sleep: @Sendable () async throws -> Void

  /// Between two looks.
  package static let interval: Duration = .seconds(2)

  /// - Parameters:
  ///   - path: absolute.
  ///   - first: the token that was in it.
  ///   - sleep: waits until the next look; throws when it's over.
  package init(
    _ path: String, first: Configuration.Secret,
    sleep: @escaping @Sendable () async throws -> Void = {
      try await Task.sleep(for: Self.interval)
    }
  ) {
    self.path = path
    self.first = first
    self.sleep = sleep
  }

  /// Follows the file until the task is cancelled.
  package func run(_ act: @Sendable (TokenFileState.Action) -> Void) async {
    var state = TokenFileState(self.first)
    let path = self.path
    while (try? await self.sleep()) != nil {
      let finding: TokenFileState.Finding? = try? await NIOThreadPool.singleton.runIfActive {
        do throws(ValueError) {
          return .token(try SecretFile.read(path, shownAs: path, for: .header))
        } catch {
          return .fault(error.reason)
        }
      }
      guard let finding, !Task.isCancelled else { return }
      act(state.found(finding))
    }
  }
}
