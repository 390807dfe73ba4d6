/// Examples of the sections of a configuration, for messages about a value of the wrong kind.
enum SectionExamples {
  private static let examples: [String: String] = [
    "services": "services: {bench: {schemas: bench.proto, endpoint: 127.0.0.1:50051}}",
    "limits": "limits: {request_body_bytes: 8MiB}",
    "tls": "tls: {ca: ca.pem}",
    "connections": "connections: {count: 2}",
    "retry": "retry: {attempts: 3}",
    "budget": "budget: {tokens: 500, ratio: 0.1}",
    "health": "health: {check: on}",
    "alternatives": "alternatives: {canary: 127.0.0.1:50052}",
    "weights": "weights: {default: 95, canary: 5}",
    "http-protobuf":
      "http-protobuf: {request_type: PredictRequest, response_type: PredictResponse}",
    "metadata": "metadata: {x-team: legacy}",
    "auth": "auth: {scheme: bearer, token_env: BENCH_TOKEN}",
    "http": "http: {trailing_slash: strict}",
    "headers": "headers: {deny: [cookie]}",
    "cors": "cors: {origins: https://app.example}",
    "compression": "compression: {replies: on}",
    "json": "json: {unknown_fields: ignore}",
    "errors": "errors: {status: 200}",
    "stream": "stream: {format: sse}",
    "reflection": "reflection: {refresh: 5m}",
    "custom": "custom: {kind: HEAD, path: /v1/things}",
    "eas-gateway": "eas-gateway: {service: infer, uid: 1234567890123456, region: cn-hangzhou}",
    "eas-direct": "eas-direct: {service: infer, uid: 1234567890123456, region: cn-hangzhou}",
    "nacos": "nacos: {servers: nacos.internal:8848, service: infer}",
  ]

  /// Whether a key has a section as its value.
  static func isSection(_ key: String) -> Bool { Self.examples[key] != nil }

  /// A suggestion for a value of the wrong kind at a path; empty if there's no example.
  static func hint(_ path: String, _ node: YAMLNode) -> String {
    let parts = path.split(separator: ".")
    if parts.count == 2, parts[0] == "services" {
      return "; write its keys, such as {schemas: bench.proto, endpoint: 127.0.0.1:50051}"
    }
    guard let key = parts.last, var example = Self.examples[String(key)] else { return "" }
    // The value is used in the example if it's short and can't be a secret.
    if case .scalar(let text, _) = node.value, text.utf8.count <= 20 {
      switch (key, Int(text)) {
      case ("retry", let count?) where (2...10).contains(count):
        example = "retry: {attempts: \(count)}"
      case ("connections", let count?) where (1...64).contains(count):
        example = "connections: {count: \(count)}"
      case ("cors", _) where text == "*":
        example = "cors: {origins: \"*\"}"
      default: break
      }
    }
    let isNothing = node.isNull ? "; indent its keys under it, or" : ";"
    return "\(isNothing) write such as \(example)"
  }
}
