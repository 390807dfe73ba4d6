/// What a service may choose about path, query and body that speak of the same fields.
extension JSONToWire {
  /// Whether a parameter that the message doesn't have is passed over.
  func ignores(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    if self.options.ignoresUnknownParameters { return true }
    next: for index in 0..<self.options.ignoredParameters.count {
      guard self.options.ignoredParameters[index].count == name.count else { continue }
      for place in 0..<name.count
      where unsafe self.options.ignoredParameters[index][place] != name[place] {
        continue next
      }
      return true
    }
    return false
  }

  /// Refuses a parameter for another member of a oneof that the body has set one of.
  ///
  /// - Parameter body: the path of the field that is the body.
  func refuseRival(of body: [Int32]) throws(CodecError) {
    let steps = self.claimed.open
    for depth in 0..<min(steps.count, body.count) {
      let step = self.claimed.step(at: steps.lowerBound + depth)
      if step == body[depth] { continue }
      let oneof = self.plan.fields[step].oneof
      guard oneof >= 0, self.plan.fields[body[depth]].oneof == oneof else { return }
      throw CodecError(
        .oneofConflict,
        reason: "\"\(self.plan.protoName(of: body[depth]))\" of the same oneof is set by the body; "
          + "only one may be")
    }
  }

  /// Refuses a body that sets a field which the path sets as well. The body has been written; a field
  /// without presence that holds its default has left no trace there, and isn't found.
  ///
  /// - Parameter start: where the message begins in the sink.
  func refusePathFields(
    of bindings: borrowing Bindings, inBodyFrom start: Int
  ) throws(CodecError) {
    for index in 0..<bindings.variables.count {
      let path = bindings.variables[index].path
      guard self.hasField(path.steps, from: start) else { continue }
      throw CodecError(
        .invalidParameter, path: path.jsonText,
        reason: "the path sets this field already; leave it out of the body")
    }
  }

  /// Whether the message in the sink has a field: a path of singular messages leads to it, which the
  /// interpreter writes once each.
  private func hasField(_ steps: [Int32], from start: Int) -> Bool {
    var reader = unsafe WireReader(
      start: self.sink.base, position: start, limit: self.sink.count)
    var depth = 0
    do throws(CodecError) {
      while reader.position < reader.limit {
        let tag = try reader.tag()
        guard tag == self.plan.fields[steps[depth]].tag else {
          try reader.skip(tag: tag, depthLimit: self.options.depthLimit)
          continue
        }
        depth += 1
        if depth == steps.count { return true }
        let length = try reader.length()
        unsafe reader = WireReader(
          start: self.sink.base, position: reader.position, limit: reader.position + length)
      }
    } catch {
      assertionFailure("the interpreter writes what it can read: \(error)")
    }
    return false
  }
}
