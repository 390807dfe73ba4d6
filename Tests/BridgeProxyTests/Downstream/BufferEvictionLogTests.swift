import Testing

@testable import Downstream

@Suite struct BufferEvictionLogTests {
  @Test func `one line in ten seconds counts the evictions since the last`() {
    var log = BufferEvictionLog()
    #expect(
      log.closed(connectionCount: 1, byteCount: 7, limit: 5, tick: 3)
        == """
        closed a client connection that buffered 7 bytes of bodies and unread responses: the limit \
        for all connections of an event loop is 5 (limits.client_buffer_bytes)
        """)
    #expect(log.closed(connectionCount: 2, byteCount: 9, limit: 5, tick: 4) == nil)
    #expect(log.closed(connectionCount: 1, byteCount: 1, limit: 5, tick: 22) == nil)
    #expect(
      log.closed(connectionCount: 1, byteCount: 2, limit: 5, tick: 23)?
        .hasPrefix("closed 4 client connections that buffered 12 bytes") == true)
  }
}
