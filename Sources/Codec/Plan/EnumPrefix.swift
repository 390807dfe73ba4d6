/// Finds the prefix that the names of an enum's values share with the enum's own name. Protobuf's
/// style guide recommends it, because values share their scope with those of other enums:
///
///     enum OrderStatus { ORDER_STATUS_PAID = 1; }   →   `ORDER_STATUS_` is the prefix of `PAID`
enum EnumPrefix {
  /// For each value, the number of bytes of its name that can be omitted; 0 if the name must stay
  /// whole.
  ///
  /// It stays whole if it doesn't have the prefix, if the rest would be empty or begin with a
  /// digit, and if the rest would also be the name of another number.
  static func lengths(of schema: EnumSchema) -> [Int] {
    let type =
      schema.fullName.utf8.split(separator: UInt8(ascii: ".")).last ?? schema.fullName.utf8[...]
    let prefix = type.filter { $0 != UInt8(ascii: "_") }.map(Self.lowercased)
    let lengths = schema.values.map { Self.length(of: prefix, in: Array($0.name.utf8)) }
    /// The number that each name denotes; nil if it denotes two.
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

  /// Letter case and underscores within the prefix are ignored: `HTTPStatus` is the enum of
  /// `HTTP_STATUS_OK`. The rest of the name must follow an underscore.
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
    // Names with other characters could be escaped in the plan, which changes their length.
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
