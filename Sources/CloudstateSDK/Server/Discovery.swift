import CloudstateProtocol
import FoundationEssentials

/// What the SDK says of itself in discovery (protocol section 2.5).
enum SupportLibrary {
  static let name = "cloudstate-swift-support"
  static let version = "0.1.0"
  static let runtime = "Swift 6"
  /// The protocol that the SDK speaks: 0.2.
  static let protocolMajorVersion: Int32 = 0
  static let protocolMinorVersion: Int32 = 2
}

/// The answer to `discover`; the same for every call, as protocol section 2.1 demands.
func entitySpec(
  descriptors: [UInt8], services: [HostedService], serviceName: String, serviceVersion: String
) -> Cloudstate_EntitySpec {
  var spec = Cloudstate_EntitySpec()
  spec.proto = Data(descriptors)
  spec.entities = services.map { hosted in
    var entity = Cloudstate_Entity()
    entity.entityType = hosted.kind.name.rawValue
    entity.serviceName = hosted.serviceName
    entity.persistenceID = hosted.persistenceID
    if let timeout = hosted.passivationTimeout {
      entity.passivationStrategy.timeout.timeout = timeout.wholeMilliseconds
    }
    return entity
  }
  spec.serviceInfo.serviceName = serviceName
  spec.serviceInfo.serviceVersion = serviceVersion
  spec.serviceInfo.serviceRuntime = SupportLibrary.runtime
  spec.serviceInfo.supportLibraryName = SupportLibrary.name
  spec.serviceInfo.supportLibraryVersion = SupportLibrary.version
  spec.serviceInfo.protocolMajorVersion = SupportLibrary.protocolMajorVersion
  spec.serviceInfo.protocolMinorVersion = SupportLibrary.protocolMinorVersion
  return spec
}

/// What should be said in the log about a proxy that asked for the specification of a server with these
/// kinds of services; empty if nothing.
func concerns(
  about proxy: Cloudstate_ProxyInfo, hosting kinds: Set<HostedService.KindName>
) -> [String] {
  var concerns: [String] = []
  if proxy.protocolMajorVersion != SupportLibrary.protocolMajorVersion {
    concerns.append(
      "it speaks protocol \(proxy.protocolMajorVersion).\(proxy.protocolMinorVersion), "
        + "this library 0.2")
  }
  for kind in HostedService.KindName.allCases where kinds.contains(kind) {
    if !proxy.supportedEntityTypes.contains(kind.rawValue) {
      concerns.append("it does not support \(kind.words)")
    }
  }
  return concerns
}

extension Duration {
  /// Whole milliseconds, rounded down.
  var wholeMilliseconds: Int64 {
    components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
  }
}
