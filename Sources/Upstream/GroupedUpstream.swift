/// The groups of a service's endpoints on one event loop, each with an upstream of its own; a call goes
/// to the one that it asks for (`CallRequest.group`). Confined to the loop.
package final class GroupedUpstream: Upstream {
  private let groups: [any Upstream]

  /// - Parameter groups: at least one; the first one takes calls of groups that aren't there.
  package init(_ groups: [any Upstream]) {
    precondition(!groups.isEmpty, "a service without endpoints")
    self.groups = groups
  }

  package func start(_ request: CallRequest, observer: any CallObserver) -> any UpstreamCall {
    let index = self.groups.indices.contains(request.group) ? request.group : 0
    return self.groups[index].start(request, observer: observer)
  }
}
