import CReader

/// simdjson over one text: the cost of reading only.
final class Reader {
  private let reader: OpaquePointer
  private let text: UnsafeMutablePointer<UInt8>
  private let count: Int

  init(_ json: [UInt8]) {
    self.reader = CReader_create()
    self.count = json.count
    self.text = .allocate(capacity: json.count + CReader_padding())
    self.text.initialize(repeating: 0x20, count: json.count + CReader_padding())
    self.text.update(from: json, count: json.count)
  }

  deinit {
    CReader_destroy(self.reader)
    self.text.deallocate()
  }

  func read(_ times: Int) throws {
    for _ in 0..<times {
      let sum = CReader_read(self.reader, self.text, self.count)
      if sum.isNaN { throw BenchError.unreadable }
    }
  }

  /// The implementations in use: scanning, then reading of values.
  static var implementation: String {
    "\(String(cString: CReader_implementation()))/\(String(cString: CReader_compiled_for()))"
  }
}
