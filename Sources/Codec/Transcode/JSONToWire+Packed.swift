/// Packed fields: an array of numbers in one LEN record.
extension JSONToWire {
  /// Reads an array of numbers into one LEN record.
  mutating func readPacked(_ index: Int32) throws(CodecError) {
    let start = self.sink.count
    self.sink.reserve(32)
    self.writeTag(index)
    let mark = self.sink.openLength()
    try self.openArray(index)
    self.frames.top.isFirst = false
    self.reader.skipWhitespace()
    if self.reader.take(UInt8(ascii: "]")) {
      self.frames.pop()
      self.sink.truncate(to: start)
      return
    }
    let kind = self.plan.fields[index].kind
    switch kind {
    case .float: try self.readFloats()
    case .double: try self.readDoubles()
    case .enumeration: try self.readEnums(index)
    default: try self.readPayloads(kind)
    }
    self.frames.pop()
    if self.sink.count == mark {
      self.sink.truncate(to: start)
    } else {
      self.sink.closeLength(mark)
    }
  }

  private mutating func readFloats() throws(CodecError) {
    repeat {
      let value = try self.readFloat()
      self.sink.reserve(8)
      self.sink.storeFixed32(value.bitPattern)
    } while try self.nextElement()
  }

  private mutating func readDoubles() throws(CodecError) {
    repeat {
      let value = try self.readDouble()
      self.sink.reserve(8)
      self.sink.storeFixed64(value.bitPattern)
    } while try self.nextElement()
  }

  private mutating func readPayloads(_ kind: FieldKind) throws(CodecError) {
    repeat {
      let payload = try self.readPayload(kind)
      self.sink.reserve(16)
      self.storePayload(payload, kind: kind)
    } while try self.nextElement()
  }

  private mutating func readEnums(_ index: Int32) throws(CodecError) {
    repeat {
      if let payload = try self.readEnum(index) {
        self.sink.reserve(16)
        self.sink.storeVarint(payload)
      }
    } while try self.nextElement()
  }

  /// Skips to the next element.
  ///
  /// - Returns: false when the array has ended.
  @inline(__always)
  mutating func nextElement() throws(CodecError) -> Bool {
    if self.reader.takeSeparator(UInt8(ascii: ",")) {
      self.frames.top.index &+= 1
      return true
    }
    guard self.reader.take(UInt8(ascii: "]")) else { throw self.reader.expected("',' or ']'") }
    return false
  }
}
