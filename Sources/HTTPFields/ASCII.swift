/// ASCII case folding and character classes for header names, hosts, schemes and paths.
public enum ASCII {
  /// The byte; a capital letter as the small one.
  @inlinable
  @inline(__always)
  public static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }

  /// Whether it's `0` to `9`.
  @inlinable
  @inline(__always)
  public static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// Whether it's `A` to `Z`.
  @inlinable
  @inline(__always)
  public static func isUppercase(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "A") < 26 }

  /// Whether it's `A` to `Z` or `a` to `z`.
  @inlinable
  @inline(__always)
  public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }

  /// Whether it's a letter or a digit.
  @inlinable
  @inline(__always)
  public static func isAlphanumeric(_ byte: UInt8) -> Bool {
    Self.isLetter(byte) || Self.isDigit(byte)
  }
}
