/// Header fields in their order, in one run of bytes.
///
/// Made for the way between NIOHTTP1 and nghttp2: names and values are appended as bytes and read as
/// ranges, so that a request with twenty fields costs two arrays, not forty strings.
package struct HeaderBlock: Sendable, Equatable {
  /// One field: where its name and value stand in `bytes`. Names are in lower case.
  package struct Field: Sendable, Equatable {
    package var name: Range<Int>
    package var value: Range<Int>
  }

  package private(set) var bytes: [UInt8] = []
  package private(set) var fields: [Field] = []

  package init() {}

  package var isEmpty: Bool { self.fields.isEmpty }

  /// Empties it and keeps the memory.
  package mutating func removeAll() {
    self.bytes.removeAll(keepingCapacity: true)
    self.fields.removeAll(keepingCapacity: true)
  }

  /// Appends a field. The name is taken as it is: callers give lower case.
  package mutating func append(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
    let start = self.bytes.count
    self.bytes.append(contentsOf: name)
    let middle = self.bytes.count
    self.bytes.append(contentsOf: value)
    self.fields.append(Field(name: start..<middle, value: middle..<self.bytes.count))
  }

  /// Appends a field of two strings.
  package mutating func append(_ name: String, _ value: String) {
    self.append(name.utf8, value.utf8)
  }

  /// Appends all fields of another block.
  package mutating func append(contentsOf other: HeaderBlock) {
    let shift = self.bytes.count
    self.bytes.append(contentsOf: other.bytes)
    for field in other.fields {
      self.fields.append(
        Field(
          name: field.name.lowerBound + shift..<field.name.upperBound + shift,
          value: field.value.lowerBound + shift..<field.value.upperBound + shift))
    }
  }

  /// Forgets the fields from this place on, and their bytes.
  package mutating func removeFields(from index: Int) {
    guard index < self.fields.count else { return }
    self.bytes.removeSubrange(self.fields[index].name.lowerBound...)
    self.fields.removeSubrange(index...)
  }

  /// Forgets the fields in front of this place, and their bytes.
  package mutating func removeFields(before index: Int) {
    guard index > 0 else { return }
    let end = index < self.fields.count ? self.fields[index].name.lowerBound : self.bytes.count
    self.bytes.removeSubrange(..<end)
    self.fields.removeSubrange(..<min(index, self.fields.count))
    for place in self.fields.indices {
      let field = self.fields[place]
      self.fields[place] = Field(
        name: field.name.lowerBound - end..<field.name.upperBound - end,
        value: field.value.lowerBound - end..<field.value.upperBound - end)
    }
  }

  /// Appends one field of another block.
  package mutating func append(_ field: Field, of other: HeaderBlock) {
    self.append(other.bytes[field.name], other.bytes[field.value])
  }

  /// Whether the field has this (lower-case) name.
  package func isNamed(_ name: StaticString, _ field: Field) -> Bool {
    self.isText(name, field.name)
  }

  /// Whether a name or value is this text.
  package func isText(_ text: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    let start = unsafe text.utf8Start
    let bytes = self.bytes.span
    // From the end: names of the same length mostly begin alike (`grpc-…`, `x-…`).
    var index = range.count
    while index > 0 {
      index &-= 1
      if unsafe bytes[range.lowerBound &+ index] != start[index] { return false }
    }
    return true
  }

  package func name(of field: Field) -> String {
    String(decoding: self.bytes[field.name], as: UTF8.self)
  }

  package func value(of field: Field) -> String {
    String(decoding: self.bytes[field.value], as: UTF8.self)
  }

  /// The first value of this (lower-case) name.
  package func first(_ name: String) -> String? {
    for field in self.fields where self.bytes[field.name].elementsEqual(name.utf8) {
      return self.value(of: field)
    }
    return nil
  }
}
