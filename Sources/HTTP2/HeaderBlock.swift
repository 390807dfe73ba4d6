/// Header fields in their order, in one run of bytes.
///
/// Made for the way between NIOHTTP1 and nghttp2: names and values are appended as bytes and read as
/// ranges, so that a request with twenty fields costs two arrays, not forty strings.
///
/// Public, as few things are here: the compiler inlines and specializes nothing `package` across
/// modules, and this is called for each field.
public struct HeaderBlock: Sendable, Equatable {
  /// One field: where its name and value stand in `bytes`. Names are in lower case.
  public struct Field: Sendable, Equatable {
    /// In `bytes`.
    public var name: Range<Int>
    /// In `bytes`.
    public var value: Range<Int>

    /// A field whose name and value are in a block's bytes.
    @inlinable
    public init(name: Range<Int>, value: Range<Int>) {
      self.name = name
      self.value = value
    }
  }

  /// What `bytes` and `fields` show. Not private, so that appending is specialized where it's used.
  @usableFromInline var text: [UInt8] = []
  @usableFromInline var places: [Field] = []

  /// Names and values, in the order of `fields`.
  @inlinable public var bytes: [UInt8] { self.text }
  /// In their order.
  @inlinable public var fields: [Field] { self.places }

  package init() {}

  /// Whether it has no field.
  @inlinable public var isEmpty: Bool { self.places.isEmpty }

  /// Empties it and keeps the memory.
  @inlinable
  public mutating func removeAll() {
    self.text.removeAll(keepingCapacity: true)
    self.places.removeAll(keepingCapacity: true)
  }

  /// Appends a field. The name is taken as it is: callers give lower case.
  @inlinable
  public mutating func append(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
    let start = self.text.count
    self.text.append(contentsOf: name)
    let middle = self.text.count
    self.text.append(contentsOf: value)
    self.places.append(Field(name: start..<middle, value: middle..<self.text.count))
  }

  /// Appends a field of literals.
  @inlinable
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    unsafe self.append(
      UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount),
      UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
  }

  /// Appends a field with a literal name.
  @inlinable
  public mutating func append(_ name: StaticString, _ value: String) {
    unsafe self.append(
      UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value.utf8)
  }

  /// Appends a field with a literal name.
  @inlinable
  public mutating func append(_ name: StaticString, _ value: ArraySlice<UInt8>) {
    unsafe self.append(
      UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value)
  }

  /// Appends a field whose name has a literal in front.
  @inlinable
  public mutating func append(
    _ prefix: StaticString, _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>
  ) {
    let start = self.text.count
    unsafe self.text.append(
      contentsOf: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
    self.text.append(contentsOf: name)
    let middle = self.text.count
    self.text.append(contentsOf: value)
    self.places.append(Field(name: start..<middle, value: middle..<self.text.count))
  }

  /// Appends a field of two strings.
  @inlinable
  public mutating func append(_ name: String, _ value: String) {
    self.append(name.utf8, value.utf8)
  }

  /// Appends all fields of another block.
  package mutating func append(contentsOf other: HeaderBlock) {
    let shift = self.text.count
    self.text.append(contentsOf: other.bytes)
    for field in other.fields {
      self.places.append(
        Field(
          name: field.name.lowerBound + shift..<field.name.upperBound + shift,
          value: field.value.lowerBound + shift..<field.value.upperBound + shift))
    }
  }

  /// Forgets the fields from this place on, and their bytes.
  package mutating func removeFields(from index: Int) {
    guard index < self.places.count else { return }
    self.text.removeSubrange(self.places[index].name.lowerBound...)
    self.places.removeSubrange(index...)
  }

  /// Forgets the fields in front of this place, and their bytes.
  package mutating func removeFields(before index: Int) {
    guard index > 0 else { return }
    let end = index < self.places.count ? self.places[index].name.lowerBound : self.text.count
    self.text.removeSubrange(..<end)
    self.places.removeSubrange(..<min(index, self.places.count))
    for place in self.places.indices {
      let field = self.places[place]
      self.places[place] = Field(
        name: field.name.lowerBound - end..<field.name.upperBound - end,
        value: field.value.lowerBound - end..<field.value.upperBound - end)
    }
  }

  /// Appends one field of another block.
  @inlinable
  public mutating func append(_ field: Field, of other: HeaderBlock) {
    self.append(other.bytes[field.name], other.bytes[field.value])
  }

  /// Whether the field has this (lower-case) name.
  @inlinable
  public func isNamed(_ name: StaticString, _ field: Field) -> Bool {
    self.isText(name, field.name)
  }

  /// Whether a name or value is this text.
  @inlinable
  public func isText(_ text: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    let start = unsafe text.utf8Start
    let bytes = self.text.span
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
