/// A table that is filled once and then only read, by any thread.
///
/// A Swift array in a class costs reference counting and an exclusivity check at each use, and the
/// interpreters read several such tables per field. This is a pointer and a count, checked at every
/// subscript. It doesn't own its memory: `Plan` does, and outlives every use.
///
/// `@unchecked Sendable`: nothing writes to the memory after `init(copying:)` has returned.
@safe
struct FrozenTable<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  private let base: UnsafePointer<Element>
  let count: Int

  /// Copies `elements` into new memory, followed by the elements of `padding`, which may be loaded
  /// but aren't part of the table.
  init(copying elements: [Element], padding: [Element] = []) {
    let memory = UnsafeMutablePointer<Element>.allocate(
      capacity: max(1, elements.count + padding.count))
    for (index, element) in elements.enumerated() {
      unsafe (memory + index).initialize(to: element)
    }
    for (index, element) in padding.enumerated() {
      unsafe (memory + elements.count + index).initialize(to: element)
    }
    unsafe self.base = UnsafePointer(memory)
    self.count = elements.count
  }

  /// Frees the memory. Only the owner may call this, and only once.
  func deallocate() {
    unsafe self.base.deallocate()
  }

  /// The element at `index`, read in place.
  @inline(__always)
  subscript(index: Int) -> Element {
    unsafeAddress {
      precondition(index >= 0 && index < self.count, "index outside of the table")
      return unsafe self.base + index
    }
  }

  /// The element at `index`, read in place.
  @inline(__always)
  subscript(index: Int32) -> Element {
    unsafeAddress {
      precondition(index >= 0 && Int(index) < self.count, "index outside of the table")
      return unsafe self.base + Int(index)
    }
  }

  /// A reference to the element at `index`, for several reads with one bounds check.
  @inline(__always)
  func reference(to index: Int32) -> FrozenReference<Element> {
    precondition(index >= 0 && Int(index) < self.count, "index outside of the table")
    return unsafe FrozenReference(self.base + Int(index))
  }

  /// The address of the element at `index`; reads must stay within the table and its padding.
  @inline(__always)
  func pointer(at index: Int) -> UnsafePointer<Element> {
    assert(index >= 0 && index <= self.count)
    return unsafe self.base + index
  }
}

/// An element of a `FrozenTable`, read in place. Valid for as long as the table is.
@safe
struct FrozenReference<Element: BitwiseCopyable & Sendable> {
  private let pointer: UnsafePointer<Element>

  @inline(__always)
  init(_ pointer: UnsafePointer<Element>) {
    unsafe self.pointer = pointer
  }

  @inline(__always)
  var value: Element {
    unsafeAddress { unsafe self.pointer }
  }
}
