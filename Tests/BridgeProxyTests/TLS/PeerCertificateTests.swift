import Testing

@testable import TLS

@Suite struct PeerCertificateTests {
  struct Match: CustomTestStringConvertible {
    var name: String
    var certificate: PeerCertificate.Name
    var isOne: Bool

    init(_ name: String, _ certificate: PeerCertificate.Name, _ isOne: Bool) {
      self.name = name
      self.certificate = certificate
      self.isOne = isOne
    }

    var testDescription: String { "\(self.name) by \(self.certificate)" }
  }

  static let matches: [Match] = [
    Match("bench.internal", .host("bench.internal"), true),
    Match("Bench.Internal", .host("bENCH.internal"), true),
    Match("bench.internal.", .host("bench.internal"), true),
    Match("bench.internal", .host("bench.internal."), true),
    Match("bench.internal", .host("internal"), false),
    Match("bench.internal", .host("x.bench.internal"), false),
    Match("bench.internal", .host(""), false),
    // A star is one whole label, the first.
    Match("bench.internal", .host("*.internal"), true),
    Match("a.bench.internal", .host("*.bench.internal"), true),
    Match("a.b.bench.internal", .host("*.bench.internal"), false),
    Match("bench.internal", .host("*.bench.internal"), false),
    Match(".internal", .host("*.internal"), false),
    Match("bench.internal", .host("b*.internal"), false),
    Match("bench.internal", .host("*"), false),
    Match("bench.internal", .host("*."), false),
    Match("a.b.internal", .host("*.*.internal"), false),
    Match("a.b.internal", .host("a.*.internal"), false),
    Match("localhost", .host("*.localhost"), false),
    // Addresses are compared as such and with nothing else.
    Match("10.0.0.1", .address([10, 0, 0, 1]), true),
    Match("10.0.0.1", .address([10, 0, 0, 2]), false),
    Match("10.0.0.1", .host("10.0.0.1"), false),
    Match("10.0.0.1", .host("*.0.0.1"), false),
    Match("::1", .address([UInt8](repeating: 0, count: 15) + [1]), true),
    Match("0:0:0:0:0:0:0:1", .address([UInt8](repeating: 0, count: 15) + [1]), true),
    Match("::1", .address([0, 0, 0, 1]), false),
    Match("::1", .address([]), false),
    Match("bench.internal", .address([10, 0, 0, 1]), false),
  ]

  @Test(arguments: matches)
  func `names are compared as RFC 9525 requires`(match: Match) {
    #expect(EndpointName(match.name).isOne(of: [match.certificate]) == match.isOne)
    #expect(EndpointName(match.name).isOne(of: [.host("x"), match.certificate]) == match.isOne)
  }

  @Test func `an address isn't sent as the server name`() {
    #expect(EndpointName("Bench.internal.").indication == "bench.internal")
    #expect(EndpointName("10.0.0.1").indication == nil)
    #expect(EndpointName("::1").indication == nil)
  }

  private func certificate(_ names: [PeerCertificate.Name]) -> PeerCertificate {
    PeerCertificate(names: names, notBefore: 1_700_000_000, notAfter: 1_800_000_000)
  }

  @Test func `a certificate for other names is reported with its names`() {
    let certificate = self.certificate([
      .host("a.internal"), .host("*.b\n"), .address([10, 0, 0, 1]), .address([1, 2]),
      .host(String(repeating: "x", count: 300)), .host("f"), .host("g"),
    ])
    #expect(certificate.fault(for: EndpointName("a.internal")) == nil)
    #expect(
      certificate.fault(for: EndpointName("bench"))?.reason
        == "its certificate isn't valid for bench, only for a.internal, *.b?, 10.0.0.1, "
        + "an address of 2 bytes, \(String(repeating: "x", count: 80))… and 2 more; set "
        + "tls.server_name to one of them")
    #expect(
      self.certificate([]).fault(for: EndpointName("bench"))?.reason
        == "its certificate has no subjectAltName, so it can't be checked against "
        + "bench")
  }

  @Test(arguments: [
    (1_699_999_999, "its certificate isn't valid before 2023-11-14"),
    (
      1_750_000_000,
      "its certificate is signed by an authority that isn't trusted (set tls.ca), or its chain is "
        + "incomplete or has expired"
    ),
    (1_800_000_001, "its certificate has expired, on 2027-01-15"),
  ])
  func `the error for a refused chain has its reason`(now: Int, reason: String) {
    #expect(self.certificate([.host("a")]).chainFault(now: now).reason == reason)
  }
}
