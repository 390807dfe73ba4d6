/// Files that are wrong in one way or in many, with every line that's said about them.
extension ConfigurationReaderTests {
  static let badFiles: [BadFile] = Self.wholeFiles + Self.sections + Self.services + Self.yaml

  private static let wholeFiles: [BadFile] = [
    BadFile(
      "an empty file", "",
      "bridge.yaml:1:1: the file is empty; write at least services"),
    BadFile(
      "only comments", "# nothing\n",
      "bridge.yaml:1:1: the file is empty; write at least services"),
    BadFile(
      "a list", "- a\n- b\n",
      "bridge.yaml:1:1: expected a mapping of keys to values, found a list"),
    BadFile(
      "everything at once",
      """
      listn: 127.0.0.1:8080
      admin: 8081
      services:
        bench:
          schemas: [a.proto, gone.proto]
          endpoint: 127.0.0.1
          timeout: 30
          metdata: {}
      """,
      """
      bridge.yaml:1:1: listn: unknown key; did you mean listen?
      bridge.yaml:2:8: admin: "8081" is not an address; write host:port, such as 127.0.0.1:8080
      bridge.yaml:5:24: services.bench.schemas[1]: "gone.proto": No such file or directory \
      (looked for <folder>/gone.proto)
      bridge.yaml:6:15: services.bench.endpoint: "127.0.0.1" is not an address; write host:port, \
      such as 127.0.0.1:50051
      bridge.yaml:7:14: services.bench.timeout: "30" is not a duration; write a number with a unit, \
      such as 30s or 500ms
      bridge.yaml:8:5: services.bench.metdata: unknown key; did you mean metadata?
      """),
  ]

