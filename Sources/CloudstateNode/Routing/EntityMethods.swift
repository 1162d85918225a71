import DynamicProtobuf
import EntityRuntime
import Ingress

/// The methods of all entities that the user function serves, by service and name.
struct EntityMethods: Sendable {
  let routes: [IngressRoute]
  private let byPath: [String: IngressRoute]

  init(_ spec: ServiceSpec) {
    routes = spec.entities.flatMap { entity in
      entity.methods.values.compactMap { method -> IngressRoute? in
        guard let extractor = method.keyExtractor else { return nil }
        return IngressRoute(
          serviceName: entity.serviceName, method: method.name,
          persistenceID: entity.persistenceID, inputTypeURL: method.inputTypeURL,
          outputTypeURL: method.outputTypeURL, entityID: { try extractor.key(of: $0) })
      }
    }
    byPath = Dictionary(routes.map { ($0.path, $0) }) { first, _ in first }
  }

  subscript(serviceName: String, method: String) -> IngressRoute? {
    byPath["/\(serviceName)/\(method)"]
  }
}
