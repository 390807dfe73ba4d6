internal import CPlatform
internal import Glibc

/// The system's resolver. Blocks; never on an event loop.
enum SystemResolver {
  /// All IPv4 and IPv6 addresses of a name, as text, each once. An address is its own.
  ///
  /// - Throws: `LookupError` with the resolver's words: "Name or service not known".
  static func addresses(of host: String) throws(LookupError) -> [String] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = unsafe getaddrinfo(host, nil, &hints, &list)
    guard result == 0 else {
      throw LookupError(reason: unsafe String(cString: gai_strerror(result)))
    }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [String] = []
    var next = unsafe list
    while let entry = unsafe next {
      if let address = unsafe Self.text(of: entry.pointee), !addresses.contains(address) {
        addresses.append(address)
      }
      unsafe next = entry.pointee.ai_next
    }
    return addresses
  }

  /// The SRV records of a name, asked for by DNS (RFC 2782).
  ///
  /// - Throws: `LookupError` with the resolver's words: "Unknown host".
  static func services(of name: String) throws(LookupError) -> [ServiceRecord] {
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

  private static func text(of entry: addrinfo) -> String? {
    let capacity = Int(NI_MAXHOST)
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
      let result = unsafe getnameinfo(
        entry.ai_addr, entry.ai_addrlen, buffer.baseAddress, socklen_t(capacity), nil, 0,
        NI_NUMERICHOST)
      guard result == 0, let start = buffer.baseAddress else { return nil }
      return unsafe String(cString: start)
    }
  }
}
