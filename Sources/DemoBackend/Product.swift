internal import Glibc

/// `demo.catalogue.v1.Product`, with the field numbers of catalogue.proto.
struct Product: Equatable, Sendable {
  var id = ""
  var name = ""
  var description = ""
  var category: Int64 = 0
  var price: Price?
  var tags: [String] = []
  var stock: Int64 = 0
  /// In wire order.
  var attributes: [Attribute] = []
  var createdAt: Timestamp?

  /// An entry of the map `attributes`.
  struct Attribute: Equatable, Sendable {
    var key = ""
    var value = ""
  }

  init(
    id: String = "", name: String, description: String = "", category: Int64 = 0,
    price: Price? = nil, tags: [String] = [], stock: Int64 = 0, attributes: [Attribute] = [],
    createdAt: Timestamp? = nil
  ) {
    self.id = id
    self.name = name
    self.description = description
    self.category = category
    self.price = price
    self.tags = tags
    self.stock = stock
    self.attributes = attributes
    self.createdAt = createdAt
  }

  /// Decodes a message; nil if it's invalid.
  init?(_ bytes: ArraySlice<UInt8>) {
    var fields = WireFields(bytes)
    while let (number, content) = fields.next() {
      switch number {
      case 1: self.id = content.text ?? ""
      case 2: self.name = content.text ?? ""
      case 3: self.description = content.text ?? ""
      case 4: self.category = content.integer ?? 0
      case 5: self.price = content.fields.map { Price($0) }
      case 6: self.tags.append(content.text ?? "")
      case 7: self.stock = content.integer ?? 0
      case 8: self.attributes.append(Attribute(content.fields))
      case 9: self.createdAt = content.fields.map { Timestamp($0) }
      default: break
      }
    }
    if fields.isMalformed { return nil }
  }

  var wire: WireOutput {
    var output = WireOutput()
    output.add(1, text: self.id)
    output.add(2, text: self.name)
    output.add(3, text: self.description)
    output.add(4, integer: self.category)
    if let price = self.price { output.add(5, message: price.wire) }
    for tag in self.tags { output.add(6, element: tag) }
    output.add(7, integer: self.stock)
    for attribute in self.attributes { output.add(8, message: attribute.wire) }
    if let createdAt = self.createdAt { output.add(9, message: createdAt.wire) }
    return output
  }

  /// Whether its texts contain a string, case-insensitively.
  func contains(_ text: String) -> Bool {
    let text = text.lowercased()
    return ([self.name, self.description] + self.tags).contains { $0.lowercased().contains(text) }
  }
}

/// `demo.catalogue.v1.Price`.
struct Price: Equatable, Sendable {
  var currency = ""
  var amount = 0.0

  init(currency: String, amount: Double) {
    self.currency = currency
    self.amount = amount
  }

  init(_ fields: WireFields) {
    for (number, content) in fields {
      switch number {
      case 1: self.currency = content.text ?? ""
      case 2: self.amount = content.double ?? 0
      default: break
      }
    }
  }

  var wire: WireOutput {
    var output = WireOutput()
    output.add(1, text: self.currency)
    output.add(2, double: self.amount)
    return output
  }
}

/// `google.protobuf.Timestamp`.
struct Timestamp: Equatable, Sendable {
  var seconds: Int64 = 0
  var nanoseconds: Int64 = 0

  init(seconds: Int64, nanoseconds: Int64 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  init(_ fields: WireFields) {
    for (number, content) in fields {
      switch number {
      case 1: self.seconds = content.integer ?? 0
      case 2: self.nanoseconds = content.integer ?? 0
      default: break
      }
    }
  }

  /// The current time of the system clock.
  static var now: Timestamp {
    var time = timespec()
    // Fails only for a clock that doesn't exist.
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
  }

  var wire: WireOutput {
    var output = WireOutput()
    output.add(1, integer: self.seconds)
    output.add(2, integer: self.nanoseconds)
    return output
  }
}

extension Product.Attribute {
  fileprivate init(_ fields: WireFields?) {
    guard let fields else { return }
    for (number, content) in fields {
      switch number {
      case 1: self.key = content.text ?? ""
      case 2: self.value = content.text ?? ""
      default: break
      }
    }
  }

  fileprivate var wire: WireOutput {
    var output = WireOutput()
    output.add(1, text: self.key)
    output.add(2, text: self.value)
    return output
  }
}
