internal import Subprocess

/// Compiles `.proto` sources to a descriptor set by running `protoc`, without a shell and without
/// temporary files: the built-in schemas go in by standard input, the result comes by standard
/// output.
///
/// protoc 3.21 looks an import up in the folders given with `-I` first and then in the set given
/// with `--descriptor_set_in`, so a file of the user's own wins over a built-in one.
package struct ProtocCompiler: Sendable {
  /// The program's name.
  package var program = "protoc"
  /// Where it's looked up; nil: as `PATH` says.
  package var searchPath: String?
  /// How long one run may take. Stops a broken program from holding up the start.
  package var timeLimit: Duration = .seconds(30)
  /// The most bytes of the result. Stops a huge tree from filling memory.
  package var outputByteLimit = 64 << 20
  /// The most bytes of what it says when it fails, and the most lines of that to pass on.
  private static let messageByteLimit = 1 << 20
  private static let messageLineLimit = 50

  package init() {}

  /// The serialized `FileDescriptorSet` of the sources and everything they import.
  ///
  /// - Parameter builtIns: a serialized `FileDescriptorSet` for imports that no root has.
  func compile(
    _ sources: SchemaSources, builtIns: [UInt8]
  ) async throws(SchemaLoadErrors)
    -> [UInt8]
  {
    if let path = (sources.roots + sources.protos.map(\.path)).first(where: { $0.contains(":") }) {
      throw SchemaLoadErrors([
        "\(path): protoc can't take a path with a colon; move the file or give a descriptor set"
      ])
    }
    var arguments = [
      "--include_imports", "--descriptor_set_out=/dev/stdout", "--descriptor_set_in=/dev/stdin",
    ]
    arguments += sources.roots.flatMap { ["-I", $0] }
    arguments += sources.protos.map(\.path)
    let outcome: Outcome
    do {
      outcome = try await self.run(arguments, input: builtIns)
    } catch {
      throw SchemaLoadErrors([self.sentence(for: error)])
    }
    guard outcome.isSuccess else {
      throw ProtocMessages(outcome.messages, sources: sources).errors(limit: Self.messageLineLimit)
    }
    return outcome.output
  }

  private struct Outcome: Sendable {
    var isSuccess: Bool
    var output: [UInt8]
    var messages: String
  }

  private struct TimeLimitPassed: Error {}

  /// Runs the program; it's killed when the time is over.
  private func run(_ arguments: [String], input: [UInt8]) async throws -> Outcome {
    // A program that ends before it has read its input must not end this process.
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
        throw TimeLimitPassed()
      }
      defer { group.cancelAll() }
      guard let outcome = try await group.next() else { throw CancellationError() }
      return outcome
    }
  }

  private func sentence(for error: any Error) -> String {
    if error is TimeLimitPassed {
      return
        "\(self.program): gave no result within "
        + "\(ConfigurationValues.text(self.timeLimit)); give a descriptor set instead"
    }
    guard let error = error as? SubprocessError else { return "\(self.program): \(error)" }
    if error.code == .executableNotFound {
      return "\(self.program): not found, and .proto files need it; install it (apt install "
        + "protobuf-compiler) or give a descriptor set (protoc --include_imports "
        + "--descriptor_set_out=all.binpb, or buf build -o all.binpb)"
    }
    if error.code == .outputLimitExceeded {
      return "\(self.program): wrote more than \(self.outputByteLimit) bytes; list fewer files"
    }
    return "\(self.program): \(error)"
  }
}
