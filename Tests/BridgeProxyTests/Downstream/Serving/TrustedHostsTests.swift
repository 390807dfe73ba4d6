import Testing

@testable import Downstream

/// The names that a page can't have pointed at this machine.
struct TrustedHostsTests {
  private static let hosts = TrustedHosts([
    "bench.internal", "Port.internal:8443", "*.wild.example", "end.internal.",
  ])

  @Test(arguments: [
    // Names that can't belong to another host.
    ("localhost", true), ("LOCALHOST:8080", true), ("localhost.:8080", true), ("", true),
    ("a.localhost", true), ("a.b.localhost:80", true), ("bench", true), ("bench:8080", true),
    ("127.0.0.1", true), ("127.0.0.1:8080", true), ("10.1.2.3:80", true), ("127.1", true),
    ("[::1]", true), ("[::1]:8080", true), ("[::ffff:127.0.0.1]:80", true),
    // What's listed.
    ("bench.internal", true), ("BENCH.internal.:81", true), ("port.internal", true),
    ("port.internal:1", true), ("end.internal", true), ("a.wild.example", true),
    ("a.b.WILD.example:1", true),
    // Anything else.
    ("evil.example", false), ("evil.example:8080", false), ("127.0.0.1.evil.example", false),
    ("localhost.evil.example:80", false), ("wild.example", false), ("evilwild.example", false),
    ("x.bench.internal", false), ("bench.internal.evil", false), ("notlocalhost.a", false),
    ("127.0.0.1.nip.io:8080", false), ("1.2.3.4a", false), ("evil.example.", false),
    ("[evil.example]", false), ("[::1].evil.example", false), ("[::1", false),
    ("evil.localhost.example", false), ("a.b:c", false),
  ])
  func `local and listed names are trusted`(_ authority: String, _ isTrusted: Bool) {
    #expect(Self.hosts.trusts(authority) == isTrusted)
  }

  @Test func `* trusts all names`() {
    #expect(TrustedHosts(["*"]).trusts("evil.example"))
    #expect(!TrustedHosts().trusts("evil.example"))
  }
}
