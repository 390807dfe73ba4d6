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

extension ConfigurationReader {
  /// The section `connections`.
  func connections(
    _ section: SectionReader, defaults: Configuration.Connections
  ) -> Configuration.Connections {
    var connections = defaults
    let count = section.value("count", example: "2") { text throws(ValueError) in
      try ConfigurationValues.integer(text, in: 1...64)
    }
    if let count { connections.count = count }
    Self.optional("idle_timeout", in: section, &connections.idleTimeout)
    Self.optional("max_age", in: section, &connections.maxAge)
    Self.optional("keepalive", in: section, &connections.keepaliveTime)
    Self.duration("keepalive_timeout", in: section, &connections.keepaliveTimeout)
    if let always = section.flag("keepalive_without_calls") {
      connections.keepaliveWithoutCalls = always
    }
    section.finish()
    return connections
  }
}
