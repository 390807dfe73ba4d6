import Testing

@testable import Codec

/// Names of enum values without what repeats the enum's own.
@Suite("Short names of enums")
struct EnumNameTests {
  private static func lengths(_ type: String, _ values: [(String, Int32)]) -> [Int] {
    EnumPrefix.lengths(of: Self.schema(type, values))
  }

  private static func schema(_ type: String, _ values: [(String, Int32)]) -> EnumSchema {
    EnumSchema(
      fullName: type, values: values.map { EnumSchema.Value(name: $0.0, number: $0.1) },
      isClosed: false)
  }

  @Test(arguments: [
    ("OrderStatus", "ORDER_STATUS_PAID", 13), ("a.b.OrderStatus", "ORDER_STATUS_PAID", 13),
    ("Order.Status", "STATUS_PAID", 7), ("Order.Status", "ORDER_STATUS_PAID", 0),
    ("HTTPStatus", "HTTP_STATUS_OK", 12), ("Http2Mode", "HTTP2_MODE_ON", 11),
    ("order_status", "ORDER_STATUS_PAID", 13), ("OrderStatus", "orderStatus_paid", 12),
    ("OrderStatus", "ORDER_STATUS__PAID", 14), ("OrderStatus", "__ORDER_STATUS_PAID", 15),
    ("OrderStatus", "PAID", 0), ("OrderStatus", "ORDER_STATUSPAID", 0),
    ("Order", "ORDERS_ALL", 0), ("OrderStatus", "ORDER_STATUS", 0),
    ("OrderStatus", "ORDER_STATUS_", 0), ("OrderStatus", "ORDER_STATUS_3D", 0),
    ("OrderStatus", "ORDER_", 0), ("OrderStatus", "", 0), ("", "A", 0), ("_", "_A", 0),
    ("OrderStatus", "ORDER_STATUS_\u{E9}", 0), ("OrderStatus", "ORDER_STATUS_\"", 0),
  ])
  func `a prefix is the enum's name in any case, with or without underscores`(
    type: String, name: String, length: Int
  ) {
    let found = Self.lengths(type, [(name, 1)])
    // Of an enum without a name nothing matters but that nothing is ambiguous.
    if type.isEmpty || type == "_" { return }
    #expect(found == [length])
  }

  @Test func `an ambiguous short name is kept whole`() {
    #expect(Self.lengths("S", [("S_A", 1), ("A", 2), ("S_B", 3)]) == [0, 0, 2])
    #expect(Self.lengths("S", [("S_A", 1), ("s_A", 2), ("S__A", 3), ("S_B", 4)]) == [0, 0, 0, 2])
    #expect(Self.lengths("S", [("S_S_A", 1), ("S_A", 2)]) == [0, 2])
    // Of one number: no harm.
    #expect(Self.lengths("S", [("S_A", 1), ("A", 1), ("S_B", 3)]) == [2, 0, 2])
  }

  @Test func `replies have short enum names if configured, wherever whole ones occur`() throws {
    let wire = try encode(#"{"aColor":"COLOR_GREEN","manyColor":["COLOR_RED",9,"COLOR_NEGATIVE"]}"#)
    #expect(
      try decode(wire) { $0.enumStyle = .shortName }
        == #"{"aColor":"GREEN","manyColor":["RED",9,"NEGATIVE"]}"#)
    let printed = try decode([]) {
      $0.enumStyle = .shortName
      $0.alwaysPrintsDefaults = true
    }
    #expect(printed.contains(#""aColor":"UNSPECIFIED""#))
  }

  @Test func `requests may have short enum names if configured, and always whole ones`() throws {
    let accepting = { (options: inout EncodeOptions) in options.acceptsShortEnumNames = true }
    let whole = try encode(#"{"aColor":"COLOR_GREEN","manyColor":["COLOR_RED"]}"#)
    #expect(try encode(#"{"aColor":"GREEN","manyColor":["RED"]}"#, accepting) == whole)
    #expect(try encode(#"{"aColor":"COLOR_GREEN","manyColor":["\u0052ED"]}"#, accepting) == whole)
    #expect(
      try encode("", rule: .none, query: [("aColor", "GREEN"), ("manyColor", "RED")], accepting)
        == encode(
          "", rule: .none, query: [("aColor", "COLOR_GREEN"), ("manyColor", "COLOR_RED")]))
    #expect(try encode(#"{"aColor":2}"#, accepting) == encode(#"{"aColor":2}"#))
    for name in ["green", "GREE", "GREENS", "", "_GREEN", "COLOR_"] {
      #expect(throws: CodecError.self) { try encode("{\"aColor\":\"\(name)\"}", accepting) }
      #expect(throws: CodecError.self) {
        try encode("", rule: .none, query: [("aColor", name)], accepting)
      }
    }
    // An enum none of whose names can be shortened.
    let legacy = #"{"name":"n","level":"LOW"}"#
    #expect(throws: Never.self) { try encode(legacy, as: "bridge.test.legacy.Legacy", accepting) }
    #expect(throws: CodecError.self) {
      try encode(#"{"name":"n","level":"W"}"#, as: "bridge.test.legacy.Legacy", accepting)
    }
    // Without the option they're no names.
    #expect(throws: CodecError.self) { try encode(#"{"aColor":"GREEN"}"#) }
    #expect(throws: CodecError.self) { try encode("", rule: .none, query: [("aColor", "GREEN")]) }
  }

  @Test func `names printed one way are accepted the other way`() throws {
    let plan = PlanCompiler.compile(
      messages: [],
      enums: [Self.schema("Kind", [("KIND_A", 0), ("KIND_B", 5), ("B", 6), ("KIND_C", 5)])])
    func number(_ name: String) -> Int32? {
      Array(name.utf8).withUnsafeBufferPointer { bytes in
        bytes.baseAddress.flatMap { plan.enumNumber(shortName: $0, count: bytes.count, in: 0) }
      }
    }
    #expect(number("A") == 0)
    #expect(number("C") == 5)
    #expect(number("B") == nil, "6 has this name, and 5 has none that's short")
  }
}