  private static let sections: [BadFile] = [
    BadFile(
      "no services", "listen: 127.0.0.1:1",
      """
      bridge.yaml:1:1: services: missing; write at least one service with its schemas and its \
      endpoint
      """),
    BadFile(
      "services without a value", "services:",
      "bridge.yaml:1:10: services: expected a mapping of keys to values, found nothing; indent its keys "
        + "under it, or write such as services: {bench: {schemas: bench.proto, endpoint: "
        + "127.0.0.1:50051}}"),
    BadFile(
      "keys that should be indented",
      "services:\nbench:\n  schemas: a.proto\n  endpoint: h:1\n",
      """
      bridge.yaml:1:10: services: expected a mapping of keys to values, found nothing; indent its \
      keys under it, or write such as services: {bench: {schemas: bench.proto, endpoint: \
      127.0.0.1:50051}}
      bridge.yaml:2:1: bench: unknown key; if it belongs under services, indent it
      """),
    BadFile(
      "single values where sections are due",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          retry: 3
          cors: "*"
          auth: not-for-your-eyes
          json: ignore
        b: a.proto
      """,
      """
      bridge.yaml:5:12: services.a.retry: expected a mapping of keys to values, found a single value; \
      write such as retry: {attempts: 3}
      bridge.yaml:6:11: services.a.cors: expected a mapping of keys to values, found a single value; \
      write such as cors: {origins: "*"}
      bridge.yaml:7:11: services.a.auth: expected a mapping of keys to values, found a single value; \
      write such as auth: {scheme: bearer, token_env: BENCH_TOKEN}
      bridge.yaml:8:11: services.a.json: expected a mapping of keys to values, found a single value; \
      write such as json: {unknown_fields: ignore}
      bridge.yaml:9:6: services.b: expected a mapping of keys to values, found a single value; write \
      its keys, such as {schemas: bench.proto, endpoint: 127.0.0.1:50051}
      """),
    BadFile(
      "more unknown keys than anyone reads",
      "services:\n  a:\n    schemas: a.proto\n    endpoint: h:1\n    headers:\n"
        + (10..<22).map { "      zzz\($0): 1\n" }.joined(),
      (["bridge.yaml:5:5: services.a.headers: … and 2 more unknown keys"]
        + (10..<20).map {
          "bridge.yaml:\($0 - 4):7: services.a.headers.zzz\($0): unknown key; the keys here are allow, deny, grpc_metadata"
        }).joined(separator: "\n")),
    BadFile(
      "services without a member", "services: {}",
      """
      bridge.yaml:1:1: services: no services; write at least one, with schemas and an endpoint
      """),
    BadFile(
      "wrong kinds at the top",
      """
      listen: {a: b}
      admin: [127.0.0.1:1]
      access_log: "on"
      threads: many
      drain_timeout:
      limits: 5
      services: {a: {schemas: a.proto, endpoint: 'h:1'}}
      """,
      """
      bridge.yaml:1:9: listen: expected a single value such as 127.0.0.1:8080, found a mapping
      bridge.yaml:2:8: admin: expected a single value such as 127.0.0.1:8081, found a list
      bridge.yaml:3:13: access_log: expected true or false, found "on"
      bridge.yaml:4:10: threads: "many" is not a number from 1 to 1024
      bridge.yaml:5:15: drain_timeout: expected a single value such as 30s, found nothing
      bridge.yaml:6:9: limits: expected a mapping of keys to values, found a single value; write such \
      as limits: {request_body_bytes: 8MiB}
      """),
    BadFile(
      "limits",
      """
      limits:
        request_body: 4MiB
        reply_bytes: 4MB
        head_bytes: 1
        head_fields: 0
        idle_timeout: 0s
        something_else: 1
      services: {a: {schemas: a.proto, endpoint: 'h:1'}}
      """,
      """
      bridge.yaml:2:3: limits.request_body: unknown key; the keys here are \
      calls_in_flight, calls_waiting, client_buffer_bytes, client_connections, client_streams, \
      connect_timeout, \
      endpoint_connections, endpoint_header_bytes, endpoint_window_bytes, half_closed_timeout, \
      head_bytes, head_fields, idle_timeout, \
      inflation_ratio, reply_bytes, request_body_bytes, request_read_timeout, \
      response_write_timeout
      bridge.yaml:3:16: limits.reply_bytes: "4MB" is not a size; write bytes or a number with a \
      unit, such as 64KiB or 4MiB
      bridge.yaml:4:15: limits.head_bytes: "1" is out of range; write 1024 to 16777216 bytes
      bridge.yaml:5:16: limits.head_fields: "0" is not a number from 1 to 1000000
      bridge.yaml:6:17: limits.idle_timeout: "0s": must be greater than 0, such as 30s
      bridge.yaml:7:3: limits.something_else: unknown key; the keys here are \
      calls_in_flight, calls_waiting, client_buffer_bytes, client_connections, client_streams, \
      connect_timeout, \
      endpoint_connections, endpoint_header_bytes, endpoint_window_bytes, half_closed_timeout, \
      head_bytes, head_fields, idle_timeout, \
      inflation_ratio, reply_bytes, request_body_bytes, request_read_timeout, \
      response_write_timeout
      """),
    BadFile(
      "addresses twice",
      """
      listen: [127.0.0.1:80, 127.0.0.1:80, 127.0.0.1:0, 127.0.0.1:0]
      admin: 127.0.0.1:80
      services: {a: {schemas: a.proto, endpoint: 'h:1'}}
      """,
      """
      bridge.yaml:1:9: listen: 127.0.0.1:80 appears twice; keep one
      bridge.yaml:2:8: admin: 127.0.0.1:80 is in listen too; use another port
      """),
    BadFile(
      "listen without an address",
      """
      listen: []
      services: {a: {schemas: a.proto, endpoint: 'h:1'}}
      """,
      """
      bridge.yaml:1:9: listen: an empty list; write at least one, such as 127.0.0.1:8080
      """),
  ]

  private static let services: [BadFile] = [
    BadFile(
      "a service with nothing in it", "services:\n  a: {}\n",
      """
      bridge.yaml:2:3: services.a.endpoint: missing; write the gRPC server's host:port, such as \
      127.0.0.1:50051
      bridge.yaml:2:3: services.a.schemas: missing; write the .proto files, descriptor sets or \
      folders of them, or reflection to use the endpoint's own
      """),
    BadFile(
      "a service name for no log", "services:\n  a b: {schemas: a.proto, endpoint: 'h:1'}\n",
      """
      bridge.yaml:2:3: services.a b: not a name; write up to 64 letters, digits, -, _ or .
      """),
    BadFile(
      "how calls get to endpoints",
      """
      services:
        a:
          schemas: []
          endpoint: {static: [h:1, h:1, {weight: 2}, {address: "h:2", wait: 3}], dns: x}
          balance: ring_hash
          connections: {count: 0, idle_timeout: never}
          retry: {attempts: 1, on: [OK, GONE], budget: {ratio: 2}}
          health: {panic_threshold: 0.5, check: maybe}
        b:
          schemas: []
          endpoint: {}
          balance: {policy: ring_hash, subset: 0}
        c:
          schemas: []
          endpoint: {static: [{address: "h:1", weight: 0}]}
          balance: {policy: round_robin, header: x-user}
        d:
          schemas: []
          endpoint: {eas: x}
          balance: best
        e:
          schemas: a.proto
          endpoint: {dns: {srv: bench.internal}}
        f:
          schemas: a.proto
          endpoint: {dns: {srv: _grpc._tcp.bench, address: bench:1}}
        g:
          schemas: a.proto
          endpoint: {dns: {interval: 1s}}
      """,
      """
      bridge.yaml:3:14: services.a.schemas: an empty list; write at least one, such as \
      schemas/a.proto
      bridge.yaml:4:30: services.a.endpoint.static[1]: h:1 appears twice; keep one
      bridge.yaml:4:35: services.a.endpoint.static[2].address: missing; write host:port, such as \
      127.0.0.1:50051
      bridge.yaml:4:65: services.a.endpoint.static[3].wait: unknown key; the keys here are \
      address, weight
      bridge.yaml:4:81: services.a.endpoint.dns: "x" is not an address; write host:port, such as \
      127.0.0.1:50051
      bridge.yaml:5:14: services.a.balance: ring_hash needs a header; write {policy: ring_hash, \
      header: x-user}
      bridge.yaml:6:26: services.a.connections.count: "0" is not a number from 1 to 64
      bridge.yaml:6:43: services.a.connections.idle_timeout: "never" is not a duration; write a \
      number with a unit, such as 30s or 500ms, or off
      bridge.yaml:7:23: services.a.retry.attempts: "1" is not a number from 2 to 10
      bridge.yaml:7:31: services.a.retry.on[0]: "OK" is not a status code; write one such as \
      UNAVAILABLE, RESOURCE_EXHAUSTED or ABORTED
      bridge.yaml:7:35: services.a.retry.on[1]: "GONE" is not a status code; write one such as \
      UNAVAILABLE, RESOURCE_EXHAUSTED or ABORTED
      bridge.yaml:7:58: services.a.retry.budget.ratio: "2" is not a number from 0.0 to 1.0
      bridge.yaml:8:31: services.a.health.panic_threshold: "0.5" is not a percentage; write 0% to \
      100%, such as 50%
      bridge.yaml:8:43: services.a.health.check: expected true or false, found "maybe"
      bridge.yaml:10:14: services.b.schemas: an empty list; write at least one, such as \
      schemas/a.proto
      bridge.yaml:11:5: services.b.endpoint: no kind of endpoint; write one, such as {static: \
      [127.0.0.1:50051]}
      bridge.yaml:12:5: services.b.balance.header: missing; write the header whose values go to \
      the same endpoint
      bridge.yaml:12:42: services.b.balance.subset: "0" is not a number from 1 to 10000
      bridge.yaml:14:14: services.c.schemas: an empty list; write at least one, such as \
      schemas/a.proto
      bridge.yaml:15:24: services.c.endpoint.static: all weights are 0; no endpoint would get a call
      bridge.yaml:16:44: services.c.balance.header: only ring_hash uses a header; write \
      policy: ring_hash
      bridge.yaml:18:14: services.d.schemas: an empty list; write at least one, such as \
      schemas/a.proto
      bridge.yaml:19:16: services.d.endpoint.eas: unknown key; the keys here are dns, eas-direct, \
      eas-gateway, nacos, nlb, static
      bridge.yaml:20:14: services.d.balance: "best" is not a choice; write round_robin or \
      least_requests or pick_first or ring_hash
      bridge.yaml:23:27: services.e.endpoint.dns.srv: "bench.internal" is not a name of SRV records; \
      write it as _service._protocol.name, such as _grpc._tcp.bench.internal
      bridge.yaml:26:27: services.f.endpoint.dns.srv: address is set too; keep one of them
      bridge.yaml:29:16: services.g.endpoint.dns.address: missing; write one such as \
      bench.internal:50051
      """),
    BadFile(
      "import paths and hosts",
      """
      services:
        a:
          schemas: []
          endpoint: h:1
          import_paths: [a.proto, protos]
          hosts: [x, "*.y", X, "*", "a.*", "**.b", "*.10.0.0.1", "*.y."]
          prefix: a
      """,
      """
      bridge.yaml:3:14: services.a.schemas: an empty list; write at least one, such as schemas/a.proto
      bridge.yaml:5:20: services.a.import_paths[0]: "a.proto": is not a folder \
      (looked for <folder>/a.proto)
      bridge.yaml:6:12: services.a.hosts: "x" appears twice; keep one
      bridge.yaml:6:12: services.a.hosts: "*.y" appears twice; keep one
      bridge.yaml:6:26: services.a.hosts[3]: "*" is any host; leave the key out
      bridge.yaml:6:31: services.a.hosts[4]: "a.*": a "*" is only allowed as the first label, \
      followed by a dot, such as *.bench.internal
      bridge.yaml:6:38: services.a.hosts[5]: "**.b": a "*" is only allowed as the first label, \
      followed by a dot, such as *.bench.internal
      bridge.yaml:6:46: services.a.hosts[6]: "*.10.0.0.1": an address can't have a wildcard
      bridge.yaml:7:13: services.a.prefix: "a" does not start with /; write "/a"
      """),
    BadFile(
      "metadata",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          metadata:
            x y: a
            grpc-timeout: 1S
            Host: a
            x-a: a
            X-A: b
            x-tab: "a\\tb"
            x-end: "a "
            x-bin: "not base64"
            x-list: [a]
      """,
      """
      bridge.yaml:6:7: services.a.metadata.x y: not a metadata name; write letters, digits, -, _ or .
      bridge.yaml:7:7: services.a.metadata.grpc-timeout: reserved: the bridge sets this field
      bridge.yaml:8:7: services.a.metadata.Host: reserved: the bridge sets this field
      bridge.yaml:10:7: services.a.metadata.X-A: written twice (upper and lower case are the same); \
      keep one
      bridge.yaml:11:14: services.a.metadata.x-tab: contains characters that aren't allowed in a header; \
      write printable ASCII
      bridge.yaml:12:14: services.a.metadata.x-end: starts or ends with a blank, which isn't allowed in \
      a header
      bridge.yaml:13:14: services.a.metadata.x-bin: a name that ends in -bin requires base64
      bridge.yaml:14:15: services.a.metadata.x-list: expected a single value such as legacy, found a \
      list
      """),
    BadFile(
      "auth",
      """
      services:
        a: {schemas: a.proto, endpoint: 'h:1', prefix: /a, auth: {scheme: basic, token_env: GONE}}
        b: {schemas: a.proto, endpoint: 'h:1', prefix: /b, auth: {token: abc}}
        c: {schemas: a.proto, endpoint: 'h:1', prefix: /c, auth: {scheme: raw, token_env: EMPTY}}
        d:
          schemas: a.proto
          endpoint: h:1
          auth: {scheme: raw, token_env: BROKEN, token_file: gone.txt}
        e:
          schemas: a.proto
          endpoint: h:1
          prefix: /e
          metadata: {authorization: x}
          auth: {scheme: raw, token_env: BENCH_TOKEN}
      """,
      """
      bridge.yaml:2:69: services.a.auth.scheme: "basic" is not a choice; write bearer or raw or \
      eas or none
      bridge.yaml:2:87: services.a.auth.token_env: the environment variable "GONE" is not set; set \
      it, or use token_file
      bridge.yaml:3:54: services.b.auth.scheme: missing; write bearer, raw, eas or none
      bridge.yaml:3:54: services.b.auth.token_env: missing; name the environment variable that holds \
      the token, or write token_file
      bridge.yaml:3:61: services.b.auth.token: unknown key; the keys here are header, scheme, \
      token_env, token_file
      bridge.yaml:4:85: services.c.auth.token_env: the environment variable "EMPTY" is not set; set \
      it, or use token_file
      bridge.yaml:8:36: services.d.auth.token_env: the environment variable BROKEN contains characters that \
      aren't allowed in a header (or blanks at an end)
      bridge.yaml:8:56: services.d.auth.token_file: "gone.txt": No such file or directory
      bridge.yaml:8:56: services.d.auth.token_file: token_env is set too; keep one of them
      bridge.yaml:13:15: services.e.metadata: authorization is set by auth as well; keep one of them
      """),
    BadFile(
      "compression",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          compression: {replies: gzip, requests: on, minimum: 1K, level: 9}
      """,
      """
      bridge.yaml:5:28: services.a.compression.replies: "gzip" is not a choice; write auto or on or \
      off
      bridge.yaml:5:44: services.a.compression.requests: "on" is not a choice; write off or gzip
      bridge.yaml:5:57: services.a.compression.minimum: "1K" is not a size; write bytes or a number \
      with a unit, such as 64KiB or 4MiB
      bridge.yaml:5:61: services.a.compression.level: unknown key; the keys here are minimum, \
      replies, requests
      """),
    BadFile(
      "cors",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          cors:
            origins: [app.example, "https://*.example", https://a.example/, "https://a.example:443", "https://a b"]
            methods: get
            headers: ["*", "a b"]
        b:
          schemas: a.proto
          endpoint: h:1
          prefix: /b
          cors: {origins: "*", headers: ["*", x-a], credentials: true, max_age: 10}
        c:
          schemas: a.proto
          endpoint: h:1
          prefix: /c
          cors: {origins: ["*", "https://a.example"], origin: x}
        d: {schemas: a.proto, endpoint: 'h:1', prefix: /d, cors: {}}
      """,
      """
      bridge.yaml:6:17: services.a.cors.origins[0]: "app.example" is not an origin; write scheme, \
      host and an optional port, such as https://app.example
      bridge.yaml:6:30: services.a.cors.origins[1]: "https://*.example": origins are compared whole, \
      without wildcards; write each of them
      bridge.yaml:6:51: services.a.cors.origins[2]: "https://a.example/": an origin has no path and \
      no trailing slash; write scheme, host and an optional port, such as https://app.example
      bridge.yaml:6:71: services.a.cors.origins[3]: "https://a.example:443": browsers omit the \
      scheme's default port; leave out :443
      bridge.yaml:6:96: services.a.cors.origins[4]: "https://a b" is not an origin; write scheme, \
      host and an optional port, such as https://app.example
      bridge.yaml:7:16: services.a.cors.methods: "get" is not a method; write capital letters, such \
      as GET
      bridge.yaml:8:22: services.a.cors.headers[1]: "a b" is not a header name; write letters, \
      digits, -, _ or ., such as X-Team
      bridge.yaml:13:35: services.b.cors.headers: * allows any header; remove the others, or \
      remove *
      bridge.yaml:13:60: services.b.cors.credentials: with *, any page could use its visitor's cookies; \
      name the origins, or leave this out
      bridge.yaml:13:75: services.b.cors.max_age: "10" is not a duration; write a number with a \
      unit, such as 30s or 500ms
      bridge.yaml:18:21: services.c.cors.origins: * allows any origin; remove the others, or \
      remove *
      bridge.yaml:18:49: services.c.cors.origin: unknown key; did you mean origins?
      bridge.yaml:19:54: services.d.cors.origins: missing; write the origins that may call, such as \
      https://app.example, or *
      """),
    BadFile(
      "headers",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          forwarded: yes
          headers: {allow: ["x-*-y", "a b", ""], deny: [], denied: x}
      """,
      """
      bridge.yaml:5:16: services.a.forwarded: "yes" is not a choice; write append or drop or keep
      bridge.yaml:6:23: services.a.headers.allow[0]: "x-*-y" is not a header name; write letters, \
      digits, -, _ or ., and at most one * at the end, such as x-team or x-team-*
      bridge.yaml:6:32: services.a.headers.allow[1]: "a b" is not a header name; write letters, \
      digits, -, _ or ., and at most one * at the end, such as x-team or x-team-*
      bridge.yaml:6:39: services.a.headers.allow[2]: "" is not a header name; write letters, \
      digits, -, _ or ., and at most one * at the end, such as x-team or x-team-*
      bridge.yaml:6:50: services.a.headers.deny: an empty list; write at least one, such as cookie
      bridge.yaml:6:54: services.a.headers.denied: unknown key; the keys here are allow, deny, grpc_metadata
      """),
    BadFile(
      "json options",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          map_by_name: 1
          json: {unknown_fields: drop, always_print: yes please, int64: true, enum: number}
      """,
      """
      bridge.yaml:5:18: services.a.map_by_name: expected true or false, found "1"
      bridge.yaml:6:28: services.a.json.unknown_fields: "drop" is not a choice; write reject or ignore
      bridge.yaml:6:48: services.a.json.always_print: expected true or false, found "yes please"
      bridge.yaml:6:67: services.a.json.int64: "true" is not a choice; write string or number
      bridge.yaml:6:73: services.a.json.enum: unknown key; did you mean enums?
      """),
    BadFile(
      "stream options",
      """
      services:
        a:
          schemas: a.proto
          endpoint: h:1
          stream: {format: array, heartbeat: 15, done: "a\\nb", beat: 1s}
      """,
      """
      bridge.yaml:5:22: services.a.stream.format: "array" is not a choice; write accept or ndjson or json or sse
      bridge.yaml:5:40: services.a.stream.heartbeat: "15" is not a duration; write a number with a unit, such as 30s or 500ms
      bridge.yaml:5:50: services.a.stream.done: write one line of at most 256 bytes
      bridge.yaml:5:58: services.a.stream.beat: unknown key; the keys here are done, envelope, format, heartbeat, timeout
      """),
  ]

