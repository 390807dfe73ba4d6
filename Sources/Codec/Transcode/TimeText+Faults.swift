/// Error messages for a text that isn't a timestamp or duration, with a suggestion. Cold code.
extension TimeText {
  /// - Parameter quote: the quotation mark around values where the text comes from: empty in a query.
  static func timestampFault(
    _ start: UnsafePointer<UInt8>, count: Int, quote: String = "\""
  ) -> String {
    let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
    let found = unsafe EchoedText.cut(bytes)
    guard let meant = unsafe Self.completed(Array(bytes.prefix(64))) else {
      return
        "expected a timestamp such as \(quote)2026-01-31T12:00:00.5Z\(quote), between the years "
        + "1 and 9999, got \"\(found)\""
    }
    var text = String(decoding: meant.bytes, as: UTF8.self)
    // A plus in a query is a space.
    if quote.isEmpty { text = text.split(separator: "+").joined(separator: "%2B") }
    guard meant.lacksZone else {
      return "expected a timestamp in RFC 3339 format, got \"\(found)\": write "
        + "\(quote)\(text)\(quote)"
    }
    let offset = String(text.dropLast()) + (quote.isEmpty ? "%2B01:00" : "+01:00")
    return "expected a timestamp with a zone, got \"\(found)\": write \(quote)\(text)\(quote) for "
      + "UTC, or an offset such as \(quote)\(offset)\(quote)"
  }

  static func durationFault(
    _ start: UnsafePointer<UInt8>, count: Int, quote: String = "\""
  ) -> String {
    let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
    var meant = unsafe Array(bytes.prefix(64))
    meant.append(UInt8(ascii: "s"))
    let found = unsafe EchoedText.cut(bytes)
    if unsafe Self.duration(meant, count: meant.count) != nil {
      let text = String(decoding: meant, as: UTF8.self)
      return "expected a duration with its unit, got \"\(found)\": write \(quote)\(text)\(quote)"
    }
    return "expected a duration such as \(quote)1.5s\(quote), within 315576000000 seconds, "
      + "got \"\(found)\""
  }

  /// The timestamp that a text becomes when the missing parts are added: a time of day, seconds, a
  /// capital T or Z, the colon of an offset, a plus that was read as a space, a zone. Nil if the
  /// result isn't a timestamp either.
  private static func completed(_ text: [UInt8]) -> (bytes: [UInt8], lacksZone: Bool)? {
    guard text.count >= 10, text.count < 48 else { return nil }
    var bytes = Array(text[..<10])
    var rest = text[10...]
    if let first = rest.first, first == UInt8(ascii: "t") || first == UInt8(ascii: " ") {
      rest[rest.startIndex] = UInt8(ascii: "T")
    }
    if rest.isEmpty { rest = Array("T00:00:00".utf8)[...] }
    let zone =
      rest.dropFirst().firstIndex { Array("Zz+- ".utf8).contains($0) } ?? rest.endIndex
    var time = Array(rest[..<zone])
    if time.count == 6 { time += Array(":00".utf8) }
    bytes += time
    var offset = Array(rest[zone...])
    let lacksZone = offset.isEmpty
    if lacksZone || offset == [UInt8(ascii: "z")] { offset = [UInt8(ascii: "Z")] }
    if offset.first == UInt8(ascii: " ") { offset[0] = UInt8(ascii: "+") }
    if offset.count == 3 { offset += Array("00".utf8) }
    if offset.count == 5 { offset.insert(UInt8(ascii: ":"), at: 3) }
    bytes += offset
    guard unsafe Self.timestamp(bytes, count: bytes.count) != nil else { return nil }
    return (bytes, lacksZone)
  }
}
