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

  @Test func `listed services are requested, except those of the server itself`() {
    var state = ReflectionState()
    #expect(state.start() == [.listServices])
    let action = state.received(
      ReflectionReplies.services(
        "one.S", "grpc.reflection.v1.ServerReflection", "common.None",
        "grpc.reflection.v1alpha.ServerReflection", "one.S"))
    #expect(
      action
        == .request([.fileContaining(symbol: "common.None"), .fileContaining(symbol: "one.S")]))
  }

  @Test func `configured services aren't listed`() {
    var state = ReflectionState(services: ["one.S"])
    #expect(state.start() == [.fileContaining(symbol: "one.S")])
    #expect(self.outcome(state.received(ReflectionReplies.files(self.one))) == "one.S one.proto")
  }

  @Test func `missing imports are requested unless they are built in`() {
    var state = self.listed("two.Notes")
    #expect(
      state.received(ReflectionReplies.files(self.two)) == .request([.file(named: "common.proto")]))
    #expect(
      self.outcome(state.received(ReflectionReplies.files(self.common)))
        == "two.Notes common.proto two.proto")
  }

  @Test func `imports that came unrequested aren't requested`() {
    var state = self.listed("two.Notes")
    #expect(
      self.outcome(state.received(ReflectionReplies.files(self.two, self.common)))
        == "two.Notes common.proto two.proto")
  }

  @Test func `an import that the server lacks is skipped, for linking to report`() {
    var state = self.listed("two.Notes")
    _ = state.received(ReflectionReplies.files(self.two))
    #expect(
      self.outcome(state.received(ReflectionReplies.error(5, "no"))) == "two.Notes two.proto")
  }

  @Test func `a service that can't be described is left out with a warning`() {
    var state = self.listed("one.S", "two.Notes")
    #expect(state.received(ReflectionReplies.files(self.one)) == .request([]))
    #expect(
      self.outcome(state.received(ReflectionReplies.error(5, "no\nsymbol")))
        == "one.S one.proto two.Notes is left out: the endpoint can't describe it "
        + "(NOT_FOUND: no?symbol)")
  }

  @Test func `a service whose files don't declare it is left out with a warning`() {
    var state = self.listed("one.S", "one.T")
    _ = state.received(ReflectionReplies.files(self.one))
    #expect(
      self.outcome(state.received(ReflectionReplies.files(self.one)))
        == "one.S one.proto one.T is left out: the endpoint sent files that don't declare it")
  }

  @Test func `no service at all is an error`() {
    var state = self.listed("one.S")
    #expect(
      self.outcome(state.received(ReflectionReplies.error(5, "")))
        == "empty: describes no service that can be served: one.S is left out: the endpoint can't "
        + "describe it (NOT_FOUND)")
    var empty = ReflectionState()
    _ = empty.start()
    #expect(
      self.outcome(empty.received(ReflectionReplies.services())) == "empty: lists no service")
  }

  @Test func `a file with two contents excludes the services that need it`() {
    var other = self.common
    other.messages.append(("Other", []))
    var state = self.listed("one.S", "two.Notes")
    _ = state.received(ReflectionReplies.files(self.one, self.common))
    #expect(
      self.outcome(state.received(ReflectionReplies.files(self.two, other)))
        == "one.S one.proto two.Notes is left out: the endpoint sent two different files named "
        + "common.proto")
  }

  @Test func `a conflicting file excludes only the services that need it`() {
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
    _ = state.received(ReflectionReplies.files(four, annotations, otherAnnotations))
    #expect(
      self.outcome(
        state.received(
          ReflectionReplies.files(three, self.two, self.common, other, otherAnnotations)))
        == "four.F four.proto google/api/own.proto three.T is left out: the endpoint sent two "
        + "different files named common.proto")
  }

  @Test func `a file with reordered fields is the same file`() {
    var state = self.listed("one.S", "two.Notes")
    _ = state.received(ReflectionReplies.files(self.one, self.common))
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

  @Test func `identified responses may come in another order`() {
    var state = self.listed("one.S", "two.Notes")
    let second = ReflectionRequest.fileContaining(symbol: "two.Notes")
    #expect(
      state.received(ReflectionReplies.files(self.two, self.common, to: second)) == .request([]))
    #expect(
      self.outcome(state.received(ReflectionReplies.files(self.one)))
        == "one.S two.Notes common.proto one.proto two.proto")
  }

  @Test func `the number of outstanding requests is limited`() {
    let names = (0..<40).map { "a\($0 + 100).S" }
    var state = ReflectionState(services: names)
    #expect(state.start().count == 16)
    #expect(
      state.received(ReflectionReplies.error(5, ""))
        == .request([.fileContaining(symbol: names[16])]))
  }

  @Test func `a service that another response declared isn't requested`() {
    var many = self.one
    many.package = "a100"
    many.service = "S"
    let names = (0..<17).map { "a\($0 + 100).S" }
    var state = ReflectionState(services: names)
    _ = state.start()
    var last = many
    last.package = "a116"
    last.file = "last.proto"
    #expect(state.received(ReflectionReplies.files(many, last)) == .request([]))
  }

  @Test(arguments: [
    ("files", "sends more than 1 files"), ("bytes", "sends more than 20 bytes of descriptors"),
    ("imports", "imports more than 1 files"), ("lines", "sends files with more than 2 imports"),
  ])
  func `exceeding a limit ends the call with the name of the limit`(
    _ which: String, _ reason: String
  ) {
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
    let reply =
      which == "imports" || which == "lines"
      ? ReflectionReplies.files(greedy) : ReflectionReplies.files(self.one, self.common)
    #expect(self.outcome(state.received(reply)).hasPrefix("limit: \(reason)"))
    #expect(state.received(reply) == .request([]), "nothing counts any more")
  }

  @Test func `too many services are an error that suggests to name some`() {
    var limits = ReflectionState.Limits()
    limits.services = 1
    var state = ReflectionState(limits: limits)
    _ = state.start()
    #expect(
      self.outcome(state.received(ReflectionReplies.services("a.B", "c.D")))
        .contains("reflection.services"))
  }

  @Test func `a protocol violation ends the call`() {
    var state = self.listed("one.S")
    #expect(self.outcome(state.received([0xFF])).hasPrefix("malformed: sent a response that can't"))
    state = self.listed("one.S")
    #expect(
      self.outcome(state.received(ReflectionReplies.services("a.B")))
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
      self.outcome(state.received(ReflectionReplies.services("a.B")))
        == "malformed: sent a response without a request")
  }

  @Test(arguments: [
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
  func `a call that ends early has a reason`(_ status: GRPCStatus, _ expected: String) {
    var state = ReflectionState()
    _ = state.start()
    #expect(self.outcome(state.ended(status)) == expected)
  }

  @Test func `the status of a complete call doesn't matter`() {
    var state = self.listed("one.S")
    _ = state.received(ReflectionReplies.files(self.one))
    #expect(state.ended(GRPCStatus(.unavailable)) == .request([]))
  }

  @Test func `UNIMPLEMENTED after a response doesn't mean a missing service`() {
    var state = self.listed("one.S")
    #expect(self.outcome(state.ended(GRPCStatus(.unimplemented))).hasPrefix("failed: ended"))
  }
}
