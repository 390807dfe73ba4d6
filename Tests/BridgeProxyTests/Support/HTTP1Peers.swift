import NIOCore
import NIOEmbedded
import NIOPosix

@testable import Addresses
@testable import BridgeConfiguration
@testable import Upstream

/// The far ends of HTTP/1.1 connections: a connector of embedded channels.
final class HTTP1Peers: Connector {
  let loop = EmbeddedEventLoop()
  var channels: [EmbeddedChannel] = []
  var refuses = false

  func lookUp(
    _ host: String, _ family: AddressFamily, on eventLoop: any EventLoop,
    _ found: @escaping (Result<[SocketAddress], LookupError>) -> Void
  ) -> () -> Void {
    {}
  }

  func connect(
    _ handler: any ChannelHandler, to address: SocketAddress, of endpoint: Configuration.Endpoint,
    timeout: TimeAmount, on eventLoop: any EventLoop
  ) -> EventLoopFuture<Void> {
    guard !self.refuses else {
      return eventLoop.makeFailedFuture(IOError(errnoCode: ECONNREFUSED, reason: "connect"))
    }
    let channel = EmbeddedChannel(handler: handler, loop: self.loop)
    self.channels.append(channel)
    do {
      return channel.connect(to: try SocketAddress(unixDomainSocketPath: "/endpoint"))
    } catch {
      return eventLoop.makeFailedFuture(error)
    }
  }

  /// The bytes written to a connection since the last call.
  func written(_ index: Int = 0) throws -> String {
    self.loop.run()
    var text = ""
    while let bytes = try self.channels[index].readOutbound(as: ByteBuffer.self) {
      text += String(buffer: bytes)
    }
    return text
  }

  func response(_ text: String, _ index: Int = 0) throws {
    try self.channels[index].writeInbound(ByteBuffer(string: text))
    self.loop.run()
  }

  func close(_ index: Int = 0) throws {
    _ = try self.channels[index].finish(acceptAlreadyClosed: true)
    self.loop.run()
  }

  var open: Int { self.channels.count { $0.isActive } }
}
