internal import ProcessResources
internal import Subprocess
internal import Time

/// Compiles `.proto` sources to a descriptor set with `protoc`, without a shell or temporary files: the
/// built-in schemas are passed on standard input, the result is read from standard output.
///
/// protoc 3.21 resolves an import in the folders given with `-I` first and then in the set given with
/// `--descriptor_set_in`, so a file of the user overrides a built-in one.
///
/// One run rejects a name declared by two files, even if they are identical copies. Such files are
/// compiled separately, and their declarations are compared when linking.
package struct ProtocCompiler: Sendable {
  /// The program's name.
  package var program = "protoc"
  /// Search path; nil: `PATH` of the environment.
  package var searchPath: String?
  /// Timeout of one run. Stops a hanging program from blocking startup.
  package var timeLimit: Duration = .seconds(30)
  /// Maximum size of the result. Stops a huge tree from filling memory.
  package var outputByteLimit = 64 << 20
  /// Maximum size of its error output, and maximum number of its lines to report.
  private static let messageByteLimit = 1 << 20
  private static let messageLineLimit = 50
  /// Maximum number of runs for one service. Stops thousands of copies from delaying startup.
  private static let runLimit = 200

  package init() {}

  /// The serialized `FileDescriptorSet` of the sources and everything they import; a file may occur more
  /// than once.
  ///
  /// - Parameter builtIns: a serialized `FileDescriptorSet` for imports that no root contains.
  func compile(
    _ sources: SchemaSources, builtIns: [UInt8]
  ) async throws(SchemaLoadError)
    -> [UInt8]
  {
    if let path = (sources.roots + sources.protos.map(\.path)).first(where: { $0.contains(":") }) {
      throw SchemaLoadError([
        "\(path): protoc doesn't accept a path with a colon; move the file or give a descriptor set"
      ])
    }
    // One run, unless files in it declare a name twice: then each half separately.
    var parts = [sources.protos[...]]
    var result: [UInt8] = []
    var runCount = 0
    while let part = parts.popLast() {
      let outcome: Outcome
      do {
        outcome = try await self.run(
          Self.arguments(for: part, of: sources), input: builtIns)
      } catch {
        throw SchemaLoadError([self.sentence(for: error)])
      }
      runCount += 1
      if outcome.isSuccess {
        result += outcome.output
        guard result.count <= self.outputByteLimit else {
          throw SchemaLoadError([self.tooMuch])
        }
        continue
      }
      let messages = ProtocMessages(outcome.messages, sources: sources)
      guard messages.nameIsDeclaredTwice, part.count > 1, runCount < Self.runLimit else {
        throw messages.errors(limit: Self.messageLineLimit)
      }
      let middle = part.startIndex + part.count / 2
      parts.append(part[middle...])
      parts.append(part[..<middle])
    }
    return result
  }

  private static func arguments(
    for part: ArraySlice<SchemaSources.Source>, of sources: SchemaSources
  ) -> [String] {
    [
      "--include_imports", "--descriptor_set_out=/dev/stdout", "--descriptor_set_in=/dev/stdin",
    ] + sources.roots.flatMap { ["-I", $0] } + part.map(\.path)
  }

  private struct Outcome: Sendable {
    var isSuccess: Bool
    var output: [UInt8]
    var messages: String
  }

  private struct TimeLimitError: Error {}

  /// Runs the program; kills it on timeout.
  private func run(_ arguments: [String], input: [UInt8]) async throws -> Outcome {
    // A program that exits before it has read its input must not terminate this process.
    ProcessSetup.ignoreBrokenPipes()
    return try await withThrowingTaskGroup(of: Outcome.self) { group in
      group.addTask {
        let result = try await Subprocess.run(
          .name(self.program), arguments: Arguments(arguments),
          environment: self.searchPath.map { .inherit.updating(["PATH": $0]) } ?? .inherit,
          input: .array(input),
          output: .bytes(limit: self.outputByteLimit),
          error: .string(limit: Self.messageByteLimit))
        return Outcome(
          isSuccess: result.terminationStatus.isSuccess, output: result.standardOutput,
          messages: result.standardError)
      }
      group.addTask {
        try await Task.sleep(for: self.timeLimit)
        throw TimeLimitError()
      }
      defer { group.cancelAll() }
      guard let outcome = try await group.next() else { throw CancellationError() }
      return outcome
    }
  }

  private func sentence(for error: any Error) -> String {
    if error is TimeLimitError {
      return
        "\(self.program): did not finish within "
        + "\(DurationText.of(self.timeLimit)); give a descriptor set instead"
    }
    guard let error = error as? SubprocessError else { return "\(self.program): \(error)" }
    if error.code == .executableNotFound {
      return "\(self.program): not found, and .proto files need it; install it (apt install "
        + "protobuf-compiler) or give a descriptor set (protoc --include_imports "
        + "--descriptor_set_out=all.binpb, or buf build -o all.binpb)"
    }
    if error.code == .outputLimitExceeded {
      return self.tooMuch
    }
    return "\(self.program): \(error)"
  }

  private var tooMuch: String {
    "\(self.program): wrote more than \(self.outputByteLimit) bytes; list fewer files"
  }
}
