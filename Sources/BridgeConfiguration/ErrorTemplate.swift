package import Codec
package import GRPCWire
internal import HTTPFields

/// A template for error bodies in a service's own format, for clients that predate the bridge.
///
/// Compiled once, at load, into literal bytes and placeholders. The output is valid JSON on one line for
/// all values: a value appears either in the position of a JSON value, or escaped inside a string.
///
///     {"errcode": "${code}", "errmsg": "${rpc}: ${message}"}
///     {"errcode":5,"errmsg":"a.B/Get: no such \"thing\""}
package struct ErrorTemplate: Sendable, Equatable {
  /// The names allowed in `${…}`.
  package enum Placeholder: String, Sendable, CaseIterable {
    /// The number of the gRPC code.
    case code
    /// `NOT_FOUND`.
    case codeName = "code_name"
    /// The number of the HTTP status.
    case httpStatus = "http_status"
    case message
    /// Of google.rpc.ErrorInfo; null if the endpoint's error has none.
    case reason
    case domain
    /// The path of the first invalid field; null if the error isn't about one.
    case field
    /// An array of messages.
    case details
    case requestID = "request_id"
    /// `package.Service/Method`; null if no route matched.
    case rpc
    /// The service's name in the configuration.
    case service
  }

  enum Piece: Sendable, Equatable {
    case literal([UInt8])
    /// A JSON value: a number, a string, an array or null.
    case value(Placeholder)
    /// The value inside a string; null is the empty text.
    case text(Placeholder)
  }

  let pieces: [Piece]

  /// Whether the template contains any of these.
  package func uses(_ placeholders: Placeholder...) -> Bool {
    self.pieces.contains { piece in
      switch piece {
      case .literal: false
      case .value(let placeholder), .text(let placeholder): placeholders.contains(placeholder)
      }
    }
  }

  /// Appends the JSON of an error.
  package func write(_ values: ErrorValues, to sink: inout ByteSink) {
    for piece in self.pieces {
      switch piece {
      case .literal(let bytes): unsafe sink.append(bytes.span.bytes)
      case .value(let placeholder): values.append(valueOf: placeholder, to: &sink)
      case .text(let placeholder): values.append(textOf: placeholder, to: &sink)
      }
    }
  }
}

/// The values of a template's placeholders for one error.
package struct ErrorValues {
  var code: GRPCStatus.Code
  var httpStatus: Int
  var message: String
  package var summary = StatusSummary()
  /// A JSON array.
  package var details = Array("[]".utf8)
  var requestID: [UInt8] = []
  var rpc: String?
  var service = ""

  /// - Parameter requestID: printable ASCII.
  package init(
    code: GRPCStatus.Code, httpStatus: Int, message: String, requestID: [UInt8] = [],
    rpc: String? = nil, service: String = ""
  ) {
    self.code = code
    self.httpStatus = httpStatus
    self.message = message
    self.requestID = requestID
    self.rpc = rpc
    self.service = service
  }

  fileprivate func append(
    valueOf placeholder: ErrorTemplate.Placeholder, to sink: inout ByteSink
  ) {
    switch placeholder {
    case .code, .httpStatus:
      self.append(textOf: placeholder, to: &sink)
    case .details:
      unsafe sink.append(self.details.span.bytes)
    case .reason where self.summary.reason == nil, .domain where self.summary.domain == nil,
      .field where self.summary.field == nil, .rpc where self.rpc == nil:
      sink.append("null")
    case .codeName, .message, .reason, .domain, .field, .requestID, .rpc, .service:
      sink.append("\"")
      self.append(textOf: placeholder, to: &sink)
      sink.append("\"")
    }
  }

  fileprivate func append(
    textOf placeholder: ErrorTemplate.Placeholder, to sink: inout ByteSink
  ) {
    switch placeholder {
    case .code: sink.append(string: String(self.code.rawValue))
    case .codeName: sink.append(string: self.code.name)
    case .httpStatus: sink.append(string: String(self.httpStatus))
    case .message: JSONText.append(escaped: self.message.utf8, to: &sink)
    case .reason: JSONText.append(escaped: (self.summary.reason ?? "").utf8, to: &sink)
    case .domain: JSONText.append(escaped: (self.summary.domain ?? "").utf8, to: &sink)
    case .field: JSONText.append(escaped: (self.summary.field ?? "").utf8, to: &sink)
    case .details: JSONText.append(escaped: self.details, to: &sink)
    case .requestID: JSONText.append(escaped: self.requestID, to: &sink)
    case .rpc: JSONText.append(escaped: (self.rpc ?? "").utf8, to: &sink)
    case .service: JSONText.append(escaped: self.service.utf8, to: &sink)
    }
  }
}

// MARK: - Compiling

extension ErrorTemplate {
  /// Builds a template in text order.
  struct Builder {
    private var pieces: [Piece] = []
    private var literal: [UInt8] = []

    init() {}

    /// Appends punctuation, a number or a JSON literal.
    mutating func append(literal text: String) {
      self.literal += text.utf8
    }

