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
      // Functions of the old kind are served, but those who wrote them do not look for it here, and the
      // test suites of today's libraries expect today's kinds only.
      $0.supportedEntityTypes = policy.servedKinds.filter { $0 != .statelessFunction }
        .map(\.rawValue)
    }
  }
}
