/// Header fields in order, stored in one contiguous array of bytes.
///
/// Designed for the conversion between NIOHTTP1 and nghttp2: names and values are appended as bytes
/// and read as ranges, so that a request with twenty fields costs two arrays, not forty strings.
///
/// Public, unlike most of this module: the compiler doesn't inline or specialize `package`
/// declarations across modules, and this is called for each field.
public struct HeaderBlock: Sendable, Equatable {
  /// A field: the ranges of its name and value in `bytes`. Names are in lower case.
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

  /// The storage of `bytes` and `fields`. Not private, so that callers can specialize `append`.
  @usableFromInline var byteStorage: [UInt8] = []
  @usableFromInline var fieldStorage: [Field] = []

  /// Names and values, in the order of `fields`.
  @inlinable public var bytes: [UInt8] { self.byteStorage }
  /// The fields, in order.
  @inlinable public var fields: [Field] { self.fieldStorage }

  package init() {}

  /// Whether it has no field.
  @inlinable public var isEmpty: Bool { self.fieldStorage.isEmpty }

  /// Empties it and keeps the memory.
  @inlinable
  public mutating func removeAll() {
    // Removing nothing isn't free.
    guard !self.byteStorage.isEmpty else { return }
    self.byteStorage.removeAll(keepingCapacity: true)
    self.fieldStorage.removeAll(keepingCapacity: true)
  }

  /// Allocates memory for the fields of an ordinary head, before the first one: growing from nothing would
  /// take four allocations an array.
  @inlinable
  mutating func makeRoom() {
    if self.byteStorage.capacity == 0 { self.allocate() }
  }

  @usableFromInline
  mutating func allocate() {
    self.byteStorage.reserveCapacity(256)
    self.fieldStorage.reserveCapacity(8)
  }

  /// Appends a field. The name must be in lower case.
  @inlinable
  public mutating func append(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>) {
    self.makeRoom()
    let start = self.byteStorage.count
    self.byteStorage.append(contentsOf: name)
    let middle = self.byteStorage.count
    self.byteStorage.append(contentsOf: value)
    self.fieldStorage.append(Field(name: start..<middle, value: middle..<self.byteStorage.count))
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

  /// Appends a field whose name begins with a literal.
  @inlinable
  public mutating func append(
    _ prefix: StaticString, _ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>
  ) {
    self.makeRoom()
    let start = self.byteStorage.count
    unsafe self.byteStorage.append(
      contentsOf: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
    self.byteStorage.append(contentsOf: name)
    let middle = self.byteStorage.count
    self.byteStorage.append(contentsOf: value)
    self.fieldStorage.append(Field(name: start..<middle, value: middle..<self.byteStorage.count))
  }

  /// Appends a field of two strings.
  @inlinable
  public mutating func append(_ name: String, _ value: String) {
    self.append(name.utf8, value.utf8)
  }

  /// Appends all fields of another block.
  package mutating func append(contentsOf other: HeaderBlock) {
    guard !other.isEmpty else { return }
    self.makeRoom()
    let shift = self.byteStorage.count
    self.byteStorage.append(contentsOf: other.byteStorage)
    guard shift > 0 else {
      self.fieldStorage.append(contentsOf: other.fieldStorage)
      return
    }
    for field in other.fieldStorage {
      self.fieldStorage.append(
        Field(
          name: field.name.lowerBound + shift..<field.name.upperBound + shift,
          value: field.value.lowerBound + shift..<field.value.upperBound + shift))
    }
  }

  /// Removes the fields from this index on, and their bytes.
  package mutating func removeFields(from index: Int) {
    guard index < self.fieldStorage.count else { return }
    self.byteStorage.removeSubrange(self.fieldStorage[index].name.lowerBound...)
    self.fieldStorage.removeSubrange(index...)
  }

  /// Removes the fields before this index, and their bytes.
  package mutating func removeFields(before index: Int) {
    guard index > 0 else { return }
    let end =
      index < self.fieldStorage.count
      ? self.fieldStorage[index].name.lowerBound : self.byteStorage.count
    self.byteStorage.removeSubrange(..<end)
    self.fieldStorage.removeSubrange(..<min(index, self.fieldStorage.count))
    for index in self.fieldStorage.indices {
      let field = self.fieldStorage[index]
      self.fieldStorage[index] = Field(
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
    range.count == text.utf8CodeUnitCount && self.hasPrefix(text, range)
  }

  /// Whether a name or value begins with this text.
  @inlinable
  public func hasPrefix(_ text: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count >= text.utf8CodeUnitCount else { return false }
    let start = unsafe text.utf8Start
    let bytes = self.byteStorage.span
    // From the end: names of the same length often share a prefix (`grpc-…`, `x-…`).
    var index = text.utf8CodeUnitCount
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
