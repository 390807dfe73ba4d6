internal import NIOPosix

/// Re-reads a token file periodically, on a thread that may block.
///
/// Contents are compared, not modification times, so that replaced files, changed symbolic links and clocks
/// set back are all handled.
package struct TokenFileWatch: Sendable {
  private let path: String
  private let first: Configuration.Secret
  private let sleep: @Sendable () async throws -> Void

  /// Time between two reads.
  package static let interval: Duration = .seconds(2)

  /// - Parameters:
  ///   - path: absolute.
  ///   - first: its current token.
  ///   - sleep: waits until the next read; throws to stop.
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

  /// Watches the file until the task is cancelled.
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
