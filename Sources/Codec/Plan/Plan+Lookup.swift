extension Plan {
  /// The ordinal of the field with this JSON name or proto name; -1 if there is none.
  func field(named start: UnsafePointer<UInt8>, count: Int, in message: Int32) -> Int32 {
    let mask = Int(self.messages[message].keyMask)
    let slots = Int(self.messages[message].keySlots)
    let first = self.messages[message].firstField
    var slot = unsafe Int(truncatingIfNeeded: KeyHash.hash(start, count: count)) & mask
    while true {
      let ordinal = self.slots[slots &+ slot]
      if ordinal < 0 { return -1 }
      let index = first &+ ordinal
      if Int(self.fields[index].jsonNameLength) == count,
        unsafe equalBytes(
          start, self.text.pointer(at: Int(self.fields[index].jsonName)), count: count)
      {
        return ordinal
      }
      if Int(self.fields[index].protoNameLength) == count,
        unsafe equalBytes(
          start, self.text.pointer(at: Int(self.fields[index].protoName)), count: count)
      {
        return ordinal
      }
      slot = (slot &+ 1) & mask
    }
  }

  /// The ordinal of the field with this number; -1 if there is none.
  @inline(__always)
  func field(number: UInt32, in message: Int32) -> Int32 {
    if number < UInt32(truncatingIfNeeded: self.messages[message].denseCount) {
      return self.slots[self.messages[message].denseSlots &+ Int32(truncatingIfNeeded: number)]
    }
    if self.messages[message].sparseCount == 0 { return -1 }
    return self.sparseField(number: number, in: message)
  }

  /// The ordinal of the field with this tag, if its wire type is one of the field's; otherwise -1,
  /// which makes the record an unknown field.
  @inline(never)
  func ordinal(of tag: UInt32, in message: Int32) -> Int32 {
    let ordinal = self.field(number: tag >> 3, in: message)
    if ordinal < 0 { return -1 }
    let index = self.messages[message].firstField &+ ordinal
    return self.fields[index].tag == tag || self.fields[index].otherTag == tag ? ordinal : -1
  }

  @inline(never)
  private func sparseField(number: UInt32, in message: Int32) -> Int32 {
    var low = self.messages[message].firstSparse
    var high = low + self.messages[message].sparseCount
    while low < high {
      let middle = low + (high - low) / 2
      let found = self.sparseNumbers[middle].number
      if found == number { return self.sparseNumbers[middle].field }
      if found < number { low = middle + 1 } else { high = middle }
    }
    return -1
  }

  /// The index in `enumValues` of a number; -1 if the enum doesn't have it.
  @inline(__always)
  func enumValue(number: Int32, in enumeration: Int32) -> Int32 {
    let first = self.enums[enumeration].firstValue
    let count = self.enums[enumeration].valueCount
    if self.enums[enumeration].isDense {
      let index = Int64(number) - Int64(self.enums[enumeration].firstNumber)
      return index >= 0 && index < Int64(count) ? first &+ Int32(truncatingIfNeeded: index) : -1
    }
    var low = first
    var high = first + count
    while low < high {
      let middle = low + (high - low) / 2
      let found = self.enumValues[middle].number
      if found == number { return middle }
      if found < number { low = middle + 1 } else { high = middle }
    }
    return -1
  }

  /// The number of the enum value with this name; nil if there is none.
  func enumNumber(
    named start: UnsafePointer<UInt8>, count: Int, in enumeration: Int32
  ) -> Int32? {
    let mask = Int(self.enums[enumeration].nameMask)
    let slots = Int(self.enums[enumeration].nameSlots)
    var slot = unsafe Int(truncatingIfNeeded: KeyHash.hash(start, count: count)) & mask
    while true {
      let index = self.slots[slots &+ slot]
      if index < 0 { return nil }
      if Int(self.enumValues[index].quotedNameLength) == count &+ 2,
        unsafe equalBytes(
          start, self.text.pointer(at: Int(self.enumValues[index].quotedName) &+ 1), count: count)
      {
        return self.enumValues[index].number
      }
      slot = (slot &+ 1) & mask
    }
  }

  /// The number of the enum value with this name, prefix omitted; nil if there is none.
  @inline(never)
  func enumNumber(
    shortName start: UnsafePointer<UInt8>, count: Int, in enumeration: Int32
  ) -> Int32? {
    let mask = Int(self.enums[enumeration].shortMask)
    guard mask >= 0 else { return nil }
    let slots = Int(self.enums[enumeration].shortSlots)
    var slot = unsafe Int(truncatingIfNeeded: KeyHash.hash(start, count: count)) & mask
    while true {
      let index = self.slots[slots &+ slot]
      if index < 0 { return nil }
      let prefix = Int(self.enumValues[index].prefixLength)
      if Int(self.enumValues[index].quotedNameLength) &- prefix == count &+ 2,
        unsafe equalBytes(
          start, self.text.pointer(at: Int(self.enumValues[index].quotedName) &+ 1 &+ prefix),
          count: count)
      {
        return self.enumValues[index].number
      }
      slot = (slot &+ 1) & mask
    }
  }

  /// The index of the message with this full name; -1 if the schema has none.
  func message(named start: UnsafePointer<UInt8>, count: Int) -> Int32 {
    let mask = self.typeMask
    var slot = unsafe Int(truncatingIfNeeded: KeyHash.hash(start, count: count)) & mask
    while true {
      let index = self.slots[self.typeSlots &+ slot]
      if index < 0 { return -1 }
      if Int(self.messages[index].nameLength) == count,
        unsafe equalBytes(
          start, self.text.pointer(at: Int(self.messages[index].name)), count: count)
      {
        return index
      }
      slot = (slot &+ 1) & mask
    }
  }

  /// The JSON name of a field of `fields`, for error messages.
  func jsonName(of field: Int32) -> String {
    self.string(
      at: Int(self.fields[field].jsonName), count: Int(self.fields[field].jsonNameLength))
  }

  /// The proto name of a field of `fields`, for error messages.
  func protoName(of field: Int32) -> String {
    self.string(
      at: Int(self.fields[field].protoName), count: Int(self.fields[field].protoNameLength))
  }

  /// The full name of a message, for error messages.
  func name(ofMessage message: Int32) -> String {
    self.string(at: Int(self.messages[message].name), count: Int(self.messages[message].nameLength))
  }

  private func string(at start: Int, count: Int) -> String {
    let bytes = unsafe UnsafeBufferPointer(start: self.text.pointer(at: start), count: count)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}
