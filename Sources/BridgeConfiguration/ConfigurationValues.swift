package import Addresses
internal import Codec
internal import HTTPFields
internal import LocalFiles
internal import NIOCore

/// Parsers of configuration values, shared by the file and the command line.
///
/// Each function returns the value or throws a clause that says how to fix it.
package enum ConfigurationValues {
  /// Maximum duration; keeps sums of durations from overflowing.
  private static let longestDuration: Duration = .seconds(365 * 24 * 3600)
  /// Maximum length of a socket's path in bytes (`sun_path` of unix(7), less its final zero).
  private static let socketPathLimit = 107

  /// Parses a duration such as `30s`, `1.5s`, `500ms`, `2m` or `1h`.
  ///
  /// - Parameter allowsZero: whether `0s` is allowed.
  package static func duration(
    _ text: String, allowsZero: Bool = false
  ) throws(ValueError) -> Duration {
    let units: [(name: String, nanoseconds: Int64)] = [
      ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]
    let number = text.prefix { "0123456789.".contains($0) }
    let name = text.dropFirst(number.count).drop { $0 == " " }
    guard let unit = units.first(where: { $0.name == name }),
      let nanoseconds = Self.scaled(number, by: unit.nanoseconds)
    else {
      throw ValueError(
        "\(quoted(text)) is not a duration; write a number with a unit, such as 30s or 500ms")
    }
    let duration = Duration.nanoseconds(nanoseconds)
    guard duration <= Self.longestDuration else {
      throw ValueError("\(quoted(text)) is too long; the maximum is 8760h")
    }
    guard allowsZero || duration > .zero else {
      throw ValueError("\(quoted(text)): must be greater than 0, such as 30s")
    }
    return duration
  }

  /// Parses a number of bytes such as `65536`, `64KiB` or `4MiB`.
  package static func byteCount(_ text: String) throws(ValueError) -> Int {
    let units: [(name: String, factor: Int)] = [
      ("", 1), ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
    ]
    let number = text.prefix { "0123456789".contains($0) }
    let name = text.dropFirst(number.count).drop { $0 == " " }
    guard let unit = units.first(where: { $0.name == name }), let count = Int(number) else {
      throw ValueError(
        "\(quoted(text)) is not a size; write bytes or a number with a unit, such as 64KiB or 4MiB")
    }
    let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: unit.factor)
    guard !isTooLarge else {
      throw ValueError("\(quoted(text)) is too large")
    }
    return bytes
  }

  /// Parses a whole number within `range`.
  package static func integer(
    _ text: String, in range: ClosedRange<Int>
  ) throws(ValueError) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw ValueError(
        "\(quoted(text)) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Parses an address to listen on: `host:port`, `[ipv6]:port`, `*:port` (all interfaces) or `unix:/path`.
  ///
  /// - Parameter folder: the folder that relative socket paths are resolved against.
  package static func listenAddress(
    _ text: String, folder: String
  ) throws(ValueError) -> ListenAddress {
    if text.hasPrefix("unix:") {
      return .unix(path: try Self.socketPath(text, folder: folder))
    }
    if text.hasPrefix("*:") {
      guard let port = Int(text.dropFirst(2)), (0...65535).contains(port) else {
        throw ValueError("\(quoted(text)): the port must be a number from 0 to 65535")
      }
      return .tcp(host: "*", port: port)
    }
    let (host, port) = try Self.hostAndPort(text, lowestPort: 0, example: "127.0.0.1:8080")
    return .tcp(host: host, port: port)
  }

  /// Parses an endpoint: `host:port`, `[ipv6]:port` or `unix:/path`.
  ///
  /// - Parameter folder: the folder that relative socket paths are resolved against.
  package static func endpoint(
    _ text: String, folder: String = "/"
  ) throws(ValueError) -> Configuration.Endpoint {
    if text.hasPrefix("unix:") {
      return Configuration.Endpoint(path: try Self.socketPath(text, folder: folder))
    }
    let (host, port) = try Self.hostAndPort(text, lowestPort: 1, example: "127.0.0.1:50051")
    return Configuration.Endpoint(host: host, port: port)
  }

  /// Parses a host that selects a service, as `host` does, or `*.` and a suffix, which matches names with
  /// at least one more label. A trailing dot, which only marks a name as fully qualified, is removed.
  package static func hostPattern(_ text: String) throws(ValueError) -> String {
    guard text.contains("*") else { return Self.withoutFinalPoint(try Self.host(text)) }
    guard text.hasPrefix("*."), !text.dropFirst().contains("*") else {
      throw ValueError(
        text == "*"
          ? "\(quoted(text)) is any host; leave the key out"
          : "\(quoted(text)): a \"*\" is only allowed as the first label, followed by a dot, "
            + "such as *.bench.internal")
    }
    let end = try Self.host(String(text.dropFirst(2)))
    guard !end.hasPrefix("["), !end.allSatisfy({ "0123456789.:".contains($0) }) else {
      throw ValueError("\(quoted(text)): an address can't have a wildcard")
    }
    return "*." + Self.withoutFinalPoint(end)
  }

  /// Parses a host, in lower case, with a port only if one was given.
  package static func host(_ text: String) throws(ValueError) -> String {
    let example = "write a name such as bench.internal, or bench.internal:8080"
    if text.contains("*") {
      throw ValueError("\(quoted(text)): wildcards aren't allowed here; \(example)")
    }
    if text.contains("/") {
      throw ValueError("\(quoted(text)) is not a valid host name; \(example)")
    }
    let hasPort = text.hasPrefix("[") ? text.contains("]:") : text.contains(":")
    if hasPort {
      _ = try Self.hostAndPort(text, lowestPort: 1, example: "bench.internal:8080")
    } else {
      let name =
        text.hasPrefix("[") && text.hasSuffix("]") ? text.dropFirst().dropLast() : text[...]
      guard Self.isHost(String(name), isBracketed: name.count != text.count) else {
        throw ValueError("\(quoted(text)) is not a valid host name; \(example)")
      }
    }
    return text.lowercased()
  }

  /// Parses a name that loopback listeners accept: a host without a port, `*.` and a host, or `*`.
  package static func trustedHost(_ text: String) throws(ValueError) -> String {
    if text == "*" { return text }
    let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
    let host = try Self.host(name)
    guard !host.contains(":") else {
      throw ValueError(
        "\(quoted(text)): a name is trusted on every port, and addresses always are; write only "
          + "the name, such as dev.internal")
    }
    return text.lowercased()
  }

  private static func withoutFinalPoint(_ host: String) -> String {
    if host.hasSuffix("."), host.utf8.count > 1 { return String(host.dropLast()) }
    guard let point = host.firstRange(of: ".:") else { return host }
    return String(host[..<point.lowerBound] + host[point.lowerBound...].dropFirst())
  }

  /// Parses a path prefix: starts with `/`, ends without one, only characters of RFC 3986 §3.3.
  package static func prefix(_ text: String) throws(ValueError) -> String {
    guard text.hasPrefix("/") else {
      throw ValueError("\(quoted(text)) does not start with /; write \(quoted("/" + text))")
    }
    guard !text.hasSuffix("/") else {
      throw ValueError("\(quoted(text)) ends with /; remove it")
    }
    guard !text.contains("//") else {
      throw ValueError("\(quoted(text)) has an empty segment between two slashes")
    }
    let allowed = "-._~!$&'()*+,;=:@%/"
    guard
      let wrong = text.first(where: { !"\($0)".isAlphanumeric() && !allowed.contains($0) })
    else { return text }
    throw ValueError(
      "\(quoted(text)) has a character that a path can't have: \(quoted(String(wrong)))")
  }

  /// A value in quotes for a message, shortened, with unprintable characters made visible. A user name and
  /// a password before a host aren't shown.
  package static func quoted(_ text: String) -> String {
    var shown = "\""
    for scalar in ForeignText.shown(Self.withoutPassword(text), limit: 80).unicodeScalars {
      if scalar == "\"" || scalar == "\\" { shown += "\\" }
      shown.unicodeScalars.append(scalar)
    }
    return shown + "\""
  }

  /// `http://user:password@host` as `http://…@host` (RFC 3986 §3.2.1).
  private static func withoutPassword(_ text: String) -> String {
    guard let sign = text.lastIndex(of: "@") else { return text }
    let start = text.firstRange(of: "://").map(\.upperBound) ?? text.startIndex
    guard start < sign, text[start..<sign].contains(":") else { return text }
    return "\(text[..<start])…\(text[sign...])"
  }
}

