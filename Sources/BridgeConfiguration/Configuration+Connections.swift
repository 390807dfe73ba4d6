extension Configuration {
  /// Number and lifetime of the connections to each endpoint, per event loop.
  package struct Connections: Sendable, Equatable {
    /// Opened as soon as there are calls, which are spread evenly. A load balancer that distributes
    /// connections (NLB) needs more than one. Additional ones, up to `limits.endpoint_connections`, are
    /// opened when all of the endpoint's streams are in use. Default 1.
    package var count = 1
    /// A connection without calls is closed after this; nil: never. Gateways and load balancers drop
    /// idle ones after 600 s and 900 s, some silently. Default 500 s.
    package var idleTimeout: Duration? = .seconds(500)
    /// A connection is replaced after this, once another is ready, so that calls follow an address that
    /// has moved, or spread over the instances of a load balancer. Nil: never. Default nil.
    package var maxAge: Duration?
    /// After how much silence an endpoint with calls gets a keepalive PING; nil: only after a call has
    /// reached its deadline in silence. gRPC servers close connections that send more than one PING in
    /// 5 minutes. Default 330 s.
    package var keepaliveTime: Duration? = .seconds(330)
    /// How long the PING's acknowledgement may take before the connection is considered dead. Default
    /// 20 s, gRPC's.
    package var keepaliveTimeout: Duration = .seconds(20)
    /// Whether connections without calls send keepalive PINGs too. Default no, gRPC's.
    package var keepaliveWithoutCalls = false

    package init() {}
  }
}

extension Configuration.Connections {
  /// Reads the section `connections` of a service.
  init(_ section: SectionReader, defaults: Configuration.Connections) {
    self = defaults
    section.integer("count", into: &self.count, example: "2", in: 1...64)
    section.optionalDuration("idle_timeout", into: &self.idleTimeout)
    section.optionalDuration("max_age", into: &self.maxAge)
    section.optionalDuration("keepalive", into: &self.keepaliveTime)
    section.duration("keepalive_timeout", into: &self.keepaliveTimeout)
    section.flag("keepalive_without_calls", into: &self.keepaliveWithoutCalls)
    section.finish()
  }
}
