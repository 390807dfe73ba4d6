internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
package import NIOPosix
internal import NIOSSL

/// The HTTP client of all sources of a process. Shut it down when the sources have ended.
package final class DiscoveryClient: Sendable {
  private let client: HTTPClient

  /// - Parameter group: whose loops carry the connections.
  package init(group: MultiThreadedEventLoopGroup) {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.timeout = HTTPClient.Configuration.Timeout(connect: .seconds(5))
    // A source that asks every few seconds keeps its connection; one that asks less often gives it back.
    configuration.connectionPool.idleTimeout = .seconds(30)
    // A source has its own pace, and another address to ask perhaps.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    self.client = HTTPClient(eventLoopGroup: group, configuration: configuration)
  }

  /// Closes its connections; questions under way fail.
  package func shutDown() async {
    try? await self.client.shutdown()
  }

  package var fetch: HTTPFetch {
    let client = self.client
    return HTTPFetch { request in
      await withTaskGroup(of: HTTPFetch.Outcome.self) { group in
        group.addTask { await Self.ask(request, by: client) }
        group.addTask {
          try? await Task.sleep(for: request.timeout)
          return .failure(
            HTTPFetch.Failure(
              "\(request.url) gave no answer within \(ConfigurationValues.text(request.timeout))"))
        }
        let first = await group.next()
        group.cancelAll()
        return first ?? .failure(HTTPFetch.Failure("\(request.url) wasn't asked"))
      }
    }
  }

  private static func ask(
    _ request: HTTPFetch.Request, by client: HTTPClient
  ) async -> HTTPFetch.Outcome {
    var sent = HTTPClientRequest(url: request.url)
    sent.method = request.method == .get ? .GET : .POST
    sent.headers.add(name: "user-agent", value: "bridge-proxy")
    for (name, value) in request.headers { sent.headers.add(name: name, value: value) }
    if !request.body.isEmpty { sent.body = .bytes(ByteBuffer(bytes: request.body)) }
    do {
      // The limit is the other task's; this one only has to be longer.
      let deadline = NIODeadline.now() + TimeAmount(request.timeout) + .seconds(1)
      let answer = try await client.execute(sent, deadline: deadline)
      let body = try await answer.body.collect(upTo: HTTPFetch.byteLimit)
      return .success(
        HTTPFetch.Response(
          status: Int(answer.status.code), body: Array(body.readableBytesView),
          etag: answer.headers.first(name: "etag")))
    } catch {
      return .failure(HTTPFetch.Failure("\(request.url): \(Self.reason(error))"))
    }
  }

  /// What went wrong, in words.
  private static func reason(_ error: any Error) -> String {
    switch error {
    case is NIOTooManyBytesError:
      "the answer is larger than \(HTTPFetch.byteLimit) bytes"
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { Self.reason($0.error) } ?? "no address for this host name"
    case let error as IOError:
      switch error.errnoCode {
      case ECONNREFUSED: "connection refused"
      case ECONNRESET: "connection reset"
      case ETIMEDOUT: "timed out"
      case EHOSTUNREACH: "no route to the host"
      case ENETUNREACH: "no route to the network"
      default: "\(error)"
      }
    case let error as HTTPClientError where error == .deadlineExceeded:
      "no answer in time"
    case let error as HTTPClientError where error == .connectTimeout:
      "no connection in time"
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      "the connection was closed before the answer was complete"
    case let error as HTTPClientError:
      error.shortDescription
    case is HTTPParserError:
      "the answer isn't HTTP/1.1 (\(error))"
    case is SocketAddressError:
      "no address for this host name"
    case is CancellationError:
      "the question was given up"
    default:
      "\(error)"
    }
  }
}
