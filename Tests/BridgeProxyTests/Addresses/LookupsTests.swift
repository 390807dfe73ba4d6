import Glibc
import NIOCore
import Synchronization
import Testing

@testable import Addresses

/// Lookups on threads of their own, by a resolver that answers when the test says so.
@Suite struct LookupsTests {
  /// Blocks for names that begin with `silent`, until it's opened.
  final class Resolver: Sendable {
    private let isOpen = Mutex(false)
    private let asked = Mutex<[String: Int]>([:])

    func resolve(_ question: LookupQuestion) -> LookupOutcome {
      self.asked.withLock { $0[question.name, default: 0] += 1 }
      while question.name.hasPrefix("silent"), !self.isOpen.withLock({ $0 }) { _ = sched_yield() }
      guard let address = try? SocketAddress(ipAddress: "10.0.0.1", port: 0) else {
        return .failure(LookupError(reason: "no address"))
      }
      return .success(.addresses([address]))
    }

    func open() { self.isOpen.withLock { $0 = true } }
    func count(_ name: String) -> Int { self.asked.withLock { $0[name] ?? 0 } }
  }

  @Test func `a lookup without an answer delays no other name`() async {
    let resolver = Resolver()
    let lookups = Lookups { resolver.resolve($0) }
    async let silent = lookups.resolve(
      .init("silent", .ipv4), within: .milliseconds(50), setting: "limits.connect_timeout")
    for name in ["a", "b", "c"] {
      let outcome = await lookups.resolve(.init(name, .ipv4), within: .seconds(60), setting: "x")
      #expect((try? outcome.get()) != nil)
    }
    guard case .failure(let error) = await silent else {
      Issue.record("a silent name was answered")
      return
    }
    #expect(
      error.sentence(about: "silent.example")
        == "can't look up silent.example in time: no answer within 50ms (limits.connect_timeout)")
    resolver.open()
  }

  @Test func `concurrent callers share the lookup of a name`() async {
    let resolver = Resolver()
    let lookups = Lookups { resolver.resolve($0) }
    await withTaskGroup(of: Bool.self) { group in
      let (asked, continuation) = AsyncStream.makeStream(of: Void.self)
      for _ in 0..<20 {
        group.addTask {
          let ticket = lookups.makeTicket(.init("silent", .ipv4))
          return await withCheckedContinuation { done in
            lookups.resolve(ticket) { done.resume(returning: (try? $0.get()) != nil) }
            continuation.yield()
          }
        }
      }
      var count = 0
      for await _ in asked {
        count += 1
        if count == 20 { break }
      }
      resolver.open()
      for await hasResponded in group { #expect(hasResponded) }
    }
    #expect(resolver.count("silent") == 1)
  }

  @Test func `a cancelled caller stops waiting`() async {
    let resolver = Resolver()
    let lookups = Lookups { resolver.resolve($0) }
    let task = Task {
      await lookups.resolve(.init("silent", .ipv4), within: .seconds(3600), setting: "x")
    }
    task.cancel()
    guard case .failure = await task.value else {
      Issue.record("a lookup that was given up has an answer")
      return
    }
    resolver.open()
  }

  @Test func `addresses of one family suffice if the other lookup gets no answer`() async throws {
    let resolver = Resolver()
    let lookups = Lookups { question in
      question.kind == .ipv6
        ? resolver.resolve(.init("silent", .ipv6)) : resolver.resolve(question)
    }
    let names = DNSResolver.system(within: .milliseconds(50), setting: "timeout", lookups)
    #expect(try await names.addresses("bench") == ["10.0.0.1"])
    resolver.open()
  }
}
