internal import Codec

/// An input of the codec's targets: four bytes of options, then a text or a message.
///
///     0  the message type, as an index in `FuzzSchema.messages`; the first if out of range
///     1  how requests are read (`encodeOptions`, `rule`); bit 7 is used by the target
///     2  how responses are written (`decodeOptions`); bit 7: only one field is the body
///     3  the field that is the body, as an index; from 128 on the first field within it
///
/// If the body isn't the whole message, it is preceded by a line with values of path and query, in
/// the form of a query, but without percent-encoding: `/a_string=x&manyInt32=1&manyInt32=2`. A name
/// after a `/` is that of a path variable.
struct CodecInput {
  let schema = FuzzSchema.shared.schema
  let message: MessageIndex
  var encodeOptions = EncodeOptions()
  var decodeOptions = DecodeOptions()
  /// Bit 7 of the second byte.
  let isFlagged: Bool
  /// The field chosen by the fourth byte, if a path can name it.
  private(set) var field: FieldPath?
  private(set) var rule = BodyRule.whole
  private(set) var bindings = Bindings()
  private(set) var responseBody: FieldPath?
  private(set) var payload: ArraySlice<UInt8>

  /// Deeper than any input that libFuzzer may generate.
  static let noDepthLimit = 1 << 20

  init(_ input: [UInt8], readsBindings: Bool) {
    let head = (0..<4).map { $0 < input.count ? input[$0] : 0 }
    let messages = FuzzSchema.shared.messages
    self.message = messages[Int(head[0]) < messages.count ? Int(head[0]) : 0]
    self.payload = input.dropFirst(4)
    self.isFlagged = head[1] & 128 != 0
    self.encodeOptions.ignoresUnknownFields = head[1] & 1 != 0
    self.encodeOptions.ignoresUnknownParameters = head[1] & 2 != 0
    self.encodeOptions.ignoresUnknownEnums = self.encodeOptions.ignoresUnknownFields
    self.encodeOptions.depthLimit = Self.depthLimit(head[1] >> 2)
    if head[1] & 64 != 0 { self.encodeOptions.messageByteLimit = 64 }
    self.decodeOptions.alwaysPrintsDefaults = head[2] & 1 != 0
    self.decodeOptions.printsInt64AsNumber = head[2] & 2 != 0
    self.decodeOptions.enumStyle = head[2] & 4 != 0 ? .number : .name
    // There is no bit left: the third style is chosen by two of the others together.
    if head[2] & 12 == 12 { self.decodeOptions.enumStyle = .shortName }
    self.encodeOptions.acceptsShortEnumNames = self.decodeOptions.enumStyle == .shortName
    self.decodeOptions.usesProtoNames = head[2] & 8 != 0
    self.decodeOptions.printsUnknownAnyAsBase64 = head[2] & 16 != 0
    self.encodeOptions.acceptsUnknownAnyAsBase64 = self.decodeOptions.printsUnknownAnyAsBase64
    self.decodeOptions.depthLimit = Self.depthLimit(head[2] >> 5)
    self.field = self.path(head[3])
    if head[2] & 128 != 0, head[3] < 128 { self.responseBody = self.field }
    switch head[1] >> 4 & 3 {
    case 1:
      if let field = self.field { self.rule = .field(field) }
    case 2: self.rule = .none
    default: break
    }
    if readsBindings, head[1] >> 4 & 3 != 0 { self.readBindings() }
  }

  private static func depthLimit(_ bits: UInt8) -> Int {
    switch bits & 3 {
    case 0: 100
    case 1: 3
    case 2: 10
    default: 1000
    }
  }

  private func path(_ choice: UInt8) -> FieldPath? {
    let fields = self.schema[self.message].fields
    guard !fields.isEmpty else { return nil }
    let field = fields[Int(choice & 127) % fields.count]
    var name = field.name
    if choice >= 128, let inner = field.type.messageIndex,
      let first = self.schema[inner].fields.first
    {
      name += ".\(first.name)"
    }
    // An extension's name has dots of its own: no rule can name it.
    return try? self.schema.fieldPath(name, in: self.message)
  }

  private mutating func readBindings() {
    let line = self.payload.prefix { $0 != UInt8(ascii: "\n") }
    self.payload = self.payload.dropFirst(line.count + 1)
    for binding in line.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true) {
      let name = binding.prefix { $0 != UInt8(ascii: "=") }
      let value = ExactBytes(binding.dropFirst(name.count + 1))
      if name.first == UInt8(ascii: "/") {
        let text = String(decoding: name.dropFirst(), as: UTF8.self)
        guard let path = try? self.schema.pathVariable(text, in: self.message) else { continue }
        self.bindings.addVariable(path, value: value.span)
      } else {
        let exactName = ExactBytes(name)
        self.bindings.addParameter(name: exactName.span, value: value.span)
      }
    }
  }
}
