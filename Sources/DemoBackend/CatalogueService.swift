internal import GRPCWire
internal import NIOCore

/// Implements `demo.catalogue.v1.Catalogue`.
struct CatalogueService: GRPCService {
  private let catalogue: Catalogue

  init(_ catalogue: Catalogue = Catalogue()) {
    self.catalogue = catalogue
  }

  func serve(_ call: GRPCServerCall) {
    guard call.messages.count == 1 else {
      call.finish(GRPCStatus(.invalidArgument, "the request isn't one message"))
      return
    }
    let request = Array(call.messages[0].readableBytesView)[...]
    switch call.path {
    case "/demo.catalogue.v1.Catalogue/GetProduct": self.getProduct(request, call)
    case "/demo.catalogue.v1.Catalogue/ListProducts": self.listProducts(request, call)
    case "/demo.catalogue.v1.Catalogue/CreateProduct": self.createProduct(request, call)
    case "/demo.catalogue.v1.Catalogue/WatchPrices": self.watchPrices(request, call)
    default: call.finish(GRPCStatus(.unimplemented, "unknown method \(call.path)"))
    }
  }

  // MARK: Methods

  private func getProduct(_ request: ArraySlice<UInt8>, _ call: GRPCServerCall) {
    var id = ""
    for (number, content) in WireFields(request) where number == 1 { id = content.text ?? "" }
    guard let product = self.find(id, call) else { return }
    call.respond(product.wire)
  }

  private func listProducts(_ request: ArraySlice<UInt8>, _ call: GRPCServerCall) {
    var pageSize: Int64 = 0
    var pageToken = ""
    var query = ""
    for (number, content) in WireFields(request) {
      switch number {
      case 1: pageSize = content.integer ?? 0
      case 2: pageToken = content.text ?? ""
      case 3: query = content.text ?? ""
      default: break
      }
    }
    guard (0...100).contains(pageSize) else {
      call.refuse("page_size", "\(pageSize) is not in 0...100")
      return
    }
    guard let start = pageToken.isEmpty ? 0 : Int(pageToken), start >= 0 else {
      call.refuse("page_token", "\"\(pageToken)\" is not a next_page_token")
      return
    }
    let found = self.catalogue.products(containing: query)
    let page = found.dropFirst(start).prefix(pageSize == 0 ? 10 : Int(pageSize))
    var output = WireOutput()
    for product in page { output.add(1, message: product.wire) }
    if page.endIndex < found.endIndex { output.add(2, text: String(page.endIndex)) }
    output.add(3, integer: Int64(found.count))
    call.respond(output)
  }

  private func createProduct(_ request: ArraySlice<UInt8>, _ call: GRPCServerCall) {
    guard var product = Product(request) else {
      call.finish(GRPCStatus(.invalidArgument, "the request isn't a Product"))
      return
    }
    guard product.id.isEmpty else { return call.refuse("id", "is assigned by the service") }
    guard !product.name.isEmpty else { return call.refuse("name", "is missing") }
    guard product.price.map({ $0.amount >= 0 }) ?? true else {
      return call.refuse("price.amount", "is negative")
    }
    product.createdAt = .now
    guard let added = self.catalogue.add(product) else {
      call.finish(
        GRPCStatus(.resourceExhausted, "the catalogue is limited to \(Catalogue.limit) products"))
      return
    }
    call.respond(added.wire)
  }

  private func watchPrices(_ request: ArraySlice<UInt8>, _ call: GRPCServerCall) {
    var id = ""
    var count: Int64 = 0
    for (number, content) in WireFields(request) {
      switch number {
      case 1: id = content.text ?? ""
      case 2: count = content.integer ?? 0
      default: break
      }
    }
    guard (0...1000).contains(count) else {
      call.refuse("count", "\(count) is not in 0...1000")
      return
    }
    guard let product = self.find(id, call) else { return }
    call.sendHead()
    PriceTicker(call: call, product: product, count: count == 0 ? 5 : count).tick()
  }

  /// The product with an id; ends the call if there's none.
  private func find(_ id: String, _ call: GRPCServerCall) -> Product? {
    if let product = self.catalogue.product(id) { return product }
    call.fail(
      .notFound, "there is no product \"\(id)\"", reason: "PRODUCT_NOT_FOUND",
      metadata: [("id", id)])
    return nil
  }
}

/// Sends the prices for one watch, on the loop of its call.
private final class PriceTicker {
  private let call: GRPCServerCall
  private let product: Product
  private let count: Int64
  private var sequence: Int64 = 0

  init(call: GRPCServerCall, product: Product, count: Int64) {
    self.call = call
    self.product = product
    self.count = count
  }

  func tick() {
    guard !self.call.isOver else { return }
    // A slow client misses ticks instead of filling memory.
    if self.call.unsentBytes == 0 {
      self.sequence += 1
      self.call.send(ByteBuffer(bytes: self.update.bytes))
    }
    guard self.sequence < self.count else { return self.call.finish() }
    self.call.eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { self.tick() }
  }

  /// The price varies by up to two percent.
  private var update: WireOutput {
    let base = self.product.price ?? Price(currency: "EUR", amount: 1)
    let percent = Double((self.sequence * 7) % 5 - 2)
    let cents = (base.amount * (100 + percent)).rounded()
    var output = WireOutput()
    output.add(1, text: self.product.id)
    output.add(2, message: Price(currency: base.currency, amount: cents / 100).wire)
    output.add(3, integer: self.sequence)
    output.add(4, message: Timestamp.now.wire)
    return output
  }

  private static let interval = TimeAmount.milliseconds(200)
}

extension GRPCServerCall {
  fileprivate func respond(_ message: WireOutput) {
    self.send(ByteBuffer(bytes: message.bytes))
    self.finish()
  }

  /// Ends the call with an error about an invalid field.
  fileprivate func refuse(_ field: String, _ why: String) {
    self.fail(
      .invalidArgument, "\(field): \(why)", reason: "INVALID_FIELD", metadata: [("field", field)])
  }

  /// Ends the call with a status that carries a google.rpc.ErrorInfo.
  fileprivate func fail(
    _ code: GRPCStatus.Code, _ message: String, reason: String,
    metadata: [(key: String, value: String)]
  ) {
    // google.rpc.ErrorInfo: reason 1, domain 2, metadata 3.
    var info = WireOutput()
    info.add(1, text: reason)
    info.add(2, text: "catalogue.demo")
    for (key, value) in metadata {
      var entry = WireOutput()
      entry.add(1, text: key)
      entry.add(2, text: value)
      info.add(3, message: entry)
    }
    // google.protobuf.Any: type_url 1, value 2.
    var any = WireOutput()
    any.add(1, text: "type.googleapis.com/google.rpc.ErrorInfo")
    any.add(2, message: info)
    // google.rpc.Status: code 1, message 2, details 3.
    var status = WireOutput()
    status.add(1, integer: Int64(code.rawValue))
    status.add(2, text: message)
    status.add(3, message: any)
    self.finish(GRPCStatus(code, message, details: status.bytes))
  }
}
