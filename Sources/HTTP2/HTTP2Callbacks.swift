internal import CNghttp2
internal import NIOCore

/// The callbacks of nghttp2: each finds its session and records the event.
///
/// None calls back into nghttp2 except to access a stream's user data. They fail only if the session
/// has given the peer up (`giveUp`), which stops nghttp2 in the middle of its input.
extension HTTP2Session {
  /// Creates the nghttp2 session. Fails only when out of memory, where Swift itself would trap.
  static func makeHandle(_ role: Role) -> OpaquePointer {
    var callbacks: OpaquePointer?
    var options: OpaquePointer?
    var handle: OpaquePointer?
    _ = unsafe nghttp2_session_callbacks_new(&callbacks)
    _ = unsafe nghttp2_option_new(&options)
    unsafe Self.setCallbacks(callbacks)
    unsafe nghttp2_option_set_no_auto_window_update(options, 1)
    unsafe nghttp2_option_set_no_closed_streams(options, 1)
    switch role {
    case .client: _ = unsafe nghttp2_session_client_new2(&handle, callbacks, nil, options)
    case .server: _ = unsafe nghttp2_session_server_new2(&handle, callbacks, nil, options)
    }
    unsafe nghttp2_option_del(options)
    unsafe nghttp2_session_callbacks_del(callbacks)
    guard let handle = unsafe handle else { preconditionFailure("no memory for a session") }
    return unsafe handle
  }

