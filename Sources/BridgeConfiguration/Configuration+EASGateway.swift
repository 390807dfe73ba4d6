extension Configuration {
  /// A gateway of PAI-EAS in front of a service (`endpoint: {eas-gateway: {…}}`).
  package struct EASGateway: Sendable, Equatable {
    /// The service's name in PAI-EAS, with its `_`; nil where only an address was given.
    package var service: String?
    package var host: String
    /// Default 80, where gateways speak HTTP/1.1 and gRPC in the clear; with TLS 443.
    package var port = 80
    /// Whether it's spoken to by TLS.
    package var isSecure = false
    /// Whether the configuration says which port.
    package var hasOwnPort = false
    /// The most bytes of a request message; nil: any. Gateways refuse more than 1 MB, which the client
    /// hears at once and in words this way. Default 1 MiB.
    package var messageByteLimit: Int? = 1 << 20
    /// Whether the host has a form that the documentation doesn't have.
    package var isHostGuessed = false

    package init(service: String?, host: String) {
      self.service = service
      self.host = host
    }

    /// What the gateway goes by: the host, with a port only where it isn't the usual one.
    package var authority: String {
      self.port == (self.isSecure ? 443 : 80)
        ? self.bracketedHost : "\(self.bracketedHost):\(self.port)"
    }

    private var bracketedHost: String { self.host.contains(":") ? "[\(self.host)]" : self.host }
  }
}

extension Configuration.EASGateway: CustomStringConvertible {
  /// For people: `infer by the gateway infer.1234.cn-hangzhou.pai-eas.aliyuncs.com:80`.
  package var description: String {
    let name = self.service.map { "\($0) by " } ?? ""
    return "\(name)the gateway \(Configuration.Endpoint(host: self.host, port: self.port))"
  }
}
