extension Configuration {
  /// How many connections there are to each endpoint, per event loop, and how long they live.
  package struct Connections: Sendable, Equatable {
    /// Opened as soon as there are calls, which are spread over them evenly. A balancer that works by
    /// connection (NLB) needs more than one. Further ones, up to `limits.endpoint_connections`, are
    /// opened when the endpoint's streams run short. Default 1.
    package var count = 1
    /// A connection without calls is closed after this; nil: never. Gateways and balancers drop idle
    /// ones after 600 s and 900 s, some without a word. Default 500 s.
    package var idleTimeout: Duration? = .seconds(500)
    /// A connection is replaced after this, when another is there: so that calls follow an address
    /// that has moved, or spread over what stands behind a balancer. Nil: never. Default nil.
    package var maxAge: Duration?
    /// When an endpoint that has calls and sends nothing is asked for a sign of life (PING); nil: only
    /// when a call has met its deadline in silence. gRPC's servers end connections that ask more often
    /// than every 5 minutes. Default 330 s.
    package var keepaliveTime: Duration? = .seconds(330)
    /// How long that may take before the connection counts as dead. Default 20 s, as gRPC's.
    package var keepaliveTimeout: Duration = .seconds(20)
    /// Whether connections without calls are asked too. Default no, as gRPC's.
    package var keepaliveWithoutCalls = false

    package init() {}
  }
}

extension Configuration.Connections {
  /// The section `connections` of a service.
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