// MARK: - Parts

extension ConfigurationValues {
  /// The path of `unix:PATH`, made absolute.
  private static func socketPath(_ text: String, folder: String) throws(ValueError) -> String {
    let path = FilePaths.absolute(String(text.dropFirst(5)), in: folder)
    guard text.utf8.count > 5 else {
      throw ValueError("\(quoted(text)) has no path; write unix:/run/bridge.sock")
    }
    guard path.utf8.count <= Self.socketPathLimit else {
      throw ValueError(
        "the socket's path has \(path.utf8.count) bytes; the system allows \(Self.socketPathLimit)"
      )
    }
    return path
  }

  /// `12` or `1.5` times `unit`; nil if it isn't a number or overflows.
  private static func scaled(_ number: Substring, by unit: Int64) -> Int64? {
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = Int64(parts[0]) else { return nil }
    let (product, isTooLarge) = whole.multipliedReportingOverflow(by: unit)
    guard !isTooLarge else { return nil }
    guard parts.count == 2 else { return product }
    // Nine decimals of an hour fit: 999,999,999 * 3.6e12 doesn't overflow after the division.
    guard (1...9).contains(parts[1].count), let decimals = Int64(parts[1]) else { return nil }
    var divisor: Int64 = 1
    for _ in parts[1] { divisor *= 10 }
    let fraction = (unit / divisor) * decimals + (unit % divisor) * decimals / divisor
    let (sum, overflows) = product.addingReportingOverflow(fraction)
    return overflows ? nil : sum
  }