  private static let yaml: [BadFile] = [
    BadFile(
      "a key twice, and other faults beside it",
      """
      admin: x
      services:
        a:
          timeout: 1s
          schemas: a.proto
          timeout: 2
          endpoint: h:1
          "timeout": 3s
      admin: 127.0.0.1:81
      """,
      """
      bridge.yaml:6:5: services.a.timeout: written twice, first in line 4; keep one
      bridge.yaml:8:5: services.a.timeout: written twice, first in line 6; keep one
      bridge.yaml:9:1: admin: written twice, first in line 1; keep one
      """),
    BadFile(
      "a service twice",
      "services: {a: {schemas: a.proto, endpoint: 'h:1'}, a: {schemas: a.proto, endpoint: 'h:1'}}",
      "bridge.yaml:1:52: services.a: written twice, first in line 1; keep one"),
    BadFile(
      "a bracket left open", "services: [a",
      """
      bridge.yaml:2:1: not YAML: while parsing a flow sequence (line 1): did not find expected ',' \
      or ']'; is a bracket left open?
      """),
    BadFile(
      "a line that's indented otherwise",
      "services:\n  a:\n    schemas: a.proto\n   endpoint: h:1\n",
      """
      bridge.yaml:4:4: not YAML: while parsing a block mapping (line 2): did not find expected key; \
      indent the line like the others of its section: keys of a section start in the same column
      """),
    BadFile(
      "a key under a value", "services:\n  a: x\n    schemas: a.proto\n",
      """
      bridge.yaml:3:12: not YAML: mapping values are not allowed in this context; indent the line like \
      its neighbours (keys of a section start in the same column), or put a value that contains ": " in \
      quotes
      """),
    BadFile(
      "a star for all addresses", "listen: *:8080\n",
      """
      bridge.yaml:1:9: a "*" doesn't mean all addresses here; write 0.0.0.0 or "[::]" instead
      """),
    BadFile(
      "a tab as indentation", "services:\n\ta: b\n",
      """
      bridge.yaml:2:1: not YAML: while scanning for the next token (line 2): found character that \
      cannot start any token; indent with blanks, not with tabs, and put a value that starts with @ \
      or ` in quotes
      """),
    BadFile(
      "two documents", "services: {}\n---\nservices: {}\n",
      """
      bridge.yaml:2:1: not YAML: expected a single document in the stream (line 1): but found \
      another document
      """),
    BadFile(
      "a control character", "listen: a\u{1}b\n",
      "bridge.yaml:1:10: not YAML: control characters are not allowed"),
    BadFile(
      "a list as a key", "[a, b]: c\nservices: {a: {schemas: a.proto, endpoint: 'h:1'}}\n",
      "bridge.yaml:1:1: a key must be a name, not a list or a mapping"),
    BadFile(
      "aliases of aliases",
      "a: &a [x, x]\nb: &b [*a, *a]\n? *b\n: y\n",
      "bridge.yaml:1:4: anchors (&) and tags (!) are not supported; put the value in quotes"),
    BadFile(
      "an alias alone", "services: *a\n",
      """
      bridge.yaml:1:11: aliases (*name) are not supported; write the value out, or put it in quotes
      """),
    BadFile(
      "block text", "services:\n  a: |\n    text\n",
      "bridge.yaml:2:6: block scalars (| and >) are not supported; write the value in quotes"),
  ]
}
