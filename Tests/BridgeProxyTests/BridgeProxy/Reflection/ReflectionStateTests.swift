import Codec
import Testing

@testable import BridgeProxy
@testable import GRPCWire

@Suite struct ReflectionStateTests {
  private let one = TestSchema.file("one", service: "S")
  private let common = TestSchema(
    package: "common", file: "common.proto", messages: [("Note", [])], methods: [])
  private let two = TestSchema(
    package: "two", file: "two.proto", imports: ["common.proto", "google/protobuf/any.proto"],
    messages: [
      (
        "Note",
        [TestSchema.Field(name: "inner", number: 1, type: 11, typeName: ".common.Note")]
      )
    ],
    methods: [TestSchema.Method(name: "Do")])

  /// The services of the result, or the error's code.
  private func outcome(_ action: ReflectionState.Action) -> String {
    switch action {
    case .request(let requests): "\(requests.count) questions"
    case .done(let files, let warnings):
      (files.services + files.files.map(\.name) + warnings).joined(separator: " ")
    case .fail(let error): "\(error.code): \(error.reason)"
    }
  }

  /// A state whose first question was answered with these services.
  private func listed(
    _ names: String..., limits: ReflectionState.Limits = ReflectionState.Limits()
  ) -> ReflectionState {
    var state = ReflectionState(limits: limits)
    #expect(state.start() == [.listServices])
    var writer = WireWriter()
    writer.message(6) { list in
      for name in names { list.message(1) { $0.string(1, name) } }
    }
    #expect(
      state.received(writer.bytes)
        == .request(names.sorted().map { ReflectionRequest.fileContaining(symbol: $0) }))
    return state
  }

  @Test("the services are listed, and each is asked for but the server's own")
  func services() {
    var state = ReflectionState()
    #expect(state.start() == [.listServices])
    let action = state.received(
      ReflectionAnswers.services(
        "one.S", "grpc.reflection.v1.ServerReflection", "common.None",
        "grpc.reflection.v1alpha.ServerReflection", "one.S"))
    #expect(
      action
        == .request([.fileContaining(symbol: "common.None"), .fileContaining(symbol: "one.S")]))
  }

  @Test("services that are given aren't listed")
  func given() {
    var state = ReflectionState(services: ["one.S"])
    #expect(state.start() == [.fileContaining(symbol: "one.S")])
    #expect(self.outcome(state.received(ReflectionAnswers.files(self.one))) == "one.S one.proto")
  }

  @Test("imports that didn't come are asked for, those that are built in aren't")
  func imports() {
    var state = self.listed("two.Notes")
    #expect(
      state.received(ReflectionAnswers.files(self.two)) == .request([.file(named: "common.proto")]))
    #expect(
      self.outcome(state.received(ReflectionAnswers.files(self.common)))
        == "two.Notes common.proto two.proto")
  }

  @Test("imports that came along aren't asked for")
  func transitive() {
    var state = self.listed("two.Notes")
    #expect(
      self.outcome(state.received(ReflectionAnswers.files(self.two, self.common)))
        == "two.Notes common.proto two.proto")
  }

  @Test("an import that the server doesn't have is passed over: linking shows whether it's missed")
  func lostImport() {
    var state = self.listed("two.Notes")
    _ = state.received(ReflectionAnswers.files(self.two))
    #expect(
      self.outcome(state.received(ReflectionAnswers.error(5, "no"))) == "two.Notes two.proto")
  }

  @Test("a service that can't be described is left out with a warning")
  func undescribed() {
    var state = self.listed("one.S", "two.Notes")
    #expect(state.received(ReflectionAnswers.files(self.one)) == .request([]))
    #expect(
      self.outcome(state.received(ReflectionAnswers.error(5, "no\nsymbol")))
        == "one.S one.proto two.Notes is left out: the endpoint can't describe it "
        + "(NOT_FOUND: no?symbol)")
  }

  @Test("a service whose files don't declare it is left out with a warning")
  func undeclared() {
    var state = self.listed("one.S", "one.T")
    _ = state.received(ReflectionAnswers.files(self.one))
    #expect(
      self.outcome(state.received(ReflectionAnswers.files(self.one)))
        == "one.S one.proto one.T is left out: the endpoint sent files that don't declare it")
  }

  @Test("nothing that can be served is an error")
  func nothing() {
    var state = self.listed("one.S")
    #expect(
      self.outcome(state.received(ReflectionAnswers.error(5, "")))
        == "empty: describes no service that can be served: one.S is left out: the endpoint can't "
        + "describe it (NOT_FOUND)")
    var empty = ReflectionState()
    _ = empty.start()
    #expect(
      self.outcome(empty.received(ReflectionAnswers.services())) == "empty: lists no service")
  }

  @Test("a file with two contents takes those services with it that need it")
  func conflict() {
    var other = self.common
    other.messages.append(("Other", []))
    var state = self.listed("one.S", "two.Notes")
    _ = state.received(ReflectionAnswers.files(self.one, self.common))
    #expect(
      self.outcome(state.received(ReflectionAnswers.files(self.two, other)))
        == "one.S one.proto two.Notes is left out: the endpoint sent two different files named "
        + "common.proto")
  }

  @Test("a service is left out for a file that it needs by others; a shared one does no harm")
  func farConflict() {
    let annotations = TestSchema(
      package: "google.api", file: "google/api/own.proto", service: "", messages: [("A", [])],
      methods: [])
    var otherAnnotations = annotations
    otherAnnotations.messages.append(("B", []))
    var other = self.common
    other.messages.append(("Other", []))
    let three = TestSchema.file("three", service: "T", imports: ["two.proto"])
    let four = TestSchema.file("four", service: "F", imports: ["google/api/own.proto"])
    var state = self.listed("four.F", "three.T")
    _ = state.received(ReflectionAnswers.files(four, annotations, otherAnnotations))
    #expect(
      self.outcome(
        state.received(
          ReflectionAnswers.files(three, self.two, self.common, other, otherAnnotations)))
        == "four.F four.proto google/api/own.proto three.T is left out: the endpoint sent two "
        + "different files named common.proto")
  }

  @Test("the same file in another order of fields is no other one")
  func sameFile() {
    var state = self.listed("one.S", "two.Notes")
    _ = state.received(ReflectionAnswers.files(self.one, self.common))
    // The name last.
    var writer = WireWriter()
    writer.message(4) { list in
      list.block(1, self.two.fileBytes)
      list.message(1) {
        $0.message(4) { $0.string(1, "Note") }
        $0.message(6) { $0.string(1, "Notes") }
        $0.string(12, "proto3")
        $0.string(2, "common")
        $0.string(1, "common.proto")
      }
    }
    #expect(
      self.outcome(state.received(writer.bytes))
        == "one.S two.Notes common.proto one.proto two.proto")
  }

  @Test("answers that say what they answer may come in another order")
  func order() {
    var state = self.listed("one.S", "two.Notes")
    let second = ReflectionRequest.fileContaining(symbol: "two.Notes")
    #expect(
      state.received(ReflectionAnswers.files(self.two, self.common, to: second)) == .request([]))
    #expect(
      self.outcome(state.received(ReflectionAnswers.files(self.one)))
        == "one.S two.Notes common.proto one.proto two.proto")
  }

  @Test("no more than a few questions are under way at a time")
  func window() {
    let names = (0..<40).map { "a\($0 + 100).S" }
    var state = ReflectionState(services: names)
    #expect(state.start().count == 16)
    #expect(
      state.received(ReflectionAnswers.error(5, ""))
        == .request([.fileContaining(symbol: names[16])]))
  }

  @Test("a service that another answer has declared isn't asked for")
  func known() {
    var many = self.one
    many.package = "a100"
    many.service = "S"
    let names = (0..<17).map { "a\($0 + 100).S" }
    var state = ReflectionState(services: names)
    _ = state.start()
    var last = many
    last.package = "a116"
    last.file = "last.proto"
    #expect(state.received(ReflectionAnswers.files(many, last)) == .request([]))
  }

  @Test(
    "limits end it, each by its name",
    arguments: [
      ("files", "sends more than 1 files"), ("bytes", "sends more than 20 bytes of descriptors"),
      ("imports", "imports more than 1 files"), ("lines", "sends files with more than 2 imports"),
    ])
  func limits(_ which: String, _ reason: String) {
    var limits = ReflectionState.Limits()
    switch which {
    case "files": limits.files = 1
    case "bytes": limits.bytes = 20
    case "lines": limits.imports = 2
    default: (limits.files, limits.services) = (1, 2)
    }
    var state = self.listed("one.S", limits: limits)
    var greedy = self.one
    greedy.imports = ["a.proto", "b.proto", "c.proto"]
    let answer =
      which == "imports" || which == "lines"
      ? ReflectionAnswers.files(greedy) : ReflectionAnswers.files(self.one, self.common)
    #expect(self.outcome(state.received(answer)).hasPrefix("limit: \(reason)"))
    #expect(state.received(answer) == .request([]), "nothing counts any more")
  }

  @Test("too many services are an error that says how to name some")
  func tooManyServices() {
    var limits = ReflectionState.Limits()
    limits.services = 1
    var state = ReflectionState(limits: limits)
    _ = state.start()
    #expect(
      self.outcome(state.received(ReflectionAnswers.services("a.B", "c.D")))
        .contains("reflection.services"))
  }

  @Test("what breaks the protocol ends it")
  func nonsense() {
    var state = self.listed("one.S")
    #expect(self.outcome(state.received([0xFF])).hasPrefix("malformed: sent a response that can't"))
    state = self.listed("one.S")
    #expect(
      self.outcome(state.received(ReflectionAnswers.services("a.B")))
        .hasPrefix("malformed: sent a response of the wrong type"))
    state = self.listed("one.S")
    var writer = WireWriter()
    writer.message(4) { $0.block(1, [0xFF]) }
    #expect(
      self.outcome(state.received(writer.bytes))
        .hasPrefix("malformed: sent an invalid file descriptor"))
    state = self.listed("one.S")
    writer = WireWriter()
    writer.message(4) { $0.block(1, []) }
    #expect(
      self.outcome(state.received(writer.bytes)).contains("a file descriptor without a name"))
    state = ReflectionState()
    #expect(
      self.outcome(state.received(ReflectionAnswers.services("a.B")))
        == "malformed: sent a response without a request")
  }

  @Test(
    "how a call may end before all was said",
    arguments: [
      (GRPCStatus(.unimplemented), "notOffered: offers no server reflection"),
      (GRPCStatus(.ok), "malformed: ended the reflection call with 1 requests unanswered"),
      (
        GRPCStatus(.unauthenticated, "who?"),
        "failed: ended the reflection call with UNAUTHENTICATED: who?"
      ),
      (GRPCStatus(.unavailable, "down", origin: .notConnected), "unreachable: down"),
      (
        GRPCStatus(.deadlineExceeded, origin: .deadline),
        "failed: didn't respond to reflection requests in time"
      ),
    ])
  func ends(_ status: GRPCStatus, _ expected: String) {
    var state = ReflectionState()
    _ = state.start()
    #expect(self.outcome(state.ended(status)) == expected)
  }

  @Test("the end of a call after all was said says nothing")
  func endAfterwards() {
    var state = self.listed("one.S")
    _ = state.received(ReflectionAnswers.files(self.one))
    #expect(state.ended(GRPCStatus(.unavailable)) == .request([]))
  }

  @Test("UNIMPLEMENTED after an answer isn't taken for the lack of the service")
  func lateUnimplemented() {
    var state = self.listed("one.S")
    #expect(self.outcome(state.ended(GRPCStatus(.unimplemented))).hasPrefix("failed: ended"))
  }
}