    /// Appends the key of a member, and the colon.
    mutating func append(key: String) throws(ValueError) {
      guard !key.contains("${") else {
        throw ValueError("keys can't contain placeholders; use one in the value")
      }
      self.append(string: key)
      self.append(literal: ":")
    }

    /// Appends an unquoted scalar: as a JSON literal or number if it is one, otherwise as a string.
    mutating func append(plain text: String) throws(ValueError) {
      switch text {
      case "", "~", "null", "Null", "NULL": self.append(literal: "null")
      case "true", "True", "TRUE": self.append(literal: "true")
      case "false", "False", "FALSE": self.append(literal: "false")
      case _ where Self.isNumber(text): self.append(literal: text)
      case _ where Self.resemblesNumber(text):
        throw ValueError(
          "\(ConfigurationValues.quoted(text)) is not a JSON number; write it as in JSON, or put "
            + "it in quotes")
      default: try self.append(template: text)
      }
    }

    /// Appends a string with placeholders. A single placeholder becomes its value, with its JSON type.
    /// `${name:string}` is always a string, and `$${` yields `${`.
    mutating func append(template text: String) throws(ValueError) {
      let parts = try Self.parts(of: text)
      if parts.count == 1, case .placeholder(let placeholder, isString: false) = parts[0] {
        self.append(.value(placeholder))
        return
      }
      self.append(literal: "\"")
      for part in parts {
        switch part {
        case .text(let text): self.append(escaped: text)
        case .placeholder(let placeholder, _): self.append(.text(placeholder))
        }
      }
      self.append(literal: "\"")
    }

    /// The finished template.
    consuming func build() -> ErrorTemplate {
      var pieces = self.pieces
      if !self.literal.isEmpty { pieces.append(.literal(self.literal)) }
      return ErrorTemplate(pieces: pieces)
    }

    private mutating func append(_ piece: Piece) {
      if !self.literal.isEmpty { self.pieces.append(.literal(self.literal)) }
      self.literal = []
      self.pieces.append(piece)
    }

    private mutating func append(string: String) {
      self.append(literal: "\"")
      self.append(escaped: string)
      self.append(literal: "\"")
    }

    private mutating func append(escaped text: String) {
      var sink = ByteSink()
      JSONText.append(escaped: text.utf8, to: &sink)
      self.literal += sink.array
    }

    private enum Part {
      case text(String)
      case placeholder(Placeholder, isString: Bool)
    }

    private static func parts(of text: String) throws(ValueError) -> [Part] {
      var parts: [Part] = []
      var plain = ""
      var rest = text[...]
      while let next = rest.first {
        if rest.hasPrefix("$${") {
          plain += "${"
          rest = rest.dropFirst(3)
        } else if rest.hasPrefix("${") {
          rest = rest.dropFirst(2)
          guard let end = rest.firstIndex(of: "}") else {
            throw ValueError(
              "\(ConfigurationValues.quoted(text)): a ${ without its }; write $${ for the characters"
            )
          }
          if !plain.isEmpty { parts.append(.text(plain)) }
          plain = ""
          parts.append(try Self.placeholder(rest[..<end]))
          rest = rest[rest.index(after: end)...]
        } else {
          plain.append(next)
          rest = rest.dropFirst()
        }
      }
      if !plain.isEmpty { parts.append(.text(plain)) }
      return parts
    }

    private static func placeholder(_ text: Substring) throws(ValueError) -> Part {
      let suffix = ":string"
      let isString = text.hasSuffix(suffix)
      let name = String(isString ? text.dropLast(suffix.count) : text)
      guard let placeholder = Placeholder(rawValue: name) else {
        let names = Placeholder.allCases.map(\.rawValue)
        let hint =
          SpellingSuggestion.name(to: name, among: names).map { "did you mean ${\($0)}?" }
          ?? "the placeholders are \(names.joined(separator: ", "))"
        throw ValueError("${\(text)} is not a placeholder; \(hint)")
      }
      return .placeholder(placeholder, isString: isString)
    }

    /// RFC 8259 §6.
    private static func isNumber(_ text: String) -> Bool {
      var rest = Array(text.utf8)[...]
      func digits() -> Int {
        let count = rest.prefix(while: ASCII.isDigit).count
        rest = rest.dropFirst(count)
        return count
      }
      if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
      let startsWithZero = rest.first == UInt8(ascii: "0")
      let count = digits()
      guard count == 1 || count > 1 && !startsWithZero else { return false }
      if rest.first == UInt8(ascii: ".") {
        rest = rest.dropFirst()
        guard digits() > 0 else { return false }
      }
      if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
        rest = rest.dropFirst()
        if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
          rest = rest.dropFirst()
        }
        guard digits() > 0 else { return false }
      }
      return rest.isEmpty
    }

    /// Numbers in YAML that aren't in JSON: `007`, `+1`, `0x1F`, `1.`, `.5`.
    private static func resemblesNumber(_ text: String) -> Bool {
      guard let first = text.utf8.first, ASCII.isDigit(first) || "+-.".utf8.contains(first)
      else { return false }
      return Double(text) != nil
    }
  }
}
