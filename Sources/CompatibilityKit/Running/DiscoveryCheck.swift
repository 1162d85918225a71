import CloudstateProtocol
import SwiftProtobuf

extension Cloudstate_EntitySpec {
  /// What is missing or different from what a case wants declared, or `nil`.
  ///
  /// - Parameter declaredServices: The services of the descriptors in the specification.
  func deviation(from wanted: DeclaredEntity, declaredServices: Set<String>) -> CaseFailure? {
    func failure(_ expected: String, _ received: String) -> CaseFailure {
      CaseFailure(step: "discover", expected: expected, received: received)
    }
    let found = entities.filter { $0.serviceName == wanted.service }
    guard let entity = found.first, found.count == 1 else {
      return failure("one entity \(wanted.service)", "\(found.count) of them")
    }
    guard declaredServices.contains(wanted.service) else {
      return failure("descriptors with the service \(wanted.service)", "descriptors without it")
    }
    let actual = DeclaredEntity(
      service: entity.serviceName, type: entity.entityType,
      persistenceID: wanted.persistenceID.map { _ in entity.persistenceID },
      passivationMilliseconds: wanted.passivationMilliseconds.map { _ in
        entity.passivationStrategy.timeout.timeout
      })
    return actual == wanted ? nil : failure(wanted.description, actual.description)
  }
}

/// What is wrong in the meeting of a proxy and a user function (section 4), or `nil`.
func discoveryDeviation(
  _ proxy: Cloudstate_ProxyInfo, _ function: FunctionUnderTest
) -> CaseFailure? {
  func failure(_ expected: String, _ received: String) -> CaseFailure? {
    expected == received
      ? nil : CaseFailure(step: "discover", expected: expected, received: received)
  }
  let version = "protocol \(proxy.protocolMajorVersion).\(proxy.protocolMinorVersion)"
  let types = Set(proxy.supportedEntityTypes).sorted().joined(separator: ", ")
  let undeclared = function.spec.entities.map(\.serviceName)
    .filter { !function.declaredServices.contains($0) }
  return failure("protocol 0.2", version)
    ?? failure("support of \(supportedTypes.joined(separator: ", "))", "support of \(types)")
    ?? failure(
      "services without descriptors: none",
      "services without descriptors: "
        + (undeclared.isEmpty ? "none" : undeclared.joined(separator: ", ")))
}
