internal import CNghttp2
internal import NIOCore

/// What the peer does wrong: what's borne, and where the connection ends.
extension HTTP2Session {
  /// What a callback returns: whether nghttp2 is to go on.
  var verdict: Int32 { self.givenUp == nil ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }

  /// What a callback returns for a field that isn't looked at any more: a client's connection ends, of
  /// an endpoint's stream nghttp2 passes over the rest of the block and resets it.
  var fieldRefusal: Int32 {
    self.givenUp == nil ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue : self.verdict
  }

  /// Ends the connection once nghttp2 has returned; events that are there are still valid.
  func giveUp(_ code: UInt32, _ reason: String) {
    guard self.givenUp == nil else { return }
    self.givenUp = code
    self.complaint = reason
  }

  /// Writes a last GOAWAY by hand: nghttp2 must not be called any more.
  func breakOff(_ code: UInt32) {
    self.isBroken = true
    let last = unsafe nghttp2_session_get_last_proc_stream_id(self.handle)
    let text = (self.complaint ?? "").utf8.prefix(Self.farewellTextBytes)
    // RFC 9113 §4.1 and §6.8.
    self.output.writeInteger(UInt8(0))
    self.output.writeInteger(UInt16(8 + text.count))
    self.output.writeInteger(UInt8(NGHTTP2_GOAWAY.rawValue))
    self.output.writeInteger(UInt8(0))
    self.output.writeInteger(UInt32(0))
    self.output.writeInteger(last)
    self.output.writeInteger(code)
    self.output.writeBytes(text)
  }

  /// The most bytes of the debug data of GOAWAY (RFC 9113 §6.8).
  private static let farewellTextBytes = 200

  // MARK: Streams that are over

  /// HEADERS begin. DATA for a stream that's over passes by: nghttp2 drops it before it says so, and it
  /// costs nothing but its bytes.
  func blockBegins(on id: Int32) {
    guard self.lastFound.id != id, id > 0, id & 1 == 1 else { return }
    if self.role == .server, self.closedStreams.isNew(id) {
      if !self.hasSaidGoodbye { self.closedStreams.opened(id) }
      return
    }
    guard !self.hasSaidGoodbye, self.find(id) == nil else { return }
    switch self.closedStreams.judge(id) {
    case .late:
      break
    case .streamError:
      self.dueResets.append(id)
      self.noteFault()
    case .connectionError(let code):
      self.giveUp(code, "HEADERS for stream \(id), which is closed (RFC 9113 §5.1)")
    }
  }

  /// nghttp2 is about to reset a stream, or has refused to open it; or, with 0, to end the connection.
  ///
  /// - Parameter opensStream: whether the frame is the head of a request.
  func frameIsInvalid(on id: Int32, opensStream: Bool) {
    guard id > 0 else { return }
    if let stream = self.find(id) {
      if opensStream, !self.streams[stream.slot].isFaulty { self.noteInvalidRequest(stream) }
      self.streams[stream.slot].isFaulty = true
    } else {
      // What follows is on its way already.
      self.closedStreams.closed(id, .resetByUs)
    }
    self.noteFault()
  }

  private func noteInvalidRequest(_ stream: HTTP2Stream) {
    guard self.role == .server else { return }
    self.isBlockOpen = false
    let fields = min(self.blockStart, self.headers.fields.count)..<self.headers.fields.count
    // What nghttp2 says names the stream; without that it said it of another one.
    let complaint = self.complaint.flatMap { $0.contains("stream: \(stream.id),") ? $0 : nil }
    let reason = complaint ?? "a pseudo-header field is missing, twice there or at odds with others"
    self.events.append(.invalidRequest(stream, fields: fields, reason: reason))
  }

  /// Notes how a stream ended, and whose fault it was.
  func noteEnd(of stream: HTTP2Stream, _ errorCode: UInt32) {
    // Read in place: a copy of the entry would cost references to its body.
    let slot = stream.slot
    if stream.id == self.peerReset {
      self.closedStreams.closed(stream.id, .resetByPeer)
      if !self.streams[slot].body.isSent || self.streams[slot].body.trailers != nil {
        self.noteFault()
      }
    } else if self.streams[slot].isReset || errorCode != HTTP2ErrorCode.noError {
      self.closedStreams.closed(stream.id, .resetByUs)
      if !self.streams[slot].isReset, !self.streams[slot].isFaulty { self.noteFault() }
    } else {
      self.closedStreams.closed(stream.id, .complete)
    }
  }

  /// Tells the peer that streams are gone.
  func submitDueResets() {
    for id in self.dueResets {
      _ = unsafe nghttp2_submit_rst_stream(self.handle, 0, id, HTTP2ErrorCode.streamClosed)
    }
    self.dueResets.removeAll(keepingCapacity: true)
  }

  // MARK: Clients that waste streams

  /// Whether the client has broken the protocol on a stream, which will be reset for that.
  package func isFaulty(_ stream: HTTP2Stream) -> Bool {
    self.isKnown(stream) && self.streams[stream.slot].isFaulty
  }

  /// A client wasted a stream. What an endpoint does to its own answers harms nobody but itself.
  func noteFault() {
    guard self.role == .server, self.givenUp == nil else { return }
    if !self.faults.spend(now: self.options.now()) {
      self.giveUp(
        HTTP2ErrorCode.enhanceYourCalm,
        "more than \(FaultBudget.burst) streams were reset before their answers or for a fault")
    }
  }

  /// A header list has grown beyond all measure.
  func blockIsBeyondBound(of id: Int32) {
    guard self.isBlockOpen else { return }
    self.isBlockOpen = false
    switch self.role {
    case .server:
      self.giveUp(
        HTTP2ErrorCode.enhanceYourCalm,
        "a header list of more than \(self.options.headerByteBound) bytes")
    case .client:
      if let stream = self.find(id) { self.events.append(.headersTooLarge(stream)) }
    }
  }
}
