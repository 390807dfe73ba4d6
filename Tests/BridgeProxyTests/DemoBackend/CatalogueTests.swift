import Testing

@testable import DemoBackend

@Suite struct CatalogueTests {
  @Test func `a product is encoded and decoded`() {
    let product = Product(
      id: "p-7", name: "ü", description: "d", category: 2,
      price: Price(currency: "EUR", amount: 1.25), tags: ["", "a"], stock: -1,
      attributes: [Product.Attribute(key: "k", value: "v")],
      createdAt: Timestamp(seconds: 1, nanoseconds: 2))
    #expect(Product(product.wire.bytes[...]) == product)
  }

  @Test(
    arguments: [
      [0x0a, 0x05, 0x61], [0x80], [0x0b], [0x00], [0x09, 1, 2], [UInt8](repeating: 0xff, count: 11),
    ] as [[UInt8]])
  func `malformed messages are refused`(bytes: [UInt8]) {
    #expect(Product(bytes[...]) == nil)
  }

  @Test func `an added product is found, and their number is limited`() throws {
    let catalogue = Catalogue([])
    let added = try #require(catalogue.add(Product(name: "Hammer", tags: ["Steel"])))
    #expect(added.id == "p-1" && catalogue.product("p-1") == added)
    #expect(catalogue.products(containing: "sTEEl") == [added])
    #expect(catalogue.products(containing: "wood") == [])
    for _ in 1..<Catalogue.limit { _ = catalogue.add(Product(name: "x")) }
    #expect(catalogue.add(Product(name: "one too many")) == nil)
  }
}
