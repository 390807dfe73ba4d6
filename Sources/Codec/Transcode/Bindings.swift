/// Field values of a request message that come from the path and the query.
///
/// Kept by its owner and emptied between requests, so that it allocates nothing in the steady state.
package struct Bindings: Sendable {
  struct Variable {
    var path: FieldPath
    var value: Range<Int>
  }
  struct Parameter {
    var name: Range<Int>
    var value: Range<Int>
  }
  private(set) var bytes: [UInt8] = []
  private(set) var variables: [Variable] = []
  private(set) var parameters: [Parameter] = []

  package init() {}

  package var isEmpty: Bool { self.variables.isEmpty && self.parameters.isEmpty }

  package mutating func removeAll() {
    self.bytes.removeAll(keepingCapacity: true)
    self.variables.removeAll(keepingCapacity: true)
    self.parameters.removeAll(keepingCapacity: true)
  }

  /// Adds a path variable; its value is already percent-decoded.
  package mutating func addVariable(_ path: FieldPath, value: RawSpan) {
    self.variables.append(Variable(path: path, value: self.store(value)))
  }

  /// Adds a query parameter; name and value are already percent-decoded. The name is resolved
  /// against the message when the request is encoded.
  package mutating func addParameter(name: RawSpan, value: RawSpan) {
    let name = self.store(name)
    self.parameters.append(Parameter(name: name, value: self.store(value)))
  }

  private mutating func store(_ span: RawSpan) -> Range<Int> {
    let start = self.bytes.count
    for index in 0..<span.byteCount { self.bytes.append(span[index]) }
    return start..<self.bytes.count
  }
}
