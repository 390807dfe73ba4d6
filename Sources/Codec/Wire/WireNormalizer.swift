/// Converts a message to the form that encoders write: the records of a field together, a singular
/// field once, one member of a oneof, each map key once.
///
/// Protobuf's rules for several records of a field: the last scalar wins, messages are merged (by
/// concatenating their bytes), repeated fields are concatenated, of a oneof the last member wins,
/// and of a map key the last entry. Only one level is normalized; a nested message that needs it is
/// normalized when it is reached. Unknown fields are dropped: JSON can't represent them.
///
/// A cold path: real encoders write fields in order. It allocates freely.
struct WireNormalizer {
  var plan: Plan
  var depthLimit: Int

  /// A record of a known field: the offset of its tag, its content, and its end.
  private struct Record {
    var ordinal: Int32
    var tag: UInt32
    var start: Int
    var content: Range<Int>
    var end: Int
  }

  /// Appends the normalized form of a message.
  func normalize(
    _ bytes: [UInt8], message: Int32, into sink: inout ByteSink
  ) throws(CodecError) {
    var records = try self.records(of: bytes, message: message)
    try self.dropUnknownEnums(&records, of: bytes, message: message)
    self.dropLostMembers(&records, message: message)
    // Stable, so that records of one field keep their order.
    let sorted = records.enumerated().sorted {
      ($0.element.ordinal, $0.offset) < ($1.element.ordinal, $1.offset)
    }.map(\.element)
    var index = 0
    while index < sorted.count {
      var end = index + 1
      while end < sorted.count && sorted[end].ordinal == sorted[index].ordinal { end += 1 }
      try self.write(sorted[index..<end], of: bytes, message: message, into: &sink)
      index = end
    }
  }

