/// Runs plans over bytes: JSON to wire and wire to JSON.
///
/// Holds what an interpreter needs between messages (frame stacks, scratch), so that a call
/// allocates nothing in the steady state. Not Sendable: one per event loop.
@safe
package final class Transcoder {
  private var encoder: JSONToWire
  private var decoder: WireToJSON
  /// Something to point at where the caller's bytes have no address.
  private let nothing: UnsafeMutablePointer<UInt8>

  package init() {
    let nothing = UnsafeMutablePointer<UInt8>.allocate(capacity: 1)
    unsafe nothing.initialize(to: 0)
    unsafe self.nothing = nothing
    let plan = PlanCompiler.compile(messages: [], enums: [])
    self.encoder = unsafe JSONToWire(plan: plan, start: nothing)
    self.decoder = unsafe WireToJSON(plan: plan, start: nothing)
  }

  deinit {
    unsafe self.nothing.deallocate()
  }

  /// Appends the wire form of a request message to `sink`.
  ///
  /// - Parameters:
  ///   - body: the HTTP body; empty bytes mean that there is none.
  ///   - rule: what of the message the body is.
  ///   - bindings: values from the path and the query; path variables win over the body.
  /// - Throws: with a byte offset into `body` where the fault is there, without one where it's in a
  ///   binding. What was appended until then is taken back.
  package func encode(
    _ body: RawSpan, rule: BodyRule, as message: MessageIndex, of schema: Schema,
    bindings: borrowing Bindings, options: EncodeOptions, into sink: inout ByteSink
  ) throws(CodecError) {
    let start = sink.count
    swap(&self.encoder.sink, &sink)
    defer { swap(&self.encoder.sink, &sink) }
    if self.encoder.plan !== schema.plan { self.encoder.plan = schema.plan }
    self.encoder.options = options
    // The reader views the body only within the closure; what it's left with is never read.
    var fault: CodecError?
    unsafe body.withUnsafeBytes { bytes in
      let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      self.encoder.reader = unsafe JSONReader(
        start: start ?? UnsafePointer(self.nothing), count: bytes.count)
      do throws(CodecError) {
        try self.encoder.encode(rule: rule, message: message.rawValue, bindings: bindings)
      } catch {
        fault = error
      }
    }
    self.encoder.reader = unsafe JSONReader(start: UnsafePointer(self.nothing), count: 0)
    if let fault {
      self.encoder.sink.truncate(to: start)
      throw fault
    }
  }

  /// Appends the JSON form of a reply message to `sink`.
  ///
  /// - Parameter responseBody: the top-level field that is the HTTP body; nil for the whole message.
  /// - Throws: with a byte offset into `wire`. What was appended until then is taken back.
  package func decode(
    _ wire: RawSpan, as message: MessageIndex, of schema: Schema, responseBody: FieldPath?,
    options: DecodeOptions, into sink: inout ByteSink
  ) throws(CodecError) {
    let start = sink.count
    swap(&self.decoder.sink, &sink)
    defer { swap(&self.decoder.sink, &sink) }
    if self.decoder.plan !== schema.plan { self.decoder.plan = schema.plan }
    self.decoder.options = options
    var fault: CodecError?
    unsafe wire.withUnsafeBytes { bytes in
      let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
      do throws(CodecError) {
        unsafe try self.decoder.decode(
          start ?? UnsafePointer(self.nothing), count: bytes.count, message: message.rawValue,
          selecting: responseBody?.steps.first)
      } catch {
        fault = error
      }
    }
    if let fault {
      self.decoder.sink.truncate(to: start)
      throw fault
    }
  }
}
