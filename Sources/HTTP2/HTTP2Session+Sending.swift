internal import CNghttp2
package import NIOCore

/// Queueing frames. Nothing is sent before `drain`.
extension HTTP2Session {
  /// Opens a stream with a request.
  ///
  /// - Parameters:
  ///   - headers: pseudo-header fields first (RFC 9113 §8.3), names in lower case.
  ///   - body: the first piece of the body, if available.
  ///   - endsStream: whether the request is complete with `body`.
  /// - Returns: nil if the connection can't open any more streams, and so can't take new calls.
  package func submitRequest(
    _ headers: HeaderBlock, body: ByteBuffer?, endsStream: Bool
  ) -> HTTP2Stream? {
    guard !self.isBroken else { return nil }
    let slot = self.takeSlot()
    self.streams[slot] = self.makeEntry(0, body: body, endsStream: endsStream)
    let id = unsafe self.withFields(headers) { fields, count in
      guard !self.streams[slot].body.isSent else {
        return unsafe nghttp2_submit_request(
          self.handle, nil, fields, count, nil, Self.tag(slot))
      }
      var provider = unsafe Self.provider(slot)
      return unsafe nghttp2_submit_request(
        self.handle, nil, fields, count, &provider, Self.tag(slot))
    }
    guard id > 0 else {
      // NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE, _NOMEM; _INVALID_ARGUMENT and _PROTO can't occur:
      // there's no priority, and this is a client.
      self.queuedBytes -= self.streams[slot].body.byteCount
      self.streams[slot] = StreamEntry(id: 0)
      self.freeSlots.append(slot)
      return nil
    }
    self.streams[slot].id = id
    return HTTP2Stream(id: id, slot: slot)
  }

  /// Responds to a request; `endsStream` without a body makes a Trailers-Only response.
  package func submitResponse(
    _ stream: HTTP2Stream, _ headers: HeaderBlock, body: ByteBuffer? = nil, endsStream: Bool
  ) {
    guard self.isKnown(stream), !self.isBroken else { return }
    let slot = stream.slot
    let entry = self.makeEntry(stream.id, body: body, endsStream: endsStream)
    self.streams[slot].body = entry.body
    // NGHTTP2_ERR_NOMEM, or _DATA_EXIST after a second response: a bug of the caller.
    let result = unsafe self.withFields(headers) { fields, count in
      guard !self.streams[slot].body.isSent else {
        return unsafe nghttp2_submit_response(self.handle, stream.id, fields, count, nil)
      }
      var provider = unsafe Self.provider(slot)
      return unsafe nghttp2_submit_response(self.handle, stream.id, fields, count, &provider)
    }
    precondition(result == 0, "two responses on one stream")
  }

  /// Sends a 1xx head (RFC 9113 §8.1); the response follows.
  package func submitInterim(_ stream: HTTP2Stream, _ headers: HeaderBlock) {
    guard self.isKnown(stream), !self.isBroken else { return }
    _ = unsafe self.withFields(headers) { fields, count in
      unsafe nghttp2_submit_headers(self.handle, 0, stream.id, nil, fields, count, nil)
    }
  }

  /// Appends to the body of a stream that hasn't ended. Ignored for a closed stream.
  package func send(_ stream: HTTP2Stream, _ bytes: ByteBuffer, endsStream: Bool = false) {
    guard self.isKnown(stream), !self.streams[stream.slot].body.isEnded else { return }
    self.queuedBytes += bytes.readableBytes
    self.streams[stream.slot].body.append(bytes)
    if endsStream { self.streams[stream.slot].body.end(trailers: nil) }
    self.resume(stream)
  }

  /// Ends this side of a stream, with the trailers, if any, after the queued bytes.
  package func finish(_ stream: HTTP2Stream, trailers: HeaderBlock? = nil) {
    guard self.isKnown(stream), !self.streams[stream.slot].body.isEnded else { return }
    self.streams[stream.slot].body.end(trailers: trailers)
    self.resume(stream)
  }

  /// Ends a stream immediately with RST_STREAM. Its `closed` event follows in the next `drain`.
  package func reset(_ stream: HTTP2Stream, errorCode: UInt32) {
    guard self.isKnown(stream), !self.isBroken else { return }
    self.streams[stream.slot].isReset = true
    _ = unsafe nghttp2_submit_rst_stream(self.handle, 0, stream.id, errorCode)
  }

  /// Announces to the client that the connection will end soon, before `goAway` names the last
  /// stream; streams opened meanwhile are served (RFC 9113 §6.8). For servers only.
  package func announceGoAway() {
    guard !self.isBroken else { return }
    _ = unsafe nghttp2_submit_shutdown_notice(self.handle)
  }

  /// Makes the peer open no more streams; those up to `lastStream` (all by default) finish.
  package func goAway(lastStream: Int32? = nil, errorCode: UInt32 = HTTP2ErrorCode.noError) {
    guard !self.isBroken else { return }
    self.hasSaidGoodbye = true
    let last = unsafe lastStream ?? nghttp2_session_get_last_proc_stream_id(self.handle)
    _ = unsafe nghttp2_submit_goaway(self.handle, 0, last, errorCode, nil, 0)
  }

  /// Sends a PING, which the peer acknowledges on its own (RFC 9113 §6.7); the `pong` event has the
  /// same data.
  package func ping(_ data: UInt64 = 0) {
    guard !self.isBroken else { return }
    unsafe withUnsafeBytes(of: data.bigEndian) { bytes in
      let data = unsafe bytes.bindMemory(to: UInt8.self).baseAddress
      _ = unsafe nghttp2_submit_ping(self.handle, 0, data)
    }
  }

