internal import BridgeConfiguration
package import HTTP2

extension Configuration.Service {
  /// The configured metadata, which each of its calls carries. The upstream adds the credentials.
  package var callMetadata: HeaderBlock {
    var metadata = HeaderBlock()
    for (name, value) in self.metadata { metadata.append(name, value) }
    return metadata
  }
}
