import BridgeProxy
import NIOCore
import NIOPosix
import Testing

@testable import BridgeConfiguration
@testable import DemoBackend
@testable import GRPCWire
@testable import HTTP2
@testable import Upstream

/// The pool against the server over real sockets, on loops of their own.
@Suite struct LoopbackTests {
  /// Answers by the last part of the path.
  struct Service: GRPCService {
    func serve(_ call: GRPCServerCall) {
      switch call.path {
      case "/t.T/Echo":
        for message in call.messages { call.send(message) }
        call.finish()
      case "/t.T/Stream":
        for index in 0..<100 { call.send(ByteBuffer(string: "message \(index)")) }
        call.finish()
      case "/t.T/Squeezed":
        let text = CompressionFormat.gzip.deflate(ByteBuffer(string: "squeezed"))
        var encoding = HeaderBlock()
        encoding.append("grpc-encoding", "gzip")
        call.sendHead(encoding)
        call.sendFramed(GRPCMessage.framed(text, isCompressed: true))
        call.finish()
      case "/t.T/Metadata":
        var trailers = HeaderBlock()
        trailers.append("x-back", call.metadata.first("x-there") ?? "none")
        call.send(ByteBuffer())
        call.finish(trailers: trailers)
      case "/t.T/Slow":
        return
      default:
        call.finish(GRPCStatus(.notFound, "no €", details: [1, 2]))
      }
    }
  }

