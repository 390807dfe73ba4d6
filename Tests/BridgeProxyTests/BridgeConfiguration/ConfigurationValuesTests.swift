import BridgeProxy
import Testing

@testable import Addresses
@testable import BridgeConfiguration
@testable import Time

@Suite struct ConfigurationValuesTests {
  @Test(arguments: [
    ("30s", Duration.seconds(30)),
    ("500ms", .milliseconds(500)),
    ("1.5s", .milliseconds(1500)),
    ("0.25ms", .microseconds(250)),
    ("2m", .seconds(120)),
    ("1h", .seconds(3600)),
    ("0.5h", .seconds(1800)),
    ("10 s", .seconds(10)),
    ("8760h", .seconds(365 * 24 * 3600)),
  ])
  func `a duration is a number with a unit`(text: String, expected: Duration) throws {
    #expect(try ConfigurationValues.duration(text) == expected)
  }

  @Test func `a duration is printed as it is written`() {
    #expect(DurationText.of(.seconds(30)) == "30s")
    #expect(DurationText.of(.milliseconds(1500)) == "1500ms")
    #expect(DurationText.of(.zero) == "0s")
  }

  @Test(arguments: [
    "", "30", "s", "-1s", "1,5s", "1.s", ".5s", "1m30s", "30S", "30 seconds", "1e3s", "١s",
    "9223372036854775807s", "99999999999999999999h", "1.0000000001s",
  ])
  func `an invalid duration is refused with an example`(text: String) {
    #expect(
      throws: ValueError(
        "\"\(text)\" is not a duration; write a number with a unit, such as 30s or 500ms")
    ) { try ConfigurationValues.duration(text) }
  }

  @Test func `a duration outside its limits is refused`() throws {
    #expect(throws: ValueError("\"0s\": must be greater than 0, such as 30s")) {
      try ConfigurationValues.duration("0s")
    }
    #expect(try ConfigurationValues.duration("0s", allowsZero: true) == .zero)
    #expect(throws: ValueError("\"8761h\" is too long; the maximum is 8760h")) {
      try ConfigurationValues.duration("8761h")
    }
  }

  @Test(arguments: [
    ("0", 0), ("1", 1), ("65536", 65536), ("12B", 12), ("64KiB", 65536), ("4MiB", 4_194_304),
    ("4 MiB", 4_194_304), ("2GiB", 2_147_483_648),
  ])
  func `a size is a number of bytes or has a binary unit`(text: String, expected: Int) throws {
    #expect(try ConfigurationValues.byteCount(text) == expected)
  }

  @Test(arguments: ["", "KiB", "-1", "4MB", "4mib", "4M", "1.5MiB", "0x10"])
  func `an invalid size is refused with an example`(text: String) {
    #expect(
      throws: ValueError(
        "\"\(text)\" is not a size; write bytes or a number with a unit, such as 64KiB or 4MiB")
    ) { try ConfigurationValues.byteCount(text) }
  }

  @Test func `a size that overflows is refused`() {
    #expect(throws: ValueError("\"9223372036854775807GiB\" is too large")) {
      try ConfigurationValues.byteCount("9223372036854775807GiB")
    }
  }

  @Test(arguments: [
    ("127.0.0.1:8080", ListenAddress.tcp(host: "127.0.0.1", port: 8080)),
    ("localhost:0", .tcp(host: "localhost", port: 0)),
    ("[::1]:8080", .tcp(host: "::1", port: 8080)),
    ("*:8080", .tcp(host: "*", port: 8080)),
    ("my_host-1.internal:65535", .tcp(host: "my_host-1.internal", port: 65535)),
    ("unix:/run/bridge.sock", .unix(path: "/run/bridge.sock")),
    ("unix:run/../b.sock", .unix(path: "/etc/bridge/b.sock")),
  ])
  func `a listen address is parsed`(text: String, expected: ListenAddress) throws {
    #expect(try ConfigurationValues.listenAddress(text, folder: "/etc/bridge") == expected)
  }

  @Test(arguments: [
    ("8080", "\"8080\" is not an address; write host:port, such as 127.0.0.1:8080"),
    (
      ":8080",
      "\":8080\": \"\" is not a host name or an address; write host:port, such as 127.0.0.1:8080"
    ),
    ("localhost:", "\"localhost:\": the port must be a number from 0 to 65535"),
    ("*:http", "\"*:http\": the port must be a number from 0 to 65535"),
    ("localhost:http", "\"localhost:http\": the port must be a number from 0 to 65535"),
    ("localhost:65536", "\"localhost:65536\": the port must be a number from 0 to 65535"),
    (
      "300.0.0.1:80",
      "\"300.0.0.1:80\": \"300.0.0.1\" is not a host name or an address; write host:port, such as "
        + "127.0.0.1:8080"
    ),
    ("::1:8080", "\"::1:8080\": write an IPv6 address in brackets, such as [::1]:8080"),
    (
      "http://localhost:8080",
      "\"http://localhost:8080\": write it without http://, such as 127.0.0.1:8080"
    ),
    ("unix:", "\"unix:\" has no path; write unix:/run/bridge.sock"),
    (
      "unix:/" + String(repeating: "x", count: 107),
      "the socket's path has 108 bytes; the system allows 107"
    ),
  ])
  func `the error for a wrong address names a valid form`(text: String, reason: String) {
    #expect(throws: ValueError(reason)) {
      try ConfigurationValues.listenAddress(text, folder: "/")
    }
  }

  @Test func `an endpoint requires a port`() throws {
    #expect(try ConfigurationValues.endpoint("[::1]:50051").description == "[::1]:50051")
    #expect(throws: ValueError("\"a:0\": the port must be a number from 1 to 65535")) {
      try ConfigurationValues.endpoint("a:0")
    }
  }

  @Test(arguments: [
    ("Bench.Internal", "bench.internal"), ("bench:8080", "bench:8080"), ("[::1]", "[::1]"),
    ("[::1]:80", "[::1]:80"), ("10.0.0.1", "10.0.0.1"),
  ])
  func `a host name is lower-cased`(text: String, expected: String) throws {
    #expect(try ConfigurationValues.host(text) == expected)
  }

  @Test(arguments: ["", "*.internal", "http://a", "a b", "a/b", "::1", "a..b"])
  func `an invalid host name is refused`(text: String) {
    #expect(throws: ValueError.self) { try ConfigurationValues.host(text) }
  }

  @Test(arguments: [
    ("bench", "\"bench\" does not start with /; write \"/bench\""),
    ("/", "\"/\" ends with /; remove it"),
    ("/a/", "\"/a/\" ends with /; remove it"),
    ("/a//b", "\"/a//b\" has an empty segment between two slashes"),
    ("/a?b", "\"/a?b\" has a character that a path can't have: \"?\""),
    ("/{a}", "\"/{a}\" has a character that a path can't have: \"{\""),
  ])
  func `the error for a wrong prefix names a valid form`(text: String, reason: String) {
    #expect(throws: ValueError(reason)) { try ConfigurationValues.prefix(text) }
  }

  @Test func `a quoted value is truncated, without control characters`() {
    #expect(ConfigurationValues.quoted("a\"b\n\u{1B}[0m") == "\"a\\\"b??[0m\"")
    let long = ConfigurationValues.quoted(String(repeating: "x", count: 200))
    #expect(long == "\"" + String(repeating: "x", count: 80) + "…\"")
  }
}
