import AccessControl
import CloudstateModel
import DynamicProtobuf
import EntityRuntime
import Ingress

/// The methods of all services that the user function serves, by service and name.
struct EntityMethods: Sendable {
  let routes: [IngressRoute]
  private let byService: [String: [String: IngressRoute]]
  /// Services whose entities are replicated: their commands run on the node that received them.
  private let replicatedServices: Set<String>

  init(_ spec: ServiceSpec) {
    let routes = spec.entities.flatMap { entity in
      entity.methods.values.compactMap { method in
        Self.target(of: method, in: entity).map {
          IngressRoute(
            serviceName: entity.serviceName, method: method.name, target: $0,
            inputTypeURL: method.inputTypeURL, outputTypeURL: method.outputTypeURL)
        }
      }
    }
    self.init(
      routes,
      replicatedServices: Set(spec.entities.filter { $0.kind == .crdt }.map(\.serviceName)))
  }

  init(_ routes: [IngressRoute], replicatedServices: Set<String>) {
    self.routes = routes
    self.replicatedServices = replicatedServices
    byService = Dictionary(grouping: routes, by: \.serviceName).mapValues { routes in
      Dictionary(routes.map { ($0.method, $0) }) { first, _ in first }
    }
  }

  subscript(serviceName: String, method: String) -> IngressRoute? {
    byService[serviceName]?[method]
  }

  func isReplicated(_ serviceName: String) -> Bool {
    !replicatedServices.isEmpty && replicatedServices.contains(serviceName)
  }

  func serves(_ serviceName: String) -> Bool { byService[serviceName] != nil }

  /// Whether a service has a method that the caller may send to. What describes services, by reflection or
  /// in documents, leaves the others out.
  ///
  /// - Parameters:
  ///   - serviceName: its full name, `package.Service`.
  ///   - service: the topology's name of the stateful service.
  func isVisible(
    _ serviceName: String, of service: ServiceName, to rights: AccessRights
  ) -> Bool {
    byService[serviceName]?.keys.contains {
      rights.allows(.send, Subject.command(service: service, method: $0))
    } ?? false
  }

  private static func target(
    of method: ServedMethod, in entity: ServedEntity
  ) -> IngressRoute.Target? {
    switch entity.kind {
    case .eventSourced, .valueEntity:
      method.keyExtractor.map { extractor in
        .entity(persistenceID: entity.persistenceID, entityID: { try extractor.key(of: $0) })
      }
    case .action, .statelessFunction:
      .action(
        ActionShape(
          isClientStreaming: method.isClientStreaming, isServerStreaming: method.isServerStreaming))
    case .crdt:
      method.keyExtractor.map { extractor in
        let read: IngressRoute.EntityIDReader = { try extractor.key(of: $0) }
        return method.isServerStreaming
          ? .entityStream(persistenceID: entity.persistenceID, entityID: read)
          : .entity(persistenceID: entity.persistenceID, entityID: read)
      }
    }
  }
}
