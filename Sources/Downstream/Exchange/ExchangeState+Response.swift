/// The end of a response, and its consequence for the connection.
extension ExchangeState {
  /// The next step after a response.
  enum After: Equatable {
    /// The next request, which may have arrived already.
    case next
    /// The rest of this one, which is discarded.
    case discard
    /// Close once the response has been written.
    case close
    /// Close our side once the response has been written, then keep reading for a while: a close with
    /// unread bytes would become a reset, and the client might lose the response (RFC 9112 §9.6).
    case linger
    /// There was no client to respond to.
    case none

    /// Whether the response has `Connection: close`.
    var closes: Bool { self == .close || self == .linger }
  }

  /// Whether a response that begins now will be the connection's last; for the head of a stream.
  var closesAfterResponse: Bool {
    switch self.state {
    case .calling(let calling), .switching(let calling), .streaming(let calling):
      !calling.keepsAlive || self.isLast
    case .relaying(let relaying): !relaying.calling.keepsAlive || self.isLast
    case .idle, .receiving, .upgrading, .upgraded, .discarding, .lingering, .closed: true
    }
  }

  private var isLast: Bool { self.isDraining || self.isInputClosed }

  /// The whole response (or the end of a streamed one) is about to be written.
  ///
  /// - Parameter closes: whether nothing more can be read from this client, whatever it requested.
  mutating func responded(closes: Bool = false) -> After {
    switch self.state {
    case .receiving(let receiving), .upgrading(let receiving):
      return self.respondedEarly(receiving, closes: closes)
    case .relaying(let relaying):
      return self.respondedEarly(relaying.receiving, closes: closes)
    case .calling(let calling), .switching(let calling), .streaming(let calling):
      if calling.keepsAlive, !closes, !self.isLast {
        self.state = .idle
        return .next
      }
      self.state = .closed
      return .close
    case .idle:
      // The response to input that wasn't a request.
      self.state = .lingering(left: Self.discardLimit)
      return .linger
    case .upgraded, .discarding, .lingering, .closed:
      self.state = .closed
      return .none
    }
  }

  /// The response is sent before the request's end.
  private mutating func respondedEarly(_ receiving: Receiving, closes: Bool) -> After {
    let keeps = receiving.request.keepsAlive && !closes && !self.isLast
    switch receiving.request.framing {
    case .none where keeps:
      self.state = .discarding(left: 0)
      return .discard
    case .length(let length) where keeps && receiving.isContinued:
      let left = length - receiving.received
      if left <= Self.discardLimit {
        self.state = .discarding(left: left)
        return .discard
      }
    case .none where !closes:
      // Nothing of this request is unread, but its end is still to be delivered.
      self.state = .closed
      return .close
    case .none, .length, .chunked:
      break
    }
    self.state = .lingering(left: Self.discardLimit)
    return .linger
  }

  /// A streamed response is about to be aborted, so that the client can't mistake it for a complete
  /// one.
  mutating func brokenOff() -> After {
    self.state = .closed
    return .close
  }
}
