internal import HTTPFields
internal import NIOCore

extension HeaderValue {
  /// Parses seconds as a decimal number: up to 9 digits, and up to 9 decimals after a point; nil for
  /// anything else.
  static func seconds(_ value: String) -> TimeAmount? {
    var nanoseconds: Int64 = 0
    var digits = 0
    var decimals: Int?
    for byte in value.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        nanoseconds = 10 * nanoseconds + Int64(byte - UInt8(ascii: "0"))
        if let count = decimals { decimals = count + 1 } else { digits += 1 }
        guard digits <= 9, decimals ?? 0 <= 9 else { return nil }
      case UInt8(ascii: ".") where decimals == nil:
        decimals = 0
      default:
        return nil
      }
    }
    guard digits > 0, decimals != 0 else { return nil }
    for _ in (decimals ?? 0)..<9 { nanoseconds *= 10 }
    return .nanoseconds(nanoseconds)
  }
}
