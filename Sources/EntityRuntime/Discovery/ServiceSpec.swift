package import CloudstateProtocol
package import DynamicProtobuf

/// What a user function serves, checked: everything the node needs to serve it. Immutable; any thread.
package struct ServiceSpec: Sendable {
  /// All types of the user function, with supplied imports.
  package let pool: DescriptorPool
  /// In the order in which the user function reported them; no service twice.
  package let entities: [ServedEntity]
  /// About the user function and its library; empty when it did not say.
  package let info: Cloudstate_ServiceInfo

  private let methods: [String: ServedMethod]

  init(pool: DescriptorPool, entities: [ServedEntity], info: Cloudstate_ServiceInfo) {
    self.pool = pool
    self.entities = entities
    self.info = info
    methods = Dictionary(
      entities.flatMap { $0.methods.values.map { ($0.path, $0) } }, uniquingKeysWith: { $1 })
  }

  /// Checks a discovery answer (proxy behaviour, section 3, rows 1 to 18 and the additional checks).
  ///
  /// - Throws: the first mistake found, in the order of that table.
  package static func validate(
    _ spec: Cloudstate_EntitySpec, policy: DiscoveryPolicy
  ) throws(DiscoveryError) -> ServiceSpec {
    try EntitySpecValidator(policy: policy).validate(spec)
  }

  /// The method with the path `/package.Service/Method`.
  package func method(path: String) -> ServedMethod? { methods[path] }

  /// The entity with this full service name.
  package func entity(serviceName: String) -> ServedEntity? {
    entities.first { $0.serviceName == serviceName }
  }

  /// Whether a node that serves the one may go on serving the other: the same entities with the same state,
  /// and methods that are called alike. What else the descriptors say does not matter.
  package func isCompatible(with other: ServiceSpec) -> Bool {
    guard entities.count == other.entities.count else { return false }
    return entities.allSatisfy { entity in
      guard let match = other.entity(serviceName: entity.serviceName),
        match.kind == entity.kind, match.persistenceID == entity.persistenceID,
        match.methods.count == entity.methods.count
      else { return false }
      return entity.methods.allSatisfy { name, method in
        match.methods[name].map(method.isEquivalent) ?? false
      }
    }
  }
}
