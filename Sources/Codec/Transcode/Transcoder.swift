/// Transcodes messages by their plans: JSON to wire and wire to JSON.
///
/// Keeps the interpreters' state between messages (frame stacks, scratch), so that a call allocates
/// nothing in the steady state. Not Sendable: one per event loop.
///
/// The interpreters are behind pointers rather than stored properties: every access to a class's
/// stored property is checked for exclusivity at run time, which took an eighth of the time of a
/// small message (`bench-codec --loop echo:encode` in a profile). The check could never fail: a
/// call borrows its interpreter from beginning to end and calls nothing that knows the transcoder.
@safe
package final class Transcoder {
  /// Scratch memory beyond this size is released after the message that needed it.
  package static let keptByteCount = 256 << 10

  private let encoder: UnsafeMutablePointer<JSONToWire>
  private let decoder: UnsafeMutablePointer<WireToJSON>

  package init() {
    let plan = PlanCompiler.compile(messages: [], enums: [])
    unsafe self.encoder = .allocate(capacity: 1)
    unsafe self.encoder.initialize(to: JSONToWire(plan: plan))
    unsafe self.decoder = .allocate(capacity: 1)
    unsafe self.decoder.initialize(to: WireToJSON(plan: plan))
  }

  deinit {
    unsafe self.encoder.deinitialize(count: 1)
    unsafe self.encoder.deallocate()
    unsafe self.decoder.deinitialize(count: 1)
    unsafe self.decoder.deallocate()
  }

  /// Appends the wire form of a request message to `sink`.
  ///
  /// - Parameters:
  ///   - body: the HTTP body; empty bytes mean that there is none.
  ///   - rule: the part of the message that is the body.
  ///   - bindings: values from the path and the query; path variables override the body.
  /// - Throws: with a byte offset into `body` for an error there, without one for an error in a
  ///   binding. What was appended until then is removed.
  package func encode(
    _ body: RawSpan, rule: BodyRule, as message: MessageIndex, of schema: Schema,
    bindings: borrowing Bindings, options: EncodeOptions, into sink: inout ByteSink
  ) throws(CodecError) {
    let start = sink.count
    unsafe swap(&self.encoder.pointee.sink, &sink)
    var error: CodecError?
    unsafe body.withUnsafeBytes { bytes in
      error = unsafe self.encoder.pointee.run(
        bytes, rule: rule, as: message.rawValue, by: schema.plan, bindings: bindings,
        options: options)
    }
    unsafe swap(&self.encoder.pointee.sink, &sink)
    if let error {
      sink.truncate(to: start)
      throw error
    }
  }

  /// Appends the wire form of a request message whose body isn't JSON but a google.api.HttpBody:
  /// the message itself or the field named by the rule. Otherwise like the other `encode`.
  ///
  /// - Parameter contentType: that of the body, UTF-8; empty if it has none.
  package func encode(
    httpBody body: RawSpan, contentType: RawSpan, rule: BodyRule, as message: MessageIndex,
    of schema: Schema, bindings: borrowing Bindings, options: EncodeOptions,
    into sink: inout ByteSink
  ) throws(CodecError) {
    let start = sink.count
    unsafe swap(&self.encoder.pointee.sink, &sink)
    var error: CodecError?
    unsafe contentType.withUnsafeBytes { type in
      unsafe body.withUnsafeBytes { bytes in
        error = unsafe self.encoder.pointee.run(
          bytes, rule: rule, as: message.rawValue, by: schema.plan, bindings: bindings,
          options: options, contentType: type.assumingMemoryBound(to: UInt8.self))
      }
    }
    unsafe swap(&self.encoder.pointee.sink, &sink)
    if let error {
      sink.truncate(to: start)
      throw error
    }
  }

  /// Appends the JSON form of a response message to `sink`.
  ///
  /// - Parameter responseBody: the top-level field that is the HTTP body; nil for the whole message.
  /// - Throws: with a byte offset into `wire`. What was appended until then is removed.
  package func decode(
    _ wire: RawSpan, as message: MessageIndex, of schema: Schema, responseBody: FieldPath?,
    options: DecodeOptions, into sink: inout ByteSink
  ) throws(CodecError) {
    let start = sink.count
    unsafe swap(&self.decoder.pointee.sink, &sink)
    var error: CodecError?
    unsafe wire.withUnsafeBytes { bytes in
      error = unsafe self.decoder.pointee.run(
        bytes, as: message.rawValue, by: schema.plan, selecting: responseBody?.steps.first,
        options: options)
    }
    unsafe swap(&self.decoder.pointee.sink, &sink)
    if let error {
      sink.truncate(to: start)
      throw error
    }
  }
}
