internal import CYAML

/// The events of a YAML text (YAML 1.2.2 §3.1.2), in order: libyaml's parser, which no other file imports.
///
/// libyaml leaves aliases to its caller, so a text can't expand: each byte causes a bounded amount of work.
@safe
struct YAMLEvents: ~Copyable {
  /// A part of the text's structure. Ends of lists and mappings match their starts.
  struct Event {
    enum Kind {
      case documentStart
      case documentEnd
      /// Text; `isPlain`: unquoted and no block scalar.
      case scalar(String, isPlain: Bool)
      case listStart
      case listEnd
      case mappingStart
      case mappingEnd
      case alias
      /// The end of the text.
      case end
    }

    var kind: Kind
    /// Its first character.
    var location: TextLocation
    /// Whether it has an anchor or a tag.
    var hasProperties = false
  }

  /// At a fixed address: libyaml stores pointers into it.
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  /// The text, which the parser reads as it goes.
  private let bytes: UnsafeMutableBufferPointer<UInt8>
  private let isReady: Bool

  /// Starts at the beginning of a text.
  init(_ text: String) {
    let utf8 = Array(text.utf8)
    unsafe self.bytes = .allocate(capacity: utf8.count)
    _ = unsafe self.bytes.initialize(fromContentsOf: utf8)
    unsafe self.parser = .allocate(capacity: 1)
    unsafe self.parser.initialize(to: yaml_parser_t())
    self.isReady = unsafe yaml_parser_initialize(self.parser) == 1
    if self.isReady {
      unsafe yaml_parser_set_input_string(self.parser, self.bytes.baseAddress, self.bytes.count)
    }
  }

  deinit {
    if self.isReady { unsafe yaml_parser_delete(self.parser) }
    unsafe self.parser.deallocate()
    unsafe self.bytes.deallocate()
  }

  /// The next event. Must not be called after `end` or an error.
  ///
  /// - Throws: at the first syntax error.
  mutating func next() throws(YAMLError) -> Event {
    guard self.isReady else { throw YAMLError(nil, "can't be parsed: out of memory") }
    while true {
      var event = unsafe yaml_event_t()
      guard unsafe yaml_parser_parse(self.parser, &event) == 1 else { throw self.syntaxError }
      defer { unsafe yaml_event_delete(&event) }
      if let known = unsafe Self.event(event) { return known }
    }
  }

  /// Nil for events without a meaning here: the start of the stream.
  private static func event(_ event: yaml_event_t) -> Event? {
    let location = unsafe Self.location(event.start_mark)
    switch unsafe event.type {
    case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, location: location)
    case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, location: location)
    case YAML_SEQUENCE_END_EVENT: return Event(kind: .listEnd, location: location)
    case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, location: location)
    case YAML_ALIAS_EVENT: return Event(kind: .alias, location: location)
    case YAML_STREAM_END_EVENT: return Event(kind: .end, location: location)
    case YAML_SEQUENCE_START_EVENT:
      let list = unsafe event.data.sequence_start
      return Event(
        kind: .listStart, location: location,
        hasProperties: unsafe list.anchor != nil || list.tag != nil)
    case YAML_MAPPING_START_EVENT:
      let mapping = unsafe event.data.mapping_start
      return Event(
        kind: .mappingStart, location: location,
        hasProperties: unsafe mapping.anchor != nil || mapping.tag != nil)
    case YAML_SCALAR_EVENT:
      let scalar = unsafe event.data.scalar
      let text = unsafe String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      return Event(
        kind: .scalar(text, isPlain: unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE),
        location: location,
        hasProperties: unsafe scalar.anchor != nil || scalar.tag != nil)
    default: return nil
    }
  }

  /// The error at which the parser has stopped.
  private var syntaxError: YAMLError {
    let parser = unsafe self.parser.pointee
    guard unsafe parser.error != YAML_MEMORY_ERROR, let problem = unsafe parser.problem else {
      return YAMLError(nil, "can't be parsed: out of memory")
    }
    let text = unsafe String(cString: problem)
    if unsafe parser.error == YAML_READER_ERROR {
      return YAMLError(
        syntax: text, at: self.location(ofByte: unsafe parser.problem_offset), context: nil)
    }
    let context = unsafe parser.context.map { unsafe String(cString: $0) }
    let line = unsafe Self.location(parser.context_mark).line
    return YAMLError(
      syntax: text, at: unsafe Self.location(parser.problem_mark),
      context: context.map { ($0, line) })
  }

  /// libyaml counts from 0, columns in characters.
  private static func location(_ mark: yaml_mark_t) -> TextLocation {
    TextLocation(line: mark.line + 1, column: mark.column + 1)
  }

  private func location(ofByte offset: Int) -> TextLocation {
    var location = TextLocation(line: 1, column: 1)
    for index in unsafe 0..<min(offset, self.bytes.count) {
      let byte = unsafe self.bytes[index]
      if byte == UInt8(ascii: "\n") {
        location = TextLocation(line: location.line + 1, column: 1)
      } else if byte & 0xC0 != 0x80 {
        location.column += 1
      }
    }
    return location
  }
}
