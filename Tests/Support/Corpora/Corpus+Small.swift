internal import RepeatableRandom

// Messages as services exchange them: small, nested, of many kinds of fields.
extension Corpus {
  /// About 120 bytes.
  package static var echo: Corpus {
    Corpus(
      "echo", "a small message", type: "Echo",
      json: JSONText.object(
        ("id", JSONText.string("5f0c6e1a-77")),
        ("text", JSONText.string("the quick brown fox jumps over")),
        ("sequence", "4711"), ("urgent", "true"),
        ("sentAtMillis", JSONText.int64(1_718_000_000_123))))
  }

  /// About 4 KB.
  package static var order: Corpus {
    Corpus(
      "order", "nested, maps, times, 64-bit integers", type: "Order", json: Self.orderText)
  }

  private static var orderText: String {
    let states = ["ORDER_STATE_PLACED", "ORDER_STATE_PAID", "ORDER_STATE_SHIPPED"]
    let history = states.enumerated().map { index, state in
      JSONText.object(
        ("state", JSONText.string(state)),
        ("at", JSONText.string("2024-06-1\(index)T08:15:30.\(index)00Z")),
        ("by", JSONText.string("checkout")))
    }
    let customer = JSONText.object(
      ("id", JSONText.int64(4_503_599_627_370_497)),
      ("email", JSONText.string("ada@example.com")),
      ("displayName", JSONText.string("Ada Lovelace")),
      ("billing", Self.address("billing")), ("shipping", Self.address("shipping")),
      ("createdAt", JSONText.string("2019-05-04T10:00:00Z")))
    return JSONText.object(
      ("orderId", JSONText.int64(Int.max)), ("reference", JSONText.string("WEB-2024-000123")),
      ("state", JSONText.string("ORDER_STATE_PAID")), ("customer", customer),
      ("lines", JSONText.array((0..<7).map(Self.orderLine))),
      ("history", JSONText.array(history)),
      (
        "labels",
        JSONText.object(
          ("channel", JSONText.string("web")), ("campaign", JSONText.string("spring")),
          ("segment", JSONText.string("b2b")))
      ),
      (
        "counters",
        JSONText.object(
          ("views", JSONText.int64(12_345_678_901)), ("retries", JSONText.int64(2)))
      ),
      ("grandTotal", Self.money(1234, 560_000_000)),
      ("placedAt", JSONText.string("2024-06-10T08:15:30.250Z")),
      ("promisedBy", JSONText.string("2024-06-20T00:00:00Z")),
      ("paid", "true"), ("discountRate", "0.125"))
  }

  private static func orderLine(_ index: Int) -> String {
    let serials = (0..<4).map { JSONText.int64(770_000_000_000 + index * 10 + $0) }
    return JSONText.object(
      ("lineId", JSONText.int64(9_007_199_254_740_993 + index)),
      ("sku", JSONText.string("SKU-\(1000 + index)-XL")),
      ("title", JSONText.string("Brass gear, \(index + 8) teeth, \\\"hardened\\\", 40 mm")),
      ("quantity", "\(index + 1)"), ("unitPrice", Self.money(12 + index, 990_000_000)),
      ("total", Self.money((12 + index) * (index + 1), 900_000_000)),
      ("weightKg", "\(0.35 + Double(index) / 8)"),
      (
        "attributes",
        JSONText.object(
          ("finish", JSONText.string("polished")), ("batch", JSONText.string("B\(index)-2024")),
          ("origin", JSONText.string("Müllheim")))
      ),
      ("serialNumbers", JSONText.array(serials)), ("giftWrap", index % 2 == 0 ? "true" : "false"))
  }

  private static func money(_ units: Int, _ nanos: Int) -> String {
    JSONText.object(
      ("currency", JSONText.string("CURRENCY_EUR")), ("units", JSONText.int64(units)),
      ("nanos", "\(nanos)"))
  }

  private static func address(_ kind: String) -> String {
    JSONText.object(
      ("name", JSONText.string("Ada Lovelace (\(kind))")),
      (
        "lines",
        JSONText.array(
          ["c/o The Analytical Engine Works Ltd", "12 Gear Lane"].map(JSONText.string))
      ),
      ("city", JSONText.string("Zürich")), ("postalCode", JSONText.string("8005")),
      ("countryCode", JSONText.string("CH")))
  }

  /// Messages within messages, so many levels.
  package static func nested(levels: Int) -> Corpus {
    var text = ""
    for level in (1...levels).reversed() {
      var members = [("name", JSONText.string("level \(level)")), ("depth", "\(level)")]
      if !text.isEmpty { members.append(("child", text)) }
      text = JSONText.object(members)
    }
    return Corpus("nested", "\(levels) levels", type: "Node", json: text)
  }

  /// A map of so many entries.
  package static func dictionary(of count: Int) -> Corpus {
    var random = SeededGenerator(seed: 3)
    let entries = (0..<count).map { index in
      ("key-\(index)", JSONText.int64(Int(random.next() >> 24)))
    }
    return Corpus(
      "map", "\(count) entries", type: "Dictionary",
      json: JSONText.object(("entries", JSONText.object(entries))))
  }

  /// So many small messages, each of about 80 bytes.
  package static func batch(of count: Int) -> Corpus {
    var random = SeededGenerator(seed: 4)
    let ticks = (0..<count).map { index in
      JSONText.object(
        ("sequence", JSONText.int64(1_234_567_890_123 + index)),
        ("symbol", JSONText.string("XETR:ABCD")),
        ("price", "\(Double(random.next() >> 45) / 64 + 0.5)"), ("last", "true"))
    }
    return Corpus(
      "batch", "\(count) small messages", type: "Batch",
      json: JSONText.object(("ticks", JSONText.array(ticks))))
  }
}
