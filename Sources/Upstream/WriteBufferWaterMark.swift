/// Water marks of the bytes that a call has accepted and that haven't left for the endpoint.
package enum WriteBufferWaterMark {
  /// An owner stops sending above this many bytes. 256 KiB: what one write of a connection takes.
  package static let high = 256 << 10
  /// An owner is notified (`callCanSend`) at this many bytes or fewer.
  package static let low = WriteBufferWaterMark.high / 2
}