  /// Runs a test's body against a server, and takes both down.
  private func withPool(
    _ service: any GRPCService = Service(), _ body: (Client) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let server = try await GRPCServer.start(on: group, service: service)
    let client = try await Client(group.next(), port: server.port)
    let outcome: Result<Void, any Error>
    do {
      try await body(client)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    try await client.close()
    try await server.stop()
    try await group.shutdownGracefully()
    try outcome.get()
  }

  /// A pool and its loop.
  struct Client {
    private let loop: any EventLoop
    private let pool: NIOLoopBound<HTTP2Pool>

    init(_ loop: any EventLoop, port: Int) async throws {
      self.loop = loop
      self.pool = try await loop.submit {
        NIOLoopBound(
          HTTP2Pool(
            eventLoop: loop, endpoint: Configuration.Endpoint(host: "127.0.0.1", port: port),
            userAgent: "bridge-proxy/test"), eventLoop: loop)
      }.get()
    }

    /// Makes a call and returns its events.
    func call(
      _ path: String, _ message: ByteBuffer, metadata: HeaderBlock = HeaderBlock(),
      timeout: TimeAmount? = nil
    ) async throws -> [RecordingObserver.Event] {
      try await self.loop.flatSubmit {
        let promise = self.loop.makePromise(of: [RecordingObserver.Event].self)
        let observer = RecordingObserver()
        observer.onEnd = { [unowned observer] in promise.succeed(observer.events) }
        let request = CallRequest(
          path: path, metadata: metadata, deadline: timeout.map { self.loop.now + $0 },
          message: GRPCMessage.framed(message))
        _ = self.pool.value.start(request, observer: observer)
        return promise.futureResult
      }.get()
    }

    func probe() async throws -> Bool {
      try await self.loop.flatSubmit { self.pool.value.probe() }.get()
    }

    func close() async throws {
      try await self.loop.flatSubmit { self.pool.value.drain() }.get()
    }
  }

  @Test func `messages of all sizes are echoed`() async throws {
    try await self.withPool { client in
      for size in [0, 1, 100, 16_379, 16_384, 65_536, 1 << 20, 5 << 20] {
        let text = String(repeating: "x", count: size)
        let events = try await client.call("/t.T/Echo", ByteBuffer(string: text))
        #expect(events == RecordingObserver.good(text))
      }
    }
  }

  @Test func `many concurrent calls succeed`() async throws {
    try await self.withPool { client in
      try await withThrowingTaskGroup(of: Bool.self) { tasks in
        for index in 0..<500 {
          tasks.addTask {
            try await client.call("/t.T/Echo", ByteBuffer(string: "\(index)"))
              == RecordingObserver.good("\(index)")
          }
        }
        for try await isGood in tasks { #expect(isGood) }
      }
    }
  }

  @Test func `a stream arrives in order`() async throws {
    try await self.withPool { client in
      let events = try await client.call("/t.T/Stream", ByteBuffer())
      let messages = (0..<100).map { RecordingObserver.Event.message("message \($0)") }
      #expect(events == [.head([])] + messages + [.end(GRPCStatus(.ok), [])])
    }
  }

  @Test func `a compressed reply is decompressed`() async throws {
    try await self.withPool { client in
      let events = try await client.call("/t.T/Squeezed", ByteBuffer())
      #expect(events == RecordingObserver.good("squeezed"))
    }
  }

  @Test func `metadata is sent and returned`() async throws {
    try await self.withPool { client in
      var metadata = HeaderBlock()
      metadata.append("x-there", "and back")
      let events = try await client.call("/t.T/Metadata", ByteBuffer(), metadata: metadata)
      #expect(events.last == .end(GRPCStatus(.ok), ["x-back: and back"]))
    }
  }

  @Test func `a failure has its message and details`() async throws {
    try await self.withPool { client in
      let events = try await client.call("/t.T/Other", ByteBuffer())
      #expect(events == [.end(GRPCStatus(.notFound, "no €", details: [1, 2]), [])])
    }
  }

  @Test func `a deadline ends a call without a response`() async throws {
    try await self.withPool { client in
      let events = try await client.call("/t.T/Slow", ByteBuffer(), timeout: .milliseconds(30))
      guard case .end(let status, _) = events.first else {
        Issue.record("no end")
        return
      }
      #expect(status.code == .deadlineExceeded && status.origin == .deadline)
    }
  }

  @Test func `a refused port is named`() async throws {
    try await self.withPool { _ in
      let group = MultiThreadedEventLoopGroup.singleton
      // A port that was free a moment ago.
      let channel = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
      let port = channel.localAddress?.port ?? 0
      try await channel.close()
      let client = try await Client(group.next(), port: port)
      let isReachable = try await client.probe()
      #expect(!isReachable)
      let events = try await client.call("/t.T/Echo", ByteBuffer())
      let message = "can't connect to 127.0.0.1:\(port): connection refused"
      #expect(
        events == [.end(GRPCStatus(.unavailable, message, origin: .notConnected), [])])
      try await client.close()
    }
  }

  @Test func `the catalogue responds`() async throws {
    try await self.withPool(CatalogueService()) { client in
      let isReachable = try await client.probe()
      #expect(isReachable)
      func call(
        _ method: String, _ fields: (inout WireOutput) -> Void
      ) async throws
        -> [RecordingObserver.Event]
      {
        var request = WireOutput()
        fields(&request)
        return try await client.call(
          "/demo.catalogue.v1.Catalogue/\(method)", ByteBuffer(bytes: request.bytes))
      }
      let found = try await call("GetProduct") { $0.add(1, text: "p-2") }
      #expect(found.count == 3 && found.last == .end(GRPCStatus(.ok), []))

      let missing = try await call("GetProduct") { $0.add(1, text: "p-99") }
      guard case .end(let status, _) = missing.first else {
        Issue.record("no end")
        return
      }
      #expect(status.code == .notFound && status.message == "there is no product \"p-99\"")
      let details = String(decoding: status.details, as: UTF8.self)
      #expect(details.contains("google.rpc.ErrorInfo") && details.contains("PRODUCT_NOT_FOUND"))

      let refusals: [(String, (inout WireOutput) -> Void)] = [
        ("ListProducts", { $0.add(1, integer: 101) }),
        ("ListProducts", { $0.add(2, text: "x") }),
        ("CreateProduct", { $0.add(3, text: "without a name") }),
        ("WatchPrices", { $0.add(2, integer: -1) }),
      ]
      for (method, fields) in refusals {
        guard case .end(let status, _) = try await call(method, fields).last else {
          Issue.record("no end")
          return
        }
        #expect(status.code == .invalidArgument && !status.details.isEmpty)
      }

      let updates = try await call("WatchPrices") {
        $0.add(1, text: "p-1")
        $0.add(2, integer: 2)
      }
      #expect(updates.count == 4 && updates.last == .end(GRPCStatus(.ok), []))
    }
  }
}