  /// Sets the window to which a stream grows once enough of its payload has been consumed. A stream
  /// that isn't read never gets more than `Options.streamWindow`, and all streams together no more
  /// than `Options.windowByteLimit` beyond that. The connection's own window stays at least twice as
  /// large.
  package func setStreamWindow(_ byteCount: Int) {
    guard !self.isBroken else { return }
    self.grownWindow = byteCount
    guard byteCount * 2 > self.options.connectionWindow else { return }
    _ = unsafe nghttp2_session_set_local_window_size(
      self.handle, 0, 0, Int32(clamping: byteCount * 2))
  }

  // MARK: Within the session

  /// Queues this side's SETTINGS, and the WINDOW_UPDATE that widens the connection's window.
  func submitSettings() {
    var entries: [nghttp2_settings_entry] = []
    func add(_ id: nghttp2_settings_id, _ value: Int) {
      entries.append(
        nghttp2_settings_entry(
          settings_id: Int32(bitPattern: id.rawValue),
          value: UInt32(clamping: value)))
    }
    switch self.role {
    case .client: add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)
    case .server: add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, self.options.concurrentStreams)
    }
    add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, self.options.streamWindow)
    add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, self.options.headerByteLimit)
    // Both fail only for values out of range, or when memory is out.
    let settings = unsafe nghttp2_submit_settings(self.handle, 0, entries, entries.count)
    let window = unsafe nghttp2_session_set_local_window_size(
      self.handle, 0, 0, Int32(clamping: self.options.connectionWindow))
    precondition(settings == 0 && window == 0, "settings out of range")
  }

  /// Queues the trailers of streams whose last DATA frame has been framed.
  ///
  /// - Returns: whether there were any.
  func submitDueTrailers() -> Bool {
    guard !self.dueTrailers.isEmpty else { return false }
    for stream in self.dueTrailers where self.isKnown(stream) {
      guard let trailers = self.streams[stream.slot].body.takeTrailers() else { continue }
      // NGHTTP2_ERR_NOMEM; _INVALID_ARGUMENT can't occur: the identifier is a stream's.
      _ = unsafe self.withFields(trailers) { fields, count in
        unsafe nghttp2_submit_trailer(self.handle, stream.id, fields, count)
      }
    }
    self.dueTrailers.removeAll(keepingCapacity: true)
    return true
  }

  /// Widens the window of a stream once enough of its payload has been returned.
  func growWindow(of stream: HTTP2Stream) {
    let entry = self.streams[stream.slot]
    let window = self.options.streamWindow + entry.windowBytesAdded
    let added = min(
      self.grownWindow - window, self.options.windowByteLimit - self.windowBytesAdded)
    guard added > 0, entry.returnedBytes >= 2 * window else { return }
    // NGHTTP2_ERR_NOMEM, _FLOW_CONTROL (the sum is far below its limit), _INVALID_ARGUMENT.
    let result = unsafe nghttp2_session_set_local_window_size(
      self.handle, 0, stream.id, Int32(clamping: window + added))
    guard result == 0 else { return }
    self.streams[stream.slot].windowBytesAdded += added
    self.windowBytesAdded += added
  }

  private func makeEntry(_ id: Int32, body: ByteBuffer?, endsStream: Bool) -> StreamEntry {
    var entry = StreamEntry(id: id)
    if let body {
      self.queuedBytes += body.readableBytes
      entry.body.append(body)
    }
    if endsStream {
      if entry.body.byteCount == 0 {
        entry.body.endWithHead()
      } else {
        entry.body.end(trailers: nil)
      }
    }
    return entry
  }

  private func resume(_ stream: HTTP2Stream) {
    guard self.streams[stream.slot].body.isDeferred, !self.isBroken else { return }
    self.streams[stream.slot].body.isDeferred = false
    // NGHTTP2_ERR_INVALID_ARGUMENT when the stream is being closed: there's nothing to resume.
    _ = unsafe nghttp2_session_resume_data(self.handle, stream.id)
  }

  private static func provider(_ slot: Int) -> nghttp2_data_provider {
    unsafe nghttp2_data_provider(
      source: nghttp2_data_source(fd: Int32(truncatingIfNeeded: slot)),
      read_callback: Self.bodyProvider)
  }

  /// Whether HPACK may index a field. An identifier of a single request isn't added to the dynamic
  /// table (RFC 7541 §6.2.3), where it would only evict other fields.
  private static func flag(
    of field: HeaderBlock.Field, in headers: HeaderBlock
  ) -> nghttp2_nv_flag {
    headers.isNamed("x-request-id", field) || headers.isNamed("traceparent", field)
      ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
  }

  /// Lends the fields in nghttp2's form. It copies them before a submit function returns, because
  /// no flag says otherwise.
  private func withFields(
    _ headers: HeaderBlock, _ submit: (UnsafePointer<nghttp2_nv>, Int) -> Int32
  ) -> Int32 {
    let count = headers.fields.count
    if count > self.fieldCapacity {
      unsafe self.fieldScratch.deallocate()
      self.fieldCapacity = count
      unsafe self.fieldScratch = .allocate(capacity: count)
    }
    return unsafe headers.bytes.withUnsafeBufferPointer { bytes in
      guard let base = unsafe UnsafeMutablePointer(mutating: bytes.baseAddress) else { return 0 }
      for (index, field) in headers.fields.enumerated() {
        unsafe (self.fieldScratch + index).initialize(
          to: nghttp2_nv(
            name: base + field.name.lowerBound, value: base + field.value.lowerBound,
            namelen: field.name.count, valuelen: field.value.count,
            flags: UInt8(Self.flag(of: field, in: headers).rawValue)))
      }
      return unsafe submit(self.fieldScratch, count)
    }
  }
}
