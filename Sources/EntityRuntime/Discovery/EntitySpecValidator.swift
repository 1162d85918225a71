import CloudstateProtocol
import DynamicProtobuf

/// The checks of proxy behaviour, section 3, in its order and with its texts, which users and the test suites
/// of language libraries know.
struct EntitySpecValidator {
  let policy: DiscoveryPolicy

  func validate(_ spec: Cloudstate_EntitySpec) throws(DiscoveryError) -> ServiceSpec {
    try checkVersion(spec.serviceInfo)
    let pool = try descriptorPool([UInt8](spec.proto))
    guard !spec.entities.isEmpty else {
      throw DiscoveryError("No entities were reported by the discover call!")
    }
    var entities: [ServedEntity] = []
    for entity in spec.entities {
      entities.append(try served(entity, spec.serviceInfo, pool))
    }
    try checkUniqueness(entities)
    try EventSubscriptionChecks.check(entities)
    return ServiceSpec(pool: pool, entities: entities, info: spec.serviceInfo)
  }

  private func checkVersion(_ info: Cloudstate_ServiceInfo) throws(DiscoveryError) {
    let (major, minor) = (info.protocolMajorVersion, info.protocolMinorVersion)
    guard policy.versionCheck.accepts(major: major, minor: minor) else {
      throw DiscoveryError(
        "Incompatible protocol version \(major).\(minor), only 0.2 is supported")
    }
  }

  private func descriptorPool(_ set: [UInt8]) throws(DiscoveryError) -> DescriptorPool {
    do throws(DescriptorError) {
      return try DescriptorPool(
        fileDescriptorSet: set, supplying: WellKnownDescriptors.fileDescriptorSet)
    } catch {
      switch error.kind {
      case .circularDependency, .missingDependency: throw DiscoveryError(error.message)
      case .unparseable, .invalid, .noSuchMessage:
        throw DiscoveryError("The descriptors of the entity spec are invalid: \(error.message)")
      }
    }
  }

  private func served(
    _ entity: Cloudstate_Entity, _ info: Cloudstate_ServiceInfo, _ pool: DescriptorPool
  ) throws(DiscoveryError) -> ServedEntity {
    guard let service = pool.service(named: entity.serviceName) else {
      throw DiscoveryError("Service [\(entity.serviceName)] not found in descriptors!")
    }
    let kind = try kind(of: entity)
    try checkStreaming(kind, service)
    let reader = EntityMethodReader(pool: pool, kind: kind)
    let methods = try reader.methods(of: service)
    guard !kind.needsStore || !entity.persistenceID.isEmpty else {
      throw DiscoveryError(
        "Service [\(entity.serviceName)] has declared an empty persistence_id; "
          + "state cannot be stored without one")
    }
    return ServedEntity(
      serviceName: entity.serviceName, kind: kind, persistenceID: entity.persistenceID,
      passivationTimeout: passivationTimeout(entity),
      crdtDialect: kind == .crdt ? dialect(reader.keyOptions(of: service), info, pool) : nil,
      methods: methods)
  }

  private func kind(of entity: Cloudstate_Entity) throws(DiscoveryError) -> EntityKind {
    let kind = EntityKind(rawValue: entity.entityType)
    if let kind, policy.servedKinds.contains(kind) { return kind }
    if kind == .eventSourced, !policy.hasStore {
      throw DiscoveryError(
        "Service [\(entity.serviceName)] has declared an event sourced entity, however, this proxy "
          + "does not have a configured store, or its store does not support journals")
    }
    let supported = policy.servedKinds.map(\.rawValue).joined(separator: ", ")
    throw DiscoveryError(
      "Service [\(entity.serviceName)] has declared an unsupported entity type "
        + "[\(entity.entityType)]. Supported types are \(supported)")
  }

  private func checkStreaming(
    _ kind: EntityKind, _ service: ServiceDescriptor
  ) throws(DiscoveryError) {
    let illegal: [MethodDescriptor]
    let mistake: String
    switch kind {
    case .eventSourced, .valueEntity:
      illegal = service.methods.filter { $0.isClientStreaming || $0.isServerStreaming }
      mistake = "do not support streamed methods"
    case .crdt:
      illegal = service.methods.filter(\.isClientStreaming)
      mistake = "do not support streaming in from the client"
    case .action, .statelessFunction: return
    }
    guard !illegal.isEmpty else { return }
    let names = illegal.map(\.name).joined(separator: ",")
    throw DiscoveryError(
      "\(kind.plural) \(mistake), but \(service.fullName) has the following streamed methods: "
        + names)
  }

  private func dialect(
    _ options: Set<Int32>, _ info: Cloudstate_ServiceInfo, _ pool: DescriptorPool
  ) -> CrdtDialect {
    // Both numbers are known to every pool, because missing files are supplied; only the function's own file
    // says which one it meant.
    let declared = EntityKeyOption.all.filter {
      pool.fileName(containingExtension: $0, of: "google.protobuf.FieldOptions")
        == "cloudstate/entity_key.proto"
    }
    return CrdtDialect(
      options: options, declared: declared.count == 1 ? declared.first : nil,
      reportsCurrentVersion: info.protocolMajorVersion == 0 && info.protocolMinorVersion == 2)
  }

  /// Zero is what an unset number reads as, so it is no wish.
  private func passivationTimeout(_ entity: Cloudstate_Entity) -> Duration? {
    guard case .timeout(let strategy) = entity.passivationStrategy.strategy, strategy.timeout > 0
    else { return nil }
    return min(.milliseconds(strategy.timeout), ServedEntity.maximumPassivationTimeout)
  }

  private func checkUniqueness(_ entities: [ServedEntity]) throws(DiscoveryError) {
    var services: Set<String> = []
    var owners: [String: String] = [:]
    for entity in entities {
      guard services.insert(entity.serviceName).inserted else {
        throw DiscoveryError("Service [\(entity.serviceName)] was reported more than once")
      }
      guard entity.kind.needsStore else { continue }
      if let other = owners.updateValue(entity.serviceName, forKey: entity.persistenceID) {
        throw DiscoveryError(
          "Services [\(other)] and [\(entity.serviceName)] have declared the same persistence_id "
            + "[\(entity.persistenceID)], so their states would overwrite each other; "
            + "give each its own")
      }
    }
  }
}