  private static func hostAndPort(
    _ text: String, lowestPort: Int, example: String
  ) throws(ValueError) -> (host: String, port: Int) {
    if let scheme = ["http://", "https://", "grpc://", "dns:///"].first(where: text.hasPrefix) {
      throw ValueError("\(quoted(text)): write it without \(scheme), such as \(example)")
    }
    guard let colon = text.lastIndex(of: ":") else {
      throw ValueError("\(quoted(text)) is not an address; write host:port, such as \(example)")
    }
    var host = String(text[..<colon])
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
    if isBracketed { host = String(host.dropFirst().dropLast()) }
    guard isBracketed || !host.contains(":") else {
      throw ValueError("\(quoted(text)): write an IPv6 address in brackets, such as [::1]:8080")
    }
    guard Self.isHost(host, isBracketed: isBracketed) else {
      throw ValueError(
        "\(quoted(text)): \(quoted(host)) is not a host name or an address; write host:port, such as "
          + example)
    }
    guard let port = Int(text[text.index(after: colon)...]), (lowestPort...65535).contains(port)
    else {
      throw ValueError("\(quoted(text)): the port must be a number from \(lowestPort) to 65535")
    }
    return (host, port)
  }

  private static func isHost(_ text: String, isBracketed: Bool) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 253 else { return false }
    if isBracketed { return text.contains(":") && Self.isAddress(text) }
    // Only digits and dots: an IPv4 address (RFC 1123 §2.1).
    if text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || ASCII.isDigit($0) }) {
      return Self.isAddress(text)
    }
    return text.isAlphanumeric(or: "-._") && !text.hasPrefix(".") && !text.contains("..")
  }

  private static func isAddress(_ text: String) -> Bool {
    (try? SocketAddress(ipAddress: text, port: 0)) != nil
  }
}

extension ConfigurationValues {
  /// Parses a number such as `0.1`.
  static func number(_ text: String, in range: ClosedRange<Double>) throws(ValueError) -> Double {
    guard let number = Double(text), range.contains(number) else {
      throw ValueError(
        "\(quoted(text)) is not a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// Parses a percentage such as `50%` as a number from 0 to 1.
  static func share(_ text: String) throws(ValueError) -> Double {
    guard text.hasSuffix("%"), let percent = Double(text.dropLast()), (0...100).contains(percent)
    else {
      throw ValueError("\(quoted(text)) is not a percentage; write 0% to 100%, such as 50%")
    }
    return percent / 100
  }
}
