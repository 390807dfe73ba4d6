/// ASCII case folding for header names, hosts, schemes and paths.
public enum ASCII {
  /// The byte; a capital letter as the small one.
  @inlinable
  @inline(__always)
  public static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
  }
}
