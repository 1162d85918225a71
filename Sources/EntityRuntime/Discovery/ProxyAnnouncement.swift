package import CloudstateProtocol
import SwiftProtobuf

/// How a node introduces itself to its user function.
package enum ProxyAnnouncement {
  /// The argument of `EntityDiscovery.discover` (proxy behaviour, section 2.1): protocol 0.2, and only the
  /// kinds of entities that would be accepted.
  package static func message(policy: DiscoveryPolicy) -> Cloudstate_ProxyInfo {
    .with {
      $0.protocolMajorVersion = 0
      $0.protocolMinorVersion = 2
      $0.proxyName = policy.proxyName
      $0.proxyVersion = policy.proxyVersion
      $0.supportedEntityTypes = policy.servedKinds.map(\.rawValue)
    }
  }
}
