internal import Synchronization

/// The products of the demo: initial ones and those added.
final class Catalogue: Sendable {
  private let products: Mutex<[Product]>

  init(_ products: [Product] = Catalogue.samples) {
    self.products = Mutex(products)
  }

  func product(_ id: String) -> Product? {
    self.products.withLock { $0.first { $0.id == id } }
  }

  /// All products that contain a text, in the order in which they were added.
  func products(containing text: String) -> [Product] {
    self.products.withLock { products in
      text.isEmpty ? products : products.filter { $0.contains(text) }
    }
  }

  /// Adds a product with a new id.
  ///
  /// - Returns: the product as added; nil when the catalogue is full.
  func add(_ product: Product) -> Product? {
    self.products.withLock { products in
      guard products.count < Self.limit else { return nil }
      var product = product
      product.id = "p-\(products.count + 1)"
      products.append(product)
      return product
    }
  }

  /// Stops a long-running demo from growing without bound.
  static let limit = 1000

  private static let samples = [
    Product(
      id: "p-1", name: "Spirit level", description: "60 cm, three vials", category: 1,
      price: Price(currency: "EUR", amount: 18.5), tags: ["measuring", "aluminium"], stock: 42,
      attributes: [Product.Attribute(key: "length", value: "600 mm")],
      createdAt: Timestamp(seconds: 1_735_689_600)),
    Product(
      id: "p-2", name: "Cast-iron pan", description: "28 cm, for every stove", category: 2,
      price: Price(currency: "EUR", amount: 49.95), tags: ["iron"], stock: 7,
      attributes: [
        Product.Attribute(key: "diameter", value: "280 mm"),
        Product.Attribute(key: "weight", value: "2.4 kg"),
      ], createdAt: Timestamp(seconds: 1_738_368_000, nanoseconds: 500_000_000)),
    Product(
      id: "p-3", name: "A book of bridges", description: "From arch to suspension", category: 3,
      price: Price(currency: "EUR", amount: 32), tags: ["engineering", "history"],
      stock: 9_007_199_254_740_993, createdAt: Timestamp(seconds: 1_740_787_200)),
  ]
}
