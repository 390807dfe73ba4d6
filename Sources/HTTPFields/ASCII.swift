/// Letters of header names, hosts, schemes and paths.
public enum ASCII {
  /// The byte, or the small letter of a capital one.
  @inlinable
  @inline(__always)
  public static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }
}
