package import GRPCWire

extension Configuration {
  /// The endpoints of a service, and how its calls get to them (Envoy's word for the same).
  package struct Cluster: Sendable {
    /// Where the endpoints come from.
    package var kind: EndpointKind
    /// The `:authority` of all calls; nil: that of the kind, else the endpoint's own.
    package var authority: String?
    package var balance = Balance()
    package var connections = Connections()
    /// Nil: only calls that certainly never got there begin again. Default nil.
    package var retry: Retry?
    package var health = Health()
    /// Nil: in the clear. Default nil.
    package var tls: TLS?

    package init(_ kind: EndpointKind, authority: String? = nil) {
      self.kind = kind
      self.authority = authority
    }

    /// The one endpoint of a list of one, which needs no balancing; nil where there's more to it.
    package var only: Endpoint? {
      guard let endpoints = self.kind.fixed, endpoints.count == 1, self.retry == nil,
        !(self.health.check ?? false)
      else { return nil }
      return endpoints[0].endpoint
    }

    /// One endpoint.
    package init(_ endpoint: Endpoint) {
      self.init(.static([WeightedEndpoint(endpoint)]))
    }
  }

  /// The kinds of endpoint that `endpoint:` of a service can be.
  package enum EndpointKind: Sendable {
    /// A list that doesn't change.
    case `static`([WeightedEndpoint])
    /// What a name leads to.
    case dns(DNS)
    /// A gateway of PAI-EAS.
    case easGateway(EASGateway)
    /// A balancer that shares out connections.
    case nlb(Endpoint)
    /// What the discovery of PAI-EAS lists.
    case easDirect(EASDirect)
    /// What's registered in Nacos.
    case nacos(Nacos)
  }

  /// A name that is looked up, because it leads to the endpoints.
  package struct DNS: Sendable, Equatable {
    package enum Name: Sendable, Equatable {
      /// All addresses of a host, each with this port.
      case host(String, port: Int)
      /// A service such as `_grpc._tcp.bench.internal`, whose SRV records name hosts, ports and weights
      /// (RFC 2782).
      case service(String)
    }

    package var name: Name
    /// How often it's looked up. Default 30 s.
    package var interval = Self.usualInterval
    /// How long one lookup may take. Default 5 s.
    package var timeout = Self.usualTimeout

    static let usualInterval: Duration = .seconds(30)
    static let usualTimeout: Duration = .seconds(5)

    package init(_ name: Name) {
      self.name = name
    }

    /// What certificates are compared with. Of a service that's its name without `_grpc._tcp.`: the hosts
    /// that the records name are only as trustworthy as whoever answered (RFC 6125 §6.2.1).
    package var host: String {
      switch self.name {
      case .host(let host, _):
        return host
      case .service(let name):
        let labels = name.split(separator: ".")
        return labels.drop { $0.hasPrefix("_") }.joined(separator: ".")
      }
    }

    /// The `:authority` of calls: the name that the configuration has, as gRPC's clients say, and not
    /// one of its addresses.
    package var authority: String {
      switch self.name {
      case .host(let host, let port): Endpoint(host: host, port: port).description
      case .service: self.host
      }
    }
  }
}

extension Configuration.EndpointKind: CustomStringConvertible {
  /// For people: `127.0.0.1:50051`, `a:1 or b:1`. Never a secret.
  package var description: String {
    switch self {
    case .static(let endpoints):
      endpoints.map(\.endpoint.description).joined(separator: " or ")
    case .dns(let dns):
      switch dns.name {
      case .host(let host, let port):
        "the addresses of \(Configuration.Endpoint(host: host, port: port))"
      case .service(let name):
        "the SRV records of \(name)"
      }
    case .easGateway(let gateway):
      gateway.description
    case .nlb(let endpoint):
      "the balancer \(endpoint)"
    case .easDirect(let eas): eas.description
    case .nacos(let nacos): nacos.description
    }
  }
}

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

extension Configuration {
  /// How calls are shared out among endpoints.
  package struct Balance: Sendable, Equatable {
    package enum Policy: Sendable, Equatable {
      /// In turn, by weight.
      case roundRobin
      /// The less busy one of two that chance picks.
      case leastRequests
      /// One, until it's lost: the first of the list that can be reached.
      case pickFirst
      /// Calls with the same value of a metadata field go to the same endpoint.
      case ringHash(header: String)
    }

    /// Default round robin.
    package var policy = Policy.roundRobin
    /// How many of the endpoints this process uses; nil: all. Keeps many bridges from holding
    /// connections to all of many endpoints. Default nil.
    package var subset: Int?

    package init() {}
  }

  /// Which calls that failed are tried again, and how often.
  package struct Retry: Sendable, Equatable {
    /// Keeps retries from multiplying the load of an outage (gRFC A6, retry throttling).
    package struct Budget: Sendable, Equatable {
      /// Failures that half use up; per event loop. Default 500.
      package var tokens = 500
      /// What a call that ends well gives back. Default 0.1.
      package var ratio = 0.1

      package init() {}
    }

    /// Attempts in all. Default 3.
    package var attempts = 3
    /// Statuses that are worth another attempt. Default UNAVAILABLE.
    package var codes: Set<GRPCStatus.Code> = [.unavailable]
    /// Before the second attempt; each further wait is twice as long. Spread by a fifth. Default 25 ms.
    package var backoff: Duration = .milliseconds(25)
    /// The longest wait. Default 1 s.
    package var longestBackoff: Duration = .seconds(1)
    /// When an attempt that got no answer is given up for another; nil: with the call's deadline.
    /// Default nil.
    package var timeout: Duration?
    package var budget = Budget()

    package init() {}
  }

  /// Which endpoints of several are left out.
  package struct Health: Sendable, Equatable {
    /// Whether each endpoint is asked by grpc.health.v1; nil: where there are several. One that doesn't
    /// have that service counts as healthy.
    package var check: Bool?
    /// The service that is asked for; empty: the server as a whole.
    package var service = ""
    /// When the share of endpoints that look healthy falls below this, all of them are used: then it's
    /// more likely that the looking is wrong, and few would be overrun. Default 0.5, as Envoy's.
    package var panicThreshold = 0.5
    package var outliers = Outliers()

    package init() {}
  }

  /// When an endpoint is left out because of how its calls end.
  package struct Outliers: Sendable, Equatable {
    /// Failures in a row; 0: whatever happens. Default 5.
    package var consecutiveFailures = 5
    /// Whether one is left out whose share of good ends is far below the others'. Default yes.
    package var usesSuccessRate = true
    /// How often the shares are compared. Default 10 s.
    package var interval: Duration = .seconds(10)
    /// For how long it's left out; longer each time. Default 30 s.
    package var ejectionTime: Duration = .seconds(30)
    /// The longest. Default 5 min.
    package var longestEjection: Duration = .seconds(300)
    /// The share of endpoints that may be left out, but always one. Default 0.5.
    package var mostEjected = 0.5

    package init() {}
  }
}