  private static func setCallbacks(_ callbacks: OpaquePointer?) {
    unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { _, header, user in
      guard let header = unsafe header, let user = unsafe user,
        unsafe header.pointee.type == UInt8(NGHTTP2_HEADERS.rawValue)
      else { return 0 }
      return unsafe HTTP2Session.at(user) {
        unsafe $0.blockBegins(on: header.pointee.stream_id)
        return $0.verdict
      }
    }
    unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
      _, frame, _, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      return unsafe HTTP2Session.at(user) {
        let header = unsafe frame.pointee.hd
        let opens =
          unsafe header.type == UInt8(NGHTTP2_HEADERS.rawValue)
          && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
        $0.frameIsInvalid(on: header.stream_id, opensStream: opens)
        return $0.verdict
      }
    }
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) {
      _, frame, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      let header = unsafe frame.pointee.hd
      let opens =
        unsafe header.type == UInt8(NGHTTP2_HEADERS.rawValue)
        && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
      unsafe HTTP2Session.at(user) { $0.beginBlock(header.stream_id, opensStream: opens) }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameLength, value, valueLength, _, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      return unsafe HTTP2Session.at(user) {
        unsafe $0.addField(
          UnsafeBufferPointer(start: name, count: nameLength),
          UnsafeBufferPointer(start: value, count: valueLength), of: frame.pointee.hd.stream_id)
      }
    }
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, id, data, length, user in
      guard let data = unsafe data, let user = unsafe user else { return 0 }
      unsafe HTTP2Session.at(user) { unsafe $0.addPayload(id, data, length) }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      return unsafe HTTP2Session.at(user) {
        unsafe $0.frameReceived(frame.pointee)
        return $0.verdict
      }
    }
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
      _, id, errorCode, user in
      guard let user = unsafe user else { return 0 }
      unsafe HTTP2Session.at(user) { $0.streamClosed(id, errorCode) }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) {
      _, frame, error, user in
      guard let frame = unsafe frame, let user = unsafe user else { return 0 }
      unsafe HTTP2Session.at(user) { unsafe $0.frameNotSent(frame.pointee, error) }
      return 0
    }
    unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks) {
      _, _, header, length, source, user in
      guard let header = unsafe header, let source = unsafe source, let user = unsafe user else {
        return 0
      }
      let slot = unsafe Int(source.pointee.fd)
      return unsafe HTTP2Session.at(user) { unsafe $0.writeDataFrame(slot, header, length) }
    }
    unsafe nghttp2_session_callbacks_set_error_callback2(callbacks) {
      _, _, text, length, user in
      guard let user = unsafe user else { return 0 }
      let bytes = unsafe UnsafeRawBufferPointer(start: text, count: length)
      unsafe HTTP2Session.at(user) { unsafe $0.complain(bytes) }
      return 0
    }
  }

  /// Reads the next piece of a stream's body.
  static var bodyProvider: nghttp2_data_source_read_callback {
    { _, _, _, limit, flags, source, user in
      guard let flags = unsafe flags, let source = unsafe source, let user = unsafe user else {
        return 0
      }
      let slot = unsafe Int(source.pointee.fd)
      return unsafe HTTP2Session.at(user) {
        unsafe $0.nextFrame(slot, limit: limit, &flags.pointee)
      }
    }
  }

  /// Calls `body` with the session that a callback is for, without reference counting.
  private static func at<Result>(
    _ user: UnsafeMutableRawPointer, _ body: (HTTP2Session) -> Result
  ) -> Result {
    unsafe Unmanaged<HTTP2Session>.fromOpaque(user)._withUnsafeGuaranteedRef(body)
  }

  // MARK: Received

  private func beginBlock(_ id: Int32, opensStream: Bool) {
    self.isBlockOpen = true
    self.blockStart = self.headers.fields.count
    self.blockSize = 0
    self.isBlockTooLarge = false
    guard opensStream else { return }
    let slot = self.takeSlot()
    self.streams[slot] = StreamEntry(id: id)
    _ = unsafe nghttp2_session_set_stream_user_data(self.handle, id, Self.tag(slot))
  }

  /// Adds a field of the current header block.
  ///
  /// - Returns: the callback's result.
  private func addField(
    _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>, of id: Int32
  ) -> Int32 {
    // RFC 9113 §6.5.2: a field counts 32 bytes in addition to its name and value.
    self.blockSize += name.count + value.count + 32
    guard self.blockSize <= self.options.headerByteLimit else { return self.refuseField(of: id) }
    unsafe self.headers.append(name, value)
    return 0
  }

  /// Drops a block that has become too large, and stops reading it beyond `headerByteBound`.
  @inline(never)
  private func refuseField(of id: Int32) -> Int32 {
    if !self.isBlockTooLarge {
      self.isBlockTooLarge = true
      self.headers.removeFields(from: self.blockStart)
    }
    guard self.blockSize > self.options.headerByteBound else { return 0 }
    self.blockIsBeyondBound(of: id)
    return self.fieldRefusal
  }

  private func addPayload(_ id: Int32, _ data: UnsafePointer<UInt8>, _ length: Int) {
    self.receivedPayload += length
    guard length > 0, let stream = self.find(id), let base = unsafe self.receiveBase else { return }
    // nghttp2 passes payload as pointers into the bytes that it was given.
    let start = unsafe data - base
    self.events.append(.data(stream, bytes: start..<start + length))
  }

  private func frameReceived(_ frame: nghttp2_frame) {
    let endsStream = unsafe frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch unsafe UInt32(frame.hd.type) {
    case NGHTTP2_DATA.rawValue:
      guard endsStream, let stream = unsafe self.find(frame.hd.stream_id) else { return }
      self.events.append(.endOfStream(stream))
    case NGHTTP2_HEADERS.rawValue:
      self.isBlockOpen = false
      guard let stream = unsafe self.find(frame.hd.stream_id) else { return }
      if self.isBlockTooLarge {
        self.events.append(.headersTooLarge(stream))
        self.noteFault()
      } else {
        let fields = self.blockStart..<self.headers.fields.count
        self.events.append(.headers(stream, fields: fields, endsStream: endsStream))
      }
    case NGHTTP2_SETTINGS.rawValue:
      guard unsafe frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0 else { return }
      self.events.append(.settings)
    case NGHTTP2_PING.rawValue:
      guard unsafe frame.hd.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 else { return }
      let data = unsafe frame.ping.opaque_data
      let value = unsafe withUnsafeBytes(of: data) { unsafe $0.loadUnaligned(as: UInt64.self) }
      self.events.append(.pong(UInt64(bigEndian: value)))
    case NGHTTP2_RST_STREAM.rawValue:
      self.peerReset = unsafe frame.hd.stream_id
    case NGHTTP2_GOAWAY.rawValue:
      let goAway = unsafe frame.goaway
      let event = unsafe HTTP2Event.goAway(
        lastStream: goAway.last_stream_id, errorCode: goAway.error_code)
      self.events.append(event)
    default:
      return
    }
  }

  private func streamClosed(_ id: Int32, _ errorCode: UInt32) {
    guard let stream = self.find(id) else { return }
    self.lastFound = HTTP2Stream(id: 0, slot: 0)
    self.noteEnd(of: stream, errorCode)
    self.queuedBytes -= self.streams[stream.slot].body.byteCount
    self.windowBytesAdded -= self.streams[stream.slot].windowBytesAdded
    self.streams[stream.slot] = StreamEntry(id: 0)
    self.closedSlots.append(stream.slot)
    let code = id == self.unsentRequest ? HTTP2ErrorCode.refusedStream : errorCode
    self.noteViolation(id, code)
    self.events.append(.closed(stream, errorCode: code))
  }

  /// Records why nghttp2 reset a stream on which the server violated the protocol. nghttp2 does so on
  /// its own, and gives the reason, if at all, in a message that names the stream. The client's own
  /// resets are for cancelled calls.
  private func noteViolation(_ id: Int32, _ code: UInt32) {
    guard self.role == .client, id != self.peerReset,
      ![HTTP2ErrorCode.noError, HTTP2ErrorCode.refusedStream, HTTP2ErrorCode.cancel].contains(code)
    else { return }
    let complaint = self.complaint.flatMap { $0.contains("stream: \(id),") ? $0 : nil }
    let reason = complaint.map { ": \($0.prefix(Self.complaintLimit))" } ?? ""
    self.violations[id] = "\(HTTP2ErrorCode.name(code))\(reason)"
  }

  private func complain(_ text: UnsafeRawBufferPointer) {
    let start = unsafe UnsafeRawBufferPointer(rebasing: text.prefix(2 * Self.complaintLimit))
    self.complaint = unsafe String(decoding: start, as: UTF8.self)
  }

  /// Limit on nghttp2's message, which repeats the field in question, in characters.
  private static let complaintLimit = 300

  // MARK: Sent

  /// Records a request that was queued before the peer's GOAWAY arrived and can't be sent any more.
  /// Its stream closes next, with NGHTTP2_INTERNAL_ERROR, and is reported as refused. One that this
  /// side reset (NGHTTP2_ERR_STREAM_CLOSING) keeps its code.
  private func frameNotSent(_ frame: nghttp2_frame, _ error: Int32) {
    guard unsafe frame.hd.type == UInt8(NGHTTP2_HEADERS.rawValue),
      unsafe frame.headers.cat == NGHTTP2_HCAT_REQUEST,
      error != NGHTTP2_ERR_STREAM_CLOSING.rawValue
    else { return }
    self.unsentRequest = unsafe frame.hd.stream_id
  }

  /// Returns the length of the next DATA frame and flags the last one.
  private func nextFrame(_ slot: Int, limit: Int, _ flags: inout UInt32) -> Int {
    switch self.streams[slot].body.nextFrame(limit: limit, joins: self.options.joinsBuffers) {
    case .none:
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    case .middle(let length):
      flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
      return length
    case .last(let length, let hasTrailers):
      flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue | NGHTTP2_DATA_FLAG_EOF.rawValue
      if hasTrailers {
        flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        self.dueTrailers.append(HTTP2Stream(id: self.streams[slot].id, slot: slot))
      }
      return length
    }
  }

  /// Writes a whole DATA frame: nghttp2's header, and the payload from the stream's queue.
  private func writeDataFrame(_ slot: Int, _ header: UnsafePointer<UInt8>, _ length: Int) -> Int32 {
    guard self.output.readableBytes < self.outputLimit else {
      self.isOutputFull = true
      return NGHTTP2_ERR_WOULDBLOCK.rawValue
    }
    unsafe self.output.writeBytes(
      UnsafeRawBufferPointer(start: header, count: Self.frameHeaderBytes))
    self.streams[slot].body.take(length, into: &self.output)
    self.queuedBytes -= length
    return 0
  }

  /// RFC 9113 §4.1.
  private static let frameHeaderBytes = 9
}
