/// Options and checks for fields that more than one of path, query and body sets.
extension JSONToWire {
  /// Whether a parameter that isn't a field of the message is ignored.
  func ignores(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    if self.options.ignoresUnknownParameters { return true }
    next: for index in 0..<self.options.ignoredParameters.count {
      guard self.options.ignoredParameters[index].count == name.count else { continue }
      for ordinal in 0..<name.count
      where unsafe self.options.ignoredParameters[index][ordinal] != name[ordinal] {
        continue next
      }
      return true
    }
    return false
  }

  /// Rejects a parameter for a oneof of which the body has set another member.
  ///
  /// - Parameter body: the path of the field that is the body.
  func refuseRival(of body: [Int32]) throws(CodecError) {
    let steps = self.claimed.open
    for depth in 0..<min(steps.count, body.count) {
      if steps[depth] == body[depth] { continue }
      let oneof = self.plan.fields[steps[depth]].oneof
      guard oneof >= 0, self.plan.fields[body[depth]].oneof == oneof else { return }
      throw CodecError(
        .oneofConflict,
        reason: "\"\(self.plan.protoName(of: body[depth]))\" of the same oneof is set by the body; "
          + "only one may be")
    }
  }

  /// Rejects a body that sets another member of a oneof of which the path sets a member.
  func refusePathRivals(of bindings: borrowing Bindings) throws(CodecError) {
    if self.bodyBytes.isEmpty { return }
    for index in 0..<bindings.variables.count where bindings.variables[index].path.hasOneof {
      let path = bindings.variables[index].path
      guard let rival = self.bodyRival(of: path.steps) else { continue }
      throw CodecError(
        .oneofConflict, path: self.name(of: rival),
        reason: "the path sets \"\(path.errorText(usesProtoNames: self.options.usesProtoNames))\" "
          + "of the same oneof; leave this field out of the body")
    }
  }

  /// Rejects a body that sets a field that the path sets as well. The body has already been
  /// written; a field without presence that has its default value left no trace there, and isn't found.
  func refusePathFields(of bindings: borrowing Bindings) throws(CodecError) {
    for index in 0..<bindings.variables.count {
      let path = bindings.variables[index].path
      guard self.hasField(path.steps) else { continue }
      throw CodecError(
        .invalidParameter, path: path.errorText(usesProtoNames: self.options.usesProtoNames),
        reason: "the path sets this field already; leave it out of the body")
    }
  }

  /// Whether the body has written the field at the end of a path of singular messages.
  private func hasField(_ steps: [Int32]) -> Bool {
    var isFound = false
    self.followBody(steps) { depth, field in
      if field == steps[depth], depth == steps.count - 1 { isFound = true }
      return isFound
    }
    return isFound
  }

  /// A member that the body has written of a oneof along a path, other than the path's; nil if none.
  func bodyRival(of steps: [Int32]) -> Int32? {
    var rival: Int32?
    self.followBody(steps) { depth, field in
      let oneof = self.plan.fields[steps[depth]].oneof
      if oneof >= 0, field != steps[depth], self.plan.fields[field].oneof == oneof { rival = field }
      return rival != nil
    }
    return rival
  }

  /// Visits the fields that the body has written along a path of singular messages. Each message on
  /// the path occurs once, because the interpreter writes it so.
  ///
  /// - Parameter isDone: receives the depth of a field and its index in `Plan.fields`; true ends
  ///   the walk.
  private func followBody(_ steps: [Int32], _ isDone: (Int, Int32) -> Bool) {
    var reader = unsafe WireReader(
      start: self.sink.base, position: self.bodyBytes.lowerBound, limit: self.bodyBytes.upperBound)
    var message = self.plan.message(of: steps[0])
    var depth = 0
    do throws(CodecError) {
      while reader.position < reader.limit {
        let tag = try reader.tag()
        let ordinal = self.plan.field(number: tag >> 3, in: message)
        if ordinal >= 0 {
          let field = self.plan.messages[message].firstField + ordinal
          if isDone(depth, field) { return }
          if field == steps[depth], depth + 1 < steps.count {
            let start = reader.position
            let end = try reader.contentEnd(skipping: tag, depthLimit: self.options.depthLimit)
            reader.position = start
            if tag & 7 == UInt32(WireType.lengthDelimited.rawValue) { _ = try reader.length() }
            unsafe reader = WireReader(
              start: self.sink.base, position: reader.position, limit: end)
            message = self.plan.fields[field].type
            depth += 1
            continue
          }
        }
        try reader.skip(tag: tag, depthLimit: self.options.depthLimit)
      }
    } catch {
      assertionFailure("the interpreter writes what it can read: \(error)")
    }
  }
}
