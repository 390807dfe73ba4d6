internal import CPlatform
internal import Glibc
internal import NIOCore

/// The system's resolver. Blocks; never on an event loop.
enum SystemResolver {
  static let answer: @Sendable (LookupQuestion) -> LookupOutcome = { question in
    do throws(LookupError) {
      switch question.kind {
      case .ipv4: return .success(.addresses(try Self.addresses(of: question.name, AF_INET)))
      case .ipv6: return .success(.addresses(try Self.addresses(of: question.name, AF_INET6)))
      case .services: return .success(.services(try Self.services(of: question.name)))
      }
    } catch {
      return .failure(error)
    }
  }

  /// The addresses of a name in one family (`AF_INET`, `AF_INET6`), without duplicates, with port 0.
  ///
  /// - Throws: `LookupError` with the resolver's message: "Name or service not known".
  private static func addresses(
    of host: String, _ family: Int32
  ) throws(LookupError) -> [SocketAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = family
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = unsafe getaddrinfo(host, nil, &hints, &list)
    guard result == 0 else {
      throw LookupError(reason: unsafe String(cString: gai_strerror(result)))
    }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
      if let address = unsafe Self.address(of: entry.pointee), !addresses.contains(address) {
        addresses.append(address)
      }
      unsafe next = entry.pointee.ai_next
    }
    return addresses
  }

  private static func address(of entry: addrinfo) -> SocketAddress? {
    guard let address = unsafe entry.ai_addr else { return nil }
    switch unsafe entry.ai_family {
    case AF_INET:
      return unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe SocketAddress($0.pointee)
      }
    case AF_INET6:
      return unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        unsafe SocketAddress($0.pointee)
      }
    default:
      return nil
    }
  }

  /// The SRV records of a name, queried by DNS (RFC 2782).
  ///
  /// - Throws: `LookupError` with the resolver's message: "Unknown host".
  private static func services(of name: String) throws(LookupError) -> [ServiceRecord] {
    var records: [ServiceRecord] = []
    let result = unsafe withUnsafeMutablePointer(to: &records) { records in
      unsafe CPlatform_services(name, records) { records, priority, weight, port, target in
        guard let records = unsafe records, let target = unsafe target else { return }
        let record = unsafe ServiceRecord(
          priority: Int(priority), weight: Int(weight), port: Int(port),
          target: String(cString: target))
        unsafe records.assumingMemoryBound(to: [ServiceRecord].self).pointee.append(record)
      }
    }
    guard result == 0 else {
      throw LookupError(reason: unsafe String(cString: hstrerror(result)))
    }
    return records
  }
}
