internal import CNghttp2
internal import NIOCore

/// Errors of the peer: which are tolerated, and which end the connection.
extension HTTP2Session {
  /// The result of a callback: whether nghttp2 continues.
  var verdict: Int32 { self.givenUp == nil ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }

  /// The result of the field callback beyond `headerByteBound`: a client's connection ends; for an
  /// endpoint's stream, nghttp2 skips the rest of the block and resets the stream.
  var fieldRefusal: Int32 {
    self.givenUp == nil ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue : self.verdict
  }

  /// Ends the connection once nghttp2 has returned; events recorded so far stay valid.
  func giveUp(_ code: UInt32, _ reason: String) {
    guard self.givenUp == nil else { return }
    self.givenUp = code
    self.complaint = reason
  }

  /// Writes a final GOAWAY by hand, because nghttp2 must not be called any more.
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

  /// The most bytes of the debug data of GOAWAY, which is the reason (RFC 9113 §6.8).
  private static let farewellTextBytes = 200

  // MARK: Streams that are over

  /// Checks HEADERS that begin. DATA for a closed stream isn't checked: nghttp2 drops it before any
  /// callback, and it costs only its bytes.
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

  /// Records an invalid frame. nghttp2 is about to reset its stream, has refused to open it, or, with
  /// 0, is about to end the connection.
  ///
  /// - Parameter opensStream: whether the frame is the head of a request.
  func frameIsInvalid(on id: Int32, opensStream: Bool) {
    guard id > 0 else { return }
    if let stream = self.find(id) {
      if opensStream, !self.streams[stream.slot].isFaulty { self.noteInvalidRequest(stream) }
      self.streams[stream.slot].isFaulty = true
    } else {
      // Further frames are in flight already.
      self.closedStreams.closed(id, .resetByUs)
    }
    self.noteFault()
  }

  private func noteInvalidRequest(_ stream: HTTP2Stream) {
    guard self.role == .server else { return }
    self.isBlockOpen = false
    let fields = min(self.blockStart, self.headers.fields.count)..<self.headers.fields.count
    // nghttp2's message names the stream; otherwise it's about another one.
    let complaint = self.complaint.flatMap { $0.contains("stream: \(stream.id),") ? $0 : nil }
    self.violations[stream.id] =
      complaint ?? "a pseudo-header field is missing, duplicated or inconsistent"
    self.events.append(.invalidRequest(stream, fields: fields))
  }

  /// Records how a stream ended, and counts a fault if the client caused it.
  func noteEnd(of stream: HTTP2Stream, _ errorCode: UInt32) {
    // Read in place: copying the entry would retain its body.
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

  /// Resets streams for which HEADERS arrived after they closed.
  func submitDueResets() {
    for id in self.dueResets {
      _ = unsafe nghttp2_submit_rst_stream(self.handle, 0, id, HTTP2ErrorCode.streamClosed)
    }
    self.dueResets.removeAll(keepingCapacity: true)
  }

  // MARK: Clients that waste streams

  /// Whether the client has violated the protocol on a stream, which will be reset for that.
  package func isFaulty(_ stream: HTTP2Stream) -> Bool {
    self.isKnown(stream) && self.streams[stream.slot].isFaulty
  }

  /// Counts a stream wasted by a client. An endpoint's errors affect only its own responses and
  /// aren't counted.
  func noteFault() {
    guard self.role == .server, self.givenUp == nil else { return }
    if !self.faults.spend(now: self.options.now()) {
      self.giveUp(
        HTTP2ErrorCode.enhanceYourCalm,
        "more than \(FaultBudget.burst) streams were reset before their responses or "
          + "for protocol errors")
    }
  }

  /// Handles a header list that has exceeded `headerByteBound`.
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
