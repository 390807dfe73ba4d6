/// The top-level declarations of a schema's files, by full name.
///
/// Declarations are identified by name, not by file: projects keep copies of other people's files
/// in folders of their own, and Protobuf identifies messages and extensions by name and number
/// only. Of two equal declarations one is kept. Unequal ones are an error, except in Google's own
/// packages, of which everyone ships a slightly different version: there the first one wins.
struct DeclarationIndex {
  /// How to handle a declaration whose name is already known.
  enum Policy {
    /// It must equal the known one.
    case compare
    /// It is ignored, even if it differs: for the built-in schemas.
    case giveWay
  }

  private enum Declaration {
    case message(MessageDescriptor)
    case enumeration(EnumDescriptor)
    case service(ServiceDescriptor)
    case `extension`(FieldDescriptor)
  }

  private struct Entry {
    var declaration: Declaration
    /// The features that apply unless the declaration overrides them.
    var features: Features
    /// File and source, for error messages.
    var file: String
    var source: String
  }

  private var entries: [String: Entry] = [:]

  /// Adds the declarations of a file, and leaves only the new ones in it.
  ///
  /// - Parameter source: where the file came from, for error messages.
  /// - Throws: if a name is declared in two ways.
  mutating func insert(
    _ file: inout FileDescriptor, source: String, _ policy: Policy
  ) throws(SchemaError) {
    let features = Features(edition: file.edition).applying(file.features)
    let package = file.package
    let origin = file.name
    func isNew(
      _ name: String, _ declaration: Declaration, _ entries: inout [String: Entry]
    ) throws(SchemaError) -> Bool {
      let entry = Entry(
        declaration: declaration, features: features, file: origin, source: source)
      guard let earlier = entries[name] else {
        entries[name] = entry
        return true
      }
      if policy == .giveWay || Self.isGoogles(package: package) { return false }
      try Self.compare(earlier, entry, name: name)
      return false
    }
    // Closures can't rethrow typed errors through `filter`.
    var messages: [MessageDescriptor] = []
    for message in file.messages
    where try isNew(Self.join(package, message.name), .message(message), &self.entries) {
      messages.append(message)
    }
    var enums: [EnumDescriptor] = []
    for enumeration in file.enums
    where try isNew(Self.join(package, enumeration.name), .enumeration(enumeration), &self.entries)
    {
      enums.append(enumeration)
    }
    var services: [ServiceDescriptor] = []
    for service in file.services
    where try isNew(Self.join(package, service.name), .service(service), &self.entries) {
      services.append(service)
    }
    var extensions: [FieldDescriptor] = []
    for field in file.extensions
    where try isNew("[\(Self.join(package, field.name))]", .extension(field), &self.entries) {
      extensions.append(field)
    }
    file.messages = messages
    file.enums = enums
    file.services = services
    file.extensions = extensions
  }

  /// Whether a package is one that everyone has a copy of.
  static func isGoogles(package: String) -> Bool {
    ["google.protobuf", "google.api", "google.rpc"].contains {
      package == $0 || package.hasPrefix($0 + ".")
    }
  }

  // MARK: Comparison

  private static func compare(_ first: Entry, _ second: Entry, name: String) throws(SchemaError) {
    var difference: String?
    switch (first.declaration, second.declaration) {
    case (.message(let left), .message(let right)):
      difference = Self.difference(left.canonical, right.canonical)
    case (.enumeration(let left), .enumeration(let right)):
      difference = Self.difference(left, right)
    case (.service(let left), .service(let right)):
      difference = Self.difference(left, right)
      // Nothing in a service depends on the syntax of its file.
      if difference == nil { return }
    case (.extension(let left), .extension(let right)):
      if left.canonical != right.canonical { difference = "its number or its type" }
    default:
      difference = "they are of different kinds"
    }
    if difference == nil, first.features != second.features {
      difference = "the syntax or the edition of the files"
    }
    guard let difference else { return }
    let files =
      first.file == second.file
      ? "\(first.file) of \(first.source) and of \(second.source)"
      : "\(first.file) and in \(second.file)"
    throw SchemaError(
      .duplicate, subject: name,
      reason: "declared in two ways, in \(files) (\(difference)); give the service one of them")
  }

  /// The first difference between two messages; nil if they are equal.
  private static func difference(_ left: MessageDescriptor, _ right: MessageDescriptor) -> String? {
    if left == right { return nil }
    for field in left.fields {
      guard let other = right.fields.first(where: { $0.number == field.number }) else {
        return "only the first has field \(field.number), \(field.name)"
      }
      if other != field { return "field \(field.number), \(field.name)" }
    }
    for field in right.fields where !left.fields.contains(where: { $0.number == field.number }) {
      return "only the second has field \(field.number), \(field.name)"
    }
    for nested in left.nested where !right.nested.contains(nested) {
      return "the nested message \(nested.name)"
    }
    return "what's nested in it, or its options"
  }

  private static func difference(_ left: EnumDescriptor, _ right: EnumDescriptor) -> String? {
    if left == right { return nil }
    if let value = Self.onlyInOne(left.values, right.values) {
      return "the value \(value.name) = \(value.number)"
    }
    return "the order of its values, or its options"
  }

  private static func difference(_ left: ServiceDescriptor, _ right: ServiceDescriptor) -> String? {
    if left == right { return nil }
    if let method = Self.onlyInOne(left.methods, right.methods) {
      return "the method \(method.name)"
    }
    return "the order of its methods"
  }

  /// The first element that only one of the two lists has.
  private static func onlyInOne<Element: Equatable>(
    _ left: [Element], _ right: [Element]
  ) -> Element? {
    left.first { !right.contains($0) } ?? right.first { !left.contains($0) }
  }

  private static func join(_ scope: String, _ name: String) -> String {
    scope.isEmpty ? name : "\(scope).\(name)"
  }
}

extension FileDescriptor {
  /// Whether both declare the same. Compilers write the JSON name of each field, and some servers
  /// omit those that follow from the field's name; this doesn't count as a difference.
  func declaresSame(as other: FileDescriptor) -> Bool {
    self == other || self.canonical == other.canonical
  }

  private var canonical: FileDescriptor {
    var file = self
    file.messages = file.messages.map(\.canonical)
    file.extensions = file.extensions.map(\.canonical)
    return file
  }
}

extension MessageDescriptor {
  /// Without JSON names that can be derived from the field names.
  fileprivate var canonical: MessageDescriptor {
    var message = self
    message.fields = message.fields.map(\.canonical)
    message.extensions = message.extensions.map(\.canonical)
    message.nested = message.nested.map(\.canonical)
    return message
  }
}

extension FieldDescriptor {
  fileprivate var canonical: FieldDescriptor {
    var field = self
    if field.jsonName == SchemaLinker.jsonName(of: field.name) { field.jsonName = nil }
    return field
  }
}
