import CloudstateProtocol
import TCKProtocol

// What clients ask of replicated entities, in the notation of CRDTScript.

extension NotationScanner {
  typealias Request = Cloudstate_Tck_Model_Crdt_Request
  typealias StreamedRequest = Cloudstate_Tck_Model_Crdt_StreamedRequest

  /// `[inc(1), effect(x)]`.
  mutating func request(entityID: String) throws(NotationError) -> Request {
    var request = Request()
    request.id = entityID
    try expect("[")
    while !isAtEndOfList {
      request.actions.append(try action(entityID: entityID))
      _ = take(",")
    }
    try expect("]")
    return request
  }

  private mutating func action(
    entityID: String
  ) throws(NotationError) -> Cloudstate_Tck_Model_Crdt_RequestAction {
    var action = Cloudstate_Tck_Model_Crdt_RequestAction()
    let symbol = word()
    switch symbol {
    case "delete": action.delete = Cloudstate_Tck_Model_Crdt_Delete()
    case "forward": action.forward.id = resolved(try enclosed("(", ")"), entityID: entityID)
    case "effect": action.effect.id = resolved(try enclosed("(", ")"), entityID: entityID)
    case "effectS":
      action.effect.id = resolved(try enclosed("(", ")"), entityID: entityID)
      action.effect.synchronous = true
    case "fail": action.fail.message = try enclosed("(", ")")
    default:
      action.update = try update(symbol, of: ReplicatedType(entityID: entityID))
      guard take("with") else { break }
      action.update.writeConsistency =
        switch try consistency() {
        case .all: .all
        case .majority: .majority
        default: .local
        }
    }
    return action
  }

  /// `{end_state gc(3), empty}`.
  mutating func streamedRequest(entityID: String) throws(NotationError) -> StreamedRequest {
    var request = StreamedRequest()
    let type = ReplicatedType(entityID: entityID)
    request.id = entityID
    try expect("{")
    while !isAtEndOfList {
      if take("end_state") {
        request.endState = try state()
      } else if take("cancel_update") {
        request.cancelUpdate = try update(word(), of: type)
      } else if take("initial_update") {
        request.initialUpdate = try update(word(), of: type)
      } else if take("effects") {
        request.effects = try list("[", "]").map { text in
          var effect = Cloudstate_Tck_Model_Crdt_Effect()
          let parts = text.split(separator: " ")
          effect.id = resolved(String(parts.first ?? ""), entityID: entityID)
          effect.synchronous = parts.last == "synchronous"
          return effect
        }
      } else if take("empty") {
        request.empty = true
      } else {
        throw error("expected a field of a streamed request")
      }
      _ = take(",")
    }
    try expect("}")
    return request
  }

  /// `MAJORITY` and the others; `optional` stands for nothing.
  mutating func consistency(
    optional: Bool = false
  ) throws(NotationError) -> Cloudstate_Crdt_CrdtWriteConsistency {
    if take("MAJORITY") { return .majority }
    if take("ALL") { return .all }
    if !take("LOCAL") && !optional { throw error("expected LOCAL, MAJORITY or ALL") }
    return .local
  }
}
