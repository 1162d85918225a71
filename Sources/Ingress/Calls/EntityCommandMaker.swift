import CloudstateModel

/// Makes commands of the request messages of one call of an entity's method.
struct EntityCommandMaker {
  let route: IngressRoute
  let persistenceID: String
  let entityID: IngressRoute.EntityIDReader
  let idempotencyKey: String?
  let maximumIdempotencyKeyBytes: Int
  let metadata: [CommandMetadata]
  /// As ``EntityCommand/deadline``.
  let deadline: UInt64?

  /// - Parameter number: which message of its call it is, from 1.
  func command(_ payload: [UInt8], number: Int) -> Result<EntityCommand, CommandError> {
    let entityID: String
    do {
      entityID = try payload.withUnsafeBytes { try self.entityID($0) }
    } catch {
      return .failure(
        CommandError(.invalidArgument, "the request is not a valid message: \(error)"))
    }
    guard !entityID.isEmpty else {
      return .failure(
        CommandError(
          .invalidArgument,
          "the entity key of \(route.path) is empty; set the fields of the request that are marked as "
            + "entity_key")
      )
    }
    var key = idempotencyKey
    if let given = key {
      guard !given.isEmpty, given.utf8.count <= maximumIdempotencyKeyBytes else {
        return .failure(
          CommandError(
            .invalidArgument,
            "the idempotency key must have 1 to \(maximumIdempotencyKeyBytes) bytes"))
      }
      // Each message of a call is a command of its own.
      if number > 1 { key = "\(given)#\(number)" }
    }
    return .success(
      EntityCommand(
        serviceName: route.serviceName, method: route.method,
        entity: EntityKey(persistenceID: persistenceID, entityID: entityID),
        payloadTypeURL: route.inputTypeURL, payload: payload, metadata: metadata,
        idempotencyKey: key, deadline: deadline))
  }
}
