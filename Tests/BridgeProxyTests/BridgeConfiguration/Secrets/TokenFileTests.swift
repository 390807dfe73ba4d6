import Synchronization
import Testing

@testable import BridgeConfiguration
@testable import Upstream

/// Token files: what is read, which token is in effect, what is logged.
@Suite struct TokenFileTests {
  private func logged(_ action: TokenFileState.Action) -> String {
    switch action {
    case .nothing: "-"
    case .renew(let token): "renew \(token.revealed)"
    case .report(let text): text
    }
  }

  private func token(_ text: String) -> TokenFileState.Finding { .token(.init(text)) }

  @Test func `the last good token stays valid, and an error is reported once`() {
    var state = TokenFileState(.init("a"))
    #expect(self.logged(state.found(self.token("a"))) == "-")
    #expect(self.logged(state.found(self.token("b"))) == "renew b")
    #expect(self.logged(state.found(self.token("b"))) == "-")
    #expect(
      self.logged(state.found(.fault("is empty"))) == "is empty; the last valid token stays in use")
    #expect(self.logged(state.found(.fault("is empty"))) == "-")
    #expect(self.logged(state.found(.fault("was removed"))) == "-")
    #expect(self.logged(state.found(self.token("b"))) == "contains a valid token again")
    #expect(
      self.logged(state.found(.fault("was removed")))
        == "was removed; the last valid token stays in use")
    #expect(self.logged(state.found(self.token("c"))) == "renew c")
  }

  @Test(arguments: [
    ("t0ken\r\n\n", "t0ken"), ("two words", "two words"), ("", "the file t is empty"),
    ("\n", "the file t is empty"),
    (
      "a\nb", "the file t contains characters that aren't allowed in a header (or blanks at an end)"
    ),
    (" a", "the file t contains characters that aren't allowed in a header (or blanks at an end)"),
    (
      "\u{E9}",
      "the file t contains characters that aren't allowed in a header (or blanks at an end)"
    ),
    (String(repeating: "x", count: 70_000), "\"t\": has more than 65536 bytes"),
  ])
  func `a token file has one line of allowed characters`(text: String, expected: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("t", text)
    do throws(ValueError) {
      #expect(try SecretFile.read(path, shownAs: "t", for: .header).revealed == expected)
    } catch {
      #expect(error.reason == expected)
    }
  }

  @Test func `a changed file is read again`() async throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("t", "one")
    let texts = ["two", "", "", "three\n"]
    let step = Mutex(0)
    let seen = Mutex<[String]>([])
    let watch = TokenFileWatch(path, first: .init("one")) {
      let index = step.withLock { index in
        defer { index += 1 }
        return index
      }
      guard index < texts.count else { throw CancellationError() }
      try folder.write("t", texts[index])
    }
    await watch.run { action in
      switch action {
      case .nothing: break
      case .renew(let token): seen.withLock { $0.append(token.revealed) }
      case .report: seen.withLock { $0.append("logged") }
      }
    }
    #expect(seen.withLock { $0 } == ["two", "logged", "three"])
  }

  @Test func `credentials carry the new token`() {
    let cases: [(Configuration.Auth.Scheme, [String], Bool)] = [
      (.bearer, ["x-token: Bearer b"], false), (.raw, ["x-token: b"], false), (.eas, [], true),
    ]
    for (scheme, lines, signs) in cases {
      var auth = Configuration.Auth(scheme: scheme, token: .init("a"))
      auth.header = "x-token"
      let credentials = Credentials(auth)
      credentials.renew(.init("b"))
      #expect(credentials.fields.lines == lines && credentials.signs == signs)
      #expect(credentials.token.revealed == "b")
    }
  }
}
