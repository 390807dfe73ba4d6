internal import Downstream

extension ServingSwitch {
  /// Marks services without a schema as not ready, whether their endpoints can be reached or not.
  ///
  /// - Parameter readiness: one for each service of the table, in its order.
  func mark(_ readiness: [AdminServer.Readiness]) -> [AdminServer.Readiness] {
    zip(readiness, self.table.services).map { readiness, service in
      guard let reason = service.missingSchema else { return readiness }
      return AdminServer.Readiness(
        service: readiness.service, isReachable: false, reason: "no schema yet: \(reason)")
    }
  }
}
