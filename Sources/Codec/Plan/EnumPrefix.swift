/// Finds what the names of an enum's values have in common with the enum's own name, as Protobuf's style
/// guide asks for, because values share their scope with those of other enums:
///
///     enum OrderStatus { ORDER_STATUS_PAID = 1; }   →   `ORDER_STATUS_` is the prefix of `PAID`
enum EnumPrefix {
  /// For each value how many bytes of its name can be left out; 0 where the name has to stay whole.
  ///
  /// It stays whole where it hasn't the prefix, where nothing or a digit would be left in front, and
  /// where what's left would be the name of another number as well.
  static func lengths(of schema: EnumSchema) -> [Int] {
    let type =
      schema.fullName.utf8.split(separator: UInt8(ascii: ".")).last ?? schema.fullName.utf8[...]
    let prefix = type.filter { $0 != UInt8(ascii: "_") }.map(Self.lowercased)
    let lengths = schema.values.map { Self.length(of: prefix, in: Array($0.name.utf8)) }
    /// The number that each name stands for; nil for two of them.
    var numbers: [Substring: Int32?] = [:]
    for (value, length) in zip(schema.values, lengths) {
      for name in Set([value.name[...], Self.rest(of: value.name, behind: length)]) {
        if let number = numbers[name] {
          if number != value.number { numbers[name] = .some(nil) }
        } else {
          numbers[name] = value.number
        }
      }
    }
    return zip(schema.values, lengths).map { value, length in
      numbers[Self.rest(of: value.name, behind: length)] == .some(value.number) ? length : 0
    }
  }

  private static func rest(of name: String, behind length: Int) -> Substring {
    Substring(name.utf8.dropFirst(length))
  }

  /// Letter case and underscores within the prefix mean nothing: `HTTPStatus` is the enum of
  /// `HTTP_STATUS_OK`. What follows it begins behind an underscore.
  private static func length(of prefix: [UInt8], in name: [UInt8]) -> Int {
    var matched = 0
    var index = 0
    while index < name.count, matched < prefix.count {
      if name[index] != UInt8(ascii: "_") {
        guard Self.lowercased(name[index]) == prefix[matched] else { return 0 }
        matched += 1
      }
      index += 1
    }
    let underscores = name[index...].prefix { $0 == UInt8(ascii: "_") }.count
    let rest = name[(index + underscores)...]
    // Names of other characters could be escaped in the plan, where lengths would be others.
    guard matched == prefix.count, underscores > 0, let first = rest.first,
      !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first), name.allSatisfy(Self.isWordByte)
    else { return 0 }
    return index + underscores
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
    default: false
    }
  }
}
