import Testing

@testable import Downstream
@testable import HTTP2

/// The client that the bridge adds to those of earlier proxies.
struct ForwardedFieldsTests {
  private static func append(_ address: String, to metadata: HeaderBlock) -> [String] {
    var metadata = metadata
    ForwardedFields.append(address, to: &metadata)
    return metadata.lines
  }

  @Test func `the first proxy begins the list`() {
    #expect(Self.append("10.0.0.1", to: [:]) == ["x-forwarded-for: 10.0.0.1"])
    #expect(Self.append("::1", to: [:]) == ["x-forwarded-for: ::1"])
  }

  @Test func `the client follows those of earlier proxies`() {
    #expect(
      Self.append("10.0.0.1", to: ["x-forwarded-for": "1.2.3.4, 5.6.7.8"])
        == ["x-forwarded-for: 1.2.3.4, 5.6.7.8, 10.0.0.1"])
  }

  @Test func `several fields are joined into one list in order`() {
    #expect(
      Self.append(
        "10.0.0.1",
        to: ["x-forwarded-for": "a", "x-team": "1", "x-forwarded-for": "b, c"])
        == ["x-team: 1", "x-forwarded-for: a, b, c, 10.0.0.1"])
  }

  @Test func `an empty field adds nothing to the list`() {
    #expect(Self.append("::1", to: ["x-forwarded-for": ""]) == ["x-forwarded-for: ::1"])
  }

  @Test(arguments: [("10.0.0.1", "for=10.0.0.1"), ("2001:db8::1", #"for="[2001:db8::1]""#)])
  func `Forwarded is extended if there is one`(address: String, element: String) {
    #expect(
      Self.append(address, to: ["forwarded": "for=a;proto=https", "x-forwarded-proto": "https"])
        == [
          "forwarded: for=a;proto=https", "x-forwarded-proto: https",
          "x-forwarded-for: \(address)", "forwarded: \(element)",
        ])
  }
}