  private func records(
    of bytes: [UInt8], message: Int32
  ) throws(CodecError) -> [Record] {
    // The span keeps `bytes` alive for the reader.
    var records: [Record] = []
    var problem: CodecError?
    unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let start = buffer.baseAddress else { return }
      var reader = unsafe WireReader(start: start, limit: buffer.count)
      do throws(CodecError) {
        while reader.position < reader.limit {
          let start = reader.position
          let tag = try reader.tag()
          var content = reader.position
          let contentEnd = try reader.contentEnd(skipping: tag, depthLimit: self.depthLimit)
          let ordinal = self.plan.field(number: tag >> 3, in: message)
          guard ordinal >= 0 else { continue }
          let index = self.plan.messages[message].firstField + ordinal
          guard self.plan.fields[index].tag == tag || self.plan.fields[index].otherTag == tag
          else { continue }
          if tag & 7 == 2 {
            let end = reader.position
            reader.position = content
            _ = try reader.length()
            content = reader.position
            reader.position = end
          }
          records.append(
            Record(
              ordinal: ordinal, tag: tag, start: start, content: content..<contentEnd,
              end: reader.position))
        }
      } catch {
        problem = error
      }
    }
    if let problem { throw problem }
    return records
  }

  /// Removes singular enums whose number a closed enum doesn't have: they are unknown fields, so
  /// they replace nothing.
  private func dropUnknownEnums(
    _ records: inout [Record], of bytes: [UInt8], message: Int32
  ) throws(CodecError) {
    let first = self.plan.messages[message].firstField
    var known: [Record] = []
    known.reserveCapacity(records.count)
    for record in records {
      let index = first + record.ordinal
      if self.plan.fields[index].isClosedEnum && self.plan.fields[index].shape == .singular,
        try !self.isKnownEnum(bytes[record.content], field: index)
      {
        continue
      }
      known.append(record)
    }
    records = known
  }

  /// Removes all members of each oneof but the last one set, and the records of that member that
  /// precede another one: they aren't merged.
  private func dropLostMembers(_ records: inout [Record], message: Int32) {
    let first = self.plan.messages[message].firstField
    // From the end: the last member of each oneof, and -1 once another one was found before it.
    var last: [Int32: Int32] = [:]
    var kept: [Record] = []
    kept.reserveCapacity(records.count)
    for record in records.reversed() {
      let oneof = self.plan.fields[first + record.ordinal].oneof
      if oneof >= 0 {
        if last[oneof, default: record.ordinal] != record.ordinal {
          last[oneof] = -1
          continue
        }
        last[oneof] = record.ordinal
      }
      kept.append(record)
    }
    records = kept.reversed()
  }

  private func write(
    _ records: ArraySlice<Record>, of bytes: [UInt8], message: Int32, into sink: inout ByteSink
  ) throws(CodecError) {
    guard let lastRecord = records.last else { return }
    let index = self.plan.messages[message].firstField + lastRecord.ordinal
    switch self.plan.fields[index].shape {
    case .repeated, .packed:
      for record in records { Self.append(bytes[record.start..<record.end], to: &sink) }
    case .map:
      try self.writeEntries(records, of: bytes, field: index, into: &sink)
    case .singular:
      let kind = self.plan.fields[index].kind
      guard kind == .message || kind == .group else {
        Self.append(bytes[lastRecord.start..<lastRecord.end], to: &sink)
        return
      }
      self.writeTag(lastRecord.tag, to: &sink)
      let merged = records.reduce(into: [UInt8]()) { $0 += bytes[$1.content] }
      if kind == .message {
        sink.reserve(16)
        sink.storeVarint(UInt64(merged.count))
        Self.append(merged[...], to: &sink)
      } else {
        Self.append(merged[...], to: &sink)
        self.writeTag(lastRecord.tag + 1, to: &sink)
      }
    }
  }

  /// Writes the entries of a map, each as its key and its value, for each key the last one.
  private func writeEntries(
    _ records: ArraySlice<Record>, of bytes: [UInt8], field: Int32, into sink: inout ByteSink
  ) throws(CodecError) {
    let entry = self.plan.fields[field].type
    let valueField = self.plan.messages[entry].firstField + 1
    var ordinals: [[UInt8]: Int] = [:]
    var entries: [[UInt8]?] = []
    for record in records {
      let content = Array(bytes[record.content])
      let parts = try self.records(of: content, message: entry)
      // The key in canonical form: the payload for numbers, the content for strings.
      let key = try self.key(parts.last { $0.ordinal == 0 }, of: content, entry: entry)
      var text = ByteSink(capacity: content.count + 32)
      if let last = parts.last(where: { $0.ordinal == 0 }) {
        Self.append(content[last.start..<last.end], to: &text)
      }
      let values = parts.filter { $0.ordinal == 1 }
      if !values.isEmpty {
        if self.plan.fields[valueField].isClosedEnum, let last = values.last,
          try !self.isKnownEnum(content[last.content], field: valueField)
        {
          continue
        }
        try self.write(values[...], of: content, message: entry, into: &text)
      }
      if let earlier = ordinals[key] { entries[earlier] = nil }
      ordinals[key] = entries.count
      entries.append(Self.copy(text.bytes))
    }
    for case let entry? in entries {
      self.writeTag(self.plan.fields[field].tag, to: &sink)
      sink.reserve(16)
      sink.storeVarint(UInt64(entry.count))
      Self.append(entry[...], to: &sink)
    }
  }

  private func key(_ record: Record?, of bytes: [UInt8], entry: Int32) throws(CodecError) -> [UInt8]
  {
    let field = self.plan.messages[entry].firstField
    let kind = self.plan.fields[field].kind
    guard let record else { return kind == .string ? [] : Array(repeating: 0, count: 8) }
    let content = Array(bytes[record.content])
    switch kind {
    case .string: return content
    case .fixed32, .sfixed32: return content + [0, 0, 0, 0]
    case .fixed64, .sfixed64: return content
    default:
      var payload = Self.varint(content)
      if kind == .bool { payload = payload == 0 ? 0 : 1 }
      if kind == .int32 || kind == .uint32 || kind == .sint32 { payload &= 0xFFFF_FFFF }
      return (0..<8).map { UInt8(truncatingIfNeeded: payload >> (8 * UInt64($0))) }
    }
  }

  private func isKnownEnum(_ bytes: ArraySlice<UInt8>, field: Int32) throws(CodecError) -> Bool {
    let number = Int32(truncatingIfNeeded: Self.varint(Array(bytes)))
    return self.plan.enumValue(number: number, in: self.plan.fields[field].type) >= 0
  }

  /// A varint that has already been validated.
  private static func varint(_ bytes: [UInt8]) -> UInt64 {
    var value: UInt64 = 0
    for (index, byte) in bytes.enumerated() where index < 10 {
      value |= UInt64(byte & 0x7F) << UInt64(7 * index)
    }
    return value
  }

  private func writeTag(_ tag: UInt32, to sink: inout ByteSink) {
    sink.reserve(16)
    sink.storeVarint(UInt64(tag))
  }

  private static func append(_ bytes: ArraySlice<UInt8>, to sink: inout ByteSink) {
    sink.reserve(bytes.count + 16)
    for byte in bytes { sink.storeByte(byte) }
  }

  private static func copy(_ bytes: RawSpan) -> [UInt8] {
    (0..<bytes.byteCount).map { bytes[$0] }
  }
}
